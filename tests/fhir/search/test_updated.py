"""What is left of all times by what a search says about `_lastUpdated`."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fhir.search.query import Bounds
from fhir.search.updated import left

DAYS = [datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=n) for n in range(8)]
ends = st.none() | st.sampled_from(DAYS)
asked = st.lists(st.lists(st.builds(Bounds, ends, ends), min_size=1, max_size=3), max_size=3)


def holds(bounds: Bounds, moment: datetime) -> bool:
    since, before = bounds.since, bounds.before
    return (since is None or since <= moment) and (before is None or moment < before)


@given(asked)
def test_a_moment_lies_in_one_stretch_if_it_meets_all_that_was_asked_and_in_none_otherwise(
    asked: list[list[Bounds]],
) -> None:
    found = left(asked)

    for moment in (day + timedelta(hours=hour) for day in [DAYS[0] - timedelta(days=1), *DAYS] for hour in (0, 12)):
        meets_all = all(any(holds(bounds, moment) for bounds in either) for either in asked)
        assert [holds(bounds, moment) for bounds in found].count(True) == meets_all


@given(asked)
def test_the_stretches_come_in_order_and_do_not_touch(asked: list[list[Bounds]]) -> None:
    for one, following in pairwise(left(asked)):
        assert one.before is not None
        assert following.since is not None
        assert one.before < following.since


def test_without_anything_asked_all_times_are_left() -> None:
    assert left([]) == [Bounds(None, None)]
