"""The state machine as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from telemed.booking import states
from telemed.booking.states import MOVES, STARTS, WrongState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALL = sorted(MOVES)
ALLOWED = """
proposed pending | proposed booked | proposed cancelled
pending booked | pending cancelled
waitlist pending | waitlist booked | waitlist cancelled
booked arrived | booked checked-in | booked noshow | booked cancelled
arrived booked | arrived checked-in | arrived fulfilled | arrived cancelled
checked-in booked | checked-in fulfilled | checked-in cancelled | noshow fulfilled
"""
PAIRS = {tuple(pair.split()) for line in ALLOWED.strip().splitlines() for pair in line.split("|")}


@pytest.mark.parametrize("before", ALL)
@pytest.mark.parametrize("after", ALL)
def test_only_the_listed_moves_are_allowed(before: str, after: str) -> None:
    allowed = before == after or after == "entered-in-error" or (before, after) in PAIRS

    if allowed:
        states.check(before, after, now=NOW, end=NOW)
    else:
        with pytest.raises(WrongState):
            states.check(before, after, now=NOW, end=NOW)


@pytest.mark.parametrize("start", [*ALL, "zzz", "canceled"])
def test_an_appointment_starts_in_few_states(start: str) -> None:
    if start in STARTS:
        states.check(None, start, now=NOW, end=None)
    else:
        with pytest.raises(WrongState):
            states.check(None, start, now=NOW, end=None)


def test_a_missed_appointment_is_put_right_within_a_day_only() -> None:
    states.check("noshow", "fulfilled", now=NOW + timedelta(hours=24), end=NOW)

    with pytest.raises(WrongState):
        states.check("noshow", "fulfilled", now=NOW + timedelta(hours=25), end=NOW)
