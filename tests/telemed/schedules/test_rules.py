"""Opening rules become slots: no overlap, right wall-clock times, right on the days the clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from telemed.schedules.rules import DAY, Interval, LocalDays, Opening, Rules, is_holiday, slot_id, slots

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = 6


def day_of(year: int, month: int, day: int) -> Interval:
    start = datetime(year, month, day, tzinfo=UTC) - timedelta(hours=3)
    return Interval(start, start + timedelta(hours=30))


def hours(start: int, end: int, *, weekday: int = SUNDAY, minutes: int = 30) -> Rules:
    return Rules((Opening(weekday, start * 60, end * 60),), minutes)


def test_the_day_with_23_hours_has_an_hour_less_of_slots() -> None:
    found = slots(hours(1, 5), day_of(2026, 3, 29))

    assert len(found) == 6
    assert [slot.start.astimezone(BERLIN).hour for slot in found] == [1, 1, 3, 3, 4, 4]


def test_the_day_with_25_hours_has_an_hour_more_of_slots() -> None:
    found = slots(hours(1, 5), day_of(2026, 10, 25))

    assert len(found) == 10
    assert [slot.start.astimezone(BERLIN).hour for slot in found] == [1, 1, 2, 2, 2, 2, 3, 3, 4, 4]
    assert len({slot.start for slot in found}) == 10


def test_an_opening_inside_the_skipped_hour_moves_on_by_the_gap() -> None:
    rules = Rules((Opening(SUNDAY, 150, 210),), 15)

    found = slots(rules, day_of(2026, 3, 29))

    assert found == [], "02:30 does not exist and becomes 03:30, the end of the opening"


def test_an_opening_over_midnight_is_one_opening() -> None:
    rules = Rules((Opening(4, 22 * 60, 26 * 60),), 60)

    found = slots(rules, Interval(datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)))

    assert [slot.start.astimezone(BERLIN).hour for slot in found] == [22, 23, 0, 1]


def test_public_holidays_of_schleswig_holstein_are_closed() -> None:
    reformation_day = date(2026, 10, 31)
    rules = hours(8, 12, weekday=reformation_day.weekday())

    assert is_holiday(reformation_day)
    assert not is_holiday(date(2026, 11, 1)), "All Saints is one in Bavaria"
    assert slots(rules, day_of(2026, 10, 31)) == []


def test_days_off_and_the_end_of_the_role_close_the_schedule() -> None:
    monday = date(2026, 11, 23)
    base = hours(8, 12, weekday=0)
    off = Rules(base.openings, 30, days_off=(LocalDays(monday, monday),))
    over = Rules(base.openings, 30, within=LocalDays(None, date(2026, 11, 22)))

    assert len(slots(base, day_of(2026, 11, 23))) == 8
    assert slots(off, day_of(2026, 11, 23)) == slots(over, day_of(2026, 11, 23)) == []


def test_an_absence_removes_slots_and_moves_none() -> None:
    rules = hours(8, 12, weekday=0)
    window = day_of(2026, 11, 23)
    away = Interval(datetime(2026, 11, 23, 8, 10, tzinfo=UTC), datetime(2026, 11, 23, 8, 20, tzinfo=UTC))

    with_absence = slots(Rules(rules.openings, 30, absences=(away,)), window)

    assert set(slots(rules, window)) - set(with_absence) == {
        Interval(datetime(2026, 11, 23, 8, 0, tzinfo=UTC), datetime(2026, 11, 23, 8, 30, tzinfo=UTC))
    }


openings = st.builds(
    lambda weekday, start, length: Opening(weekday, start, start + length),
    st.integers(0, 6),
    st.integers(0, DAY - 1).map(lambda minute: minute // 5 * 5),
    st.integers(5, DAY).map(lambda minute: minute // 5 * 5 or 5),
)
any_rules = st.builds(
    lambda found, minutes: Rules(tuple(found), minutes),
    st.lists(openings, min_size=1, max_size=6),
    st.sampled_from((5, 10, 15, 20, 30, 45, 60)),
)
# Around both changes of the clocks and in between.
windows = st.builds(
    lambda start, days: Interval(start, start + timedelta(days=days)),
    st.integers(0, 230 * 24).map(lambda hour: datetime(2026, 3, 20, tzinfo=UTC) + timedelta(hours=hour)),
    st.integers(1, 12),
)


@given(rules=any_rules, window=windows)
def test_slots_never_overlap_and_have_the_right_length(rules: Rules, window: Interval) -> None:
    found = slots(rules, window)

    assert all(earlier.end <= later.start for earlier, later in pairwise(found))
    assert all(slot.end - slot.start == timedelta(minutes=rules.minutes) for slot in found)
    assert all(window.start <= slot.start < window.end for slot in found)


@given(rules=any_rules, window=windows)
def test_every_slot_lies_in_an_opening_by_the_clock_on_the_wall(rules: Rules, window: Interval) -> None:
    for slot in slots(rules, window):
        local = slot.start.astimezone(BERLIN)
        minute = local.hour * 60 + local.minute
        today = any(o.weekday == local.weekday() and o.start <= minute < o.end for o in rules.openings)
        yesterday = any(
            o.weekday == (local.weekday() - 1) % 7 and o.start <= minute + DAY < o.end for o in rules.openings
        )
        after_the_gap = local.hour == 3 and local.date() == date(2026, 3, 29)
        assert today or yesterday or after_the_gap


@given(rules=any_rules, window=windows)
def test_what_a_window_holds_does_not_depend_on_how_it_is_cut(rules: Rules, window: Interval) -> None:
    middle = window.start + (window.end - window.start) / 3

    parts = slots(rules, Interval(window.start, middle)) + slots(rules, Interval(middle, window.end))

    assert parts == slots(rules, window)


def test_a_slots_id_depends_on_schedule_start_and_length() -> None:
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    short, long = Interval(start, start + timedelta(minutes=20)), Interval(start, start + timedelta(minutes=30))

    ids = {slot_id("a", short), slot_id("a", long), slot_id("b", short)}

    assert len(ids) == 3
    assert slot_id("a", short) == slot_id("a", Interval(short.start.astimezone(BERLIN), short.end))
