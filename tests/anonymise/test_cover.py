"""The sweep on small examples whose result can be worked out by hand."""

import numpy as np
import pytest

from anonymise.cover import smallest_levels, sweep
from anonymise.hierarchy import Hierarchy, build
from anonymise.keys import halves
from anonymise.leftovers import joined
from anonymise.losses import Generic, Order
from anonymise.profiles import Profile, profile_for, specialised, swept

K = 10
LETTERS = build("letters", {"letter": list("abcd"), "half": ["ab", "ab", "cd", "cd"]})
LINE = np.arange(4, dtype=np.int64)[:, None]


def classes(counts: list[int], within: list[int] | None = None) -> list[int]:
    """The class of each letter, for k = 10."""
    persons, strata = np.array(counts), np.array(within or [0] * len(counts))
    loss = Generic((LETTERS,))
    parts = halves(LINE, strata, hierarchies=(LETTERS,))
    found = sweep(parts, persons, order=loss.ordered(LINE, persons), within=strata, k=K)
    levels = smallest_levels(found.classes, LINE, hierarchies=(LETTERS,))
    placed, _ = joined(found.classes, levels, LINE, persons, hierarchies=(LETTERS,), loss=loss, within=strata)
    return [int(number) for number in placed]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([10, 10, 10, 10], [0, 1, 2, 3]),
        ([12, 4, 6, 20], [0, 2, 2, 1]),  # b and c are enough together
        ([5, 5, 20, 20], [2, 2, 0, 1]),  # too few apart, enough together
        ([12, 4, 20, 20], [0, 0, 1, 2]),  # b joins its sibling: widening over the halves costs more
        ([3, 3, 3, 1], [0, 0, 0, 0]),
    ],
)
def test_values_that_are_too_few_go_where_it_costs_least(counts: list[int], expected: list[int]) -> None:
    assert classes(counts) == expected


def test_classes_never_reach_over_a_stratum() -> None:
    found = classes([6, 6, 6, 6], within=[0, 1, 0, 1])

    assert found[0] == found[2] != found[1] == found[3]


def many(dimensions: int, depth: int) -> tuple[Hierarchy, ...]:
    values = [format(value, f"0{depth}b") for value in range(2**depth)]
    columns = {f"{length}": [value[:length] for value in values] for length in range(depth, 0, -1)}
    return tuple(build(f"d{number}", columns) for number in range(dimensions))


def test_keys_too_long_for_a_word_are_still_told_apart() -> None:
    hierarchies = many(dimensions=9, depth=7)  # 128^9 = 2^63 cells
    random = np.random.default_rng(3)
    cells = np.unique(random.integers(0, 128, (300, 9)), axis=0)
    cells = np.concatenate([cells, cells[:1] + np.eye(1, 9, 8, dtype=np.int64) * (1 - 2 * (cells[0, 8] % 2))])
    persons = np.full(len(cells), 6)
    within = np.zeros(len(cells), dtype=np.int64)
    order = Order(np.array([[0] * 9, [0] * 8 + [1], [7] * 9]), np.array([0.0, 0.1, 1.0]), np.full(3, np.inf))

    found = sweep(halves(cells, within, hierarchies=hierarchies), persons, order=order, within=within, k=K)

    assert found.classes[0] == found.classes[-1]
    assert (found.classes == found.classes[0]).sum() == 2


def test_the_profile_follows_the_size() -> None:
    few, deep = many(2, 3), many(6, 6)

    assert profile_for(np.zeros((10, 2), dtype=np.int64), few) is Profile.FULL
    assert profile_for(np.zeros((60_001, 2), dtype=np.int64), few) is Profile.PILOT
    assert profile_for(np.zeros((10, 6), dtype=np.int64), deep) is Profile.FAST


@pytest.mark.parametrize("profile", list(Profile))
def test_every_profile_leaves_fewer_than_k_persons(profile: Profile) -> None:
    hierarchies = many(2, 4)
    cells = np.stack(np.unravel_index(np.arange(256), (16, 16)), axis=1).astype(np.int64)
    persons = np.random.default_rng(1).integers(1, 9, 256)
    strata = np.zeros(256, dtype=np.int64)

    classes = swept(profile, cells, persons, hierarchies=hierarchies, loss=Generic(hierarchies), within=strata, k=K)

    assert persons[classes < 0].sum() < K
    assert np.bincount(classes[classes >= 0], weights=persons[classes >= 0]).min() >= K


def test_a_specialisation_ends_where_no_part_holds_k() -> None:
    hierarchies = (LETTERS,)

    ended = specialised(LINE, np.array([10, 10, 12, 3]), hierarchies=hierarchies, k=K)

    assert ended.tolist() == [[0], [1]]


PAIRS = build("letters", {"letter": list("abcdef"), "pair": ["ab", "ab", "cd", "cd", "ef", "ef"]})
STEEP = Order(np.array([[0], [1], [2]]), np.array([0.0, 0.1, 1.0]), np.array([np.inf, 0.1, 0.9]))


def alone(counts: list[int], order: Order = STEEP) -> list[int]:
    """The class of each letter after the sweep alone."""
    cells, within = np.arange(6, dtype=np.int64)[:, None], np.zeros(6, dtype=np.int64)
    found = sweep(halves(cells, within, hierarchies=(PAIRS,)), np.array(counts), order=order, within=within, k=K)
    return [int(number) for number in found.classes]


def test_a_group_that_is_too_small_joins_a_class_of_its_node_where_the_next_level_loses_far_more() -> None:
    assert alone([12, 5, 13, 6, 20, 20]) == [0, 0, 1, 1, 2, 3]  # 12 more coarsely by .1, against 5 by .9


def test_it_goes_on_where_joining_costs_the_class_more_than_that() -> None:
    assert alone([60, 5, 13, 6, 20, 20]) == [0, -1, 1, 1, 2, 3]  # fewer than ten are left then
    assert alone([60, 5, 70, 6, 20, 20]) == [0, 4, 1, 4, 2, 3]


def test_it_goes_on_where_the_next_level_is_near() -> None:
    near = Order(STEEP.vectors, np.array([0.0, 0.96, 1.0]), np.array([np.inf, 0.96, 0.04]))

    assert alone([12, 5, 13, 6, 20, 20], near) == [0, 4, 1, 4, 2, 3]
