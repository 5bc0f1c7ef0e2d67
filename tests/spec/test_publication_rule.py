"""The publication rule as tables: persons per category of a group, and whether it may be shown."""

import numpy as np
import pytest

from anonymise import rule
from anonymise.rule import Rule, may_be_broken_down, may_be_counted


@pytest.mark.parametrize(("persons", "counted"), [(0, False), (1, False), (9, False), (10, True), (11, True)])
def test_a_block_needs_k_persons(persons: int, counted: bool) -> None:  # noqa: FBT001
    assert may_be_counted(np.array([[persons]]), rule=Rule())[0] == counted


@pytest.mark.parametrize(
    ("categories", "shown"),
    [
        ([10, 10], True),
        ([40, 10], True),  # exactly the limit
        ([41, 10], False),  # above it
        ([400, 100], True),
        ([401, 100], False),
        ([50, 0], False),  # one category tells everybody's
        ([0, 0], False),
        ([10, 9], False),  # a number below k
        ([30, 20, 1], False),  # and one that is derived from the total
        ([30, 20, 0], True),  # a zero is a real zero
        ([28, 10, 10], True),
    ],
)
def test_a_group_is_broken_down_only_if_no_category_tells(categories: list[int], shown: bool) -> None:  # noqa: FBT001
    assert may_be_broken_down(np.array([categories]), rule=Rule())[0] == shown


def test_the_constants_that_protect_people_are_what_the_manual_says() -> None:
    assert (rule.K_DEFAULT, rule.K_FLOOR, rule.SHARE_LIMIT, rule.MIN_CATEGORIES) == (10, 5, 0.8, 2)
