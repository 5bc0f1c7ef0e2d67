"""The free slots of a demo can be booked one after the other, by one patient too."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from telemed.demo.describe import FreeSlot
from telemed.demo.free_slots import one_at_a_time
from telemed.schedules.resource import instant

FIRST = datetime(2026, 11, 23, 8, tzinfo=UTC)
# Minutes after the first, in steps of five as slots are, and how long each takes.
TIMES = st.lists(st.tuples(st.integers(0, 600).map(lambda n: 5 * n), st.sampled_from([5, 20, 30, 480])), max_size=60)


def slot(begins: int, minutes: int) -> FreeSlot:
    start = FIRST + timedelta(minutes=begins)
    return FreeSlot("s", f"{begins}-{minutes}", instant(start), instant(start + timedelta(minutes=minutes)), "p", "o")


@given(TIMES)
def test_no_two_are_at_the_same_time_and_none_is_left_out_for_nothing(times: list[tuple[int, int]]) -> None:
    slots = [slot(*time) for time in sorted(times)]

    chosen = list(one_at_a_time(slots))

    assert all(before.end <= after.start for before, after in pairwise(chosen))
    for left in (each for each in slots if each not in chosen):
        assert any(taken.start <= left.start < taken.end for taken in chosen)
