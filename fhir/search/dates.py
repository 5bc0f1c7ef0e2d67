"""Dates as search sees them: an interval of time for the exact check, calendar buckets for the index.

A bucket is a decade, year, month or day in the region's local time, written as the beginning of an ISO date ("202",
"2026", "2026-11", "2026-11-23"). A range of days is a handful of buckets, so a range search is an OR of equalities.
https://hl7.org/fhir/R4/search.html#date
"""

import calendar
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

# Days begin at local midnight. Another zone means another index: reindex after a change.
ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST: Final = date(1800, 1, 1)  # what lies outside counts as lying on the border
LAST: Final = date(2199, 12, 31)
DAYS_APART: Final = 31  # the longest range that is asked day by day

_FORM = re.compile(
    r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(?P<fraction>\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_TICK: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)


class NotADateError(ValueError):
    """The text is not a FHIR date or time."""


class Interval(NamedTuple):
    """A stretch of time: aware, the end not included. A date stands for its whole day, a year for all of it."""

    start: datetime
    end: datetime


class Days(NamedTuple):
    """A stretch of local calendar days, both included, within the range that is indexed."""

    first: date
    last: date


EARLIEST: Final = datetime(FIRST.year, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(LAST.year + 1, 1, 1, tzinfo=UTC)


def interval(text: str) -> Interval:
    """The stretch of time that a FHIR date, dateTime or instant stands for, by its precision."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise NotADateError
    year = int(text[:4])
    if not FIRST.year <= year <= LAST.year:  # "9999-12-31" is how some say "open"
        border = LATEST if year > LAST.year else EARLIEST
        return Interval(border, border)
    try:
        if len(text) > 10:
            return _moment(text, fraction=form["fraction"], zone=form["zone"])
        first, last = _first_and_last(text)
    except (ValueError, OverflowError):
        raise NotADateError from None
    return Interval(_midnight(first), _midnight(last + timedelta(days=1)))


def value_interval(value: Any) -> Interval | None:
    """The stretch of time of a date, a Period or a Timing (its outer limits) in a resource; None if it has none."""
    try:
        if isinstance(value, str):
            return interval(value)
        if not isinstance(value, dict):
            return None
        if "event" in value or "repeat" in value:
            return _timing(value)
        return _period(value)
    except NotADateError:
        return None


def around(stretch: Interval) -> Interval:
    """The stretch with as much again before and after it: about then, at the precision that was asked."""
    width = stretch.end - stretch.start
    return Interval(stretch.start - width, stretch.end + width)


def hull(stretches: Sequence[Interval]) -> Interval:
    """From the first beginning to the last end."""
    if len(stretches) == 1:
        return stretches[0]
    return Interval(min(part.start for part in stretches), max(part.end for part in stretches))


def is_of_days(stretch: Interval) -> bool:
    """Whether it begins and ends with a day, both within what is indexed, so that its buckets hold nothing else."""
    first, last = days(stretch)
    starts = stretch.start == EARLIEST or (stretch.start == _midnight(first) and first > FIRST)
    return starts and (stretch.end == LATEST or (stretch.end == _midnight(last + timedelta(days=1)) and last < LAST))


def days(stretch: Interval) -> Days:
    """The local days that a stretch of time touches."""
    local = stretch.start.astimezone(ZONE)
    first = local.date()
    if local.hour < 23 and stretch.end - stretch.start <= _MINUTE:  # an instant, mostly
        return Days(*[min(max(first, FIRST), LAST)] * 2)
    last = max(stretch.start, stretch.end - _TICK).astimezone(ZONE).date()
    return Days(min(max(first, FIRST), LAST), min(max(last, FIRST), LAST))


def cover(stretch: Days) -> list[str]:
    """The fewest buckets that make up exactly these days."""
    found: list[str] = []
    day = stretch.first
    while day <= stretch.last:
        bucket, last = _largest_from(day, until=stretch.last)
        found.append(bucket)
        day = last + timedelta(days=1)
    return found


def coarse_cover(stretch: Days) -> list[str]:
    """Few buckets that hold these days and maybe some around them: the longer the stretch, the larger the buckets."""
    length = (stretch.last - stretch.first).days
    if length <= DAYS_APART:
        return cover(stretch)
    cut = 7 if length <= 3 * 366 else 4 if length <= 30 * 366 else 3
    first = _first_and_last_of_bucket(stretch.first.isoformat()[:cut])[0]
    last = _first_and_last_of_bucket(stretch.last.isoformat()[:cut])[1]
    return cover(Days(first, last))


def above(bucket: str) -> list[str]:
    """The larger buckets that hold this one."""
    return [bucket[:length] for length in (7, 4, 3) if length < len(bucket)]


def each_day(stretch: Days) -> list[str]:
    """Every single day of the stretch."""
    if stretch.first == stretch.last:
        return [stretch.first.isoformat()]
    return [(stretch.first + timedelta(days=n)).isoformat() for n in range((stretch.last - stretch.first).days + 1)]


def _moment(text: str, *, fraction: str | None, zone: str | None) -> Interval:
    start = datetime.fromisoformat(text)
    start = start.replace(tzinfo=ZONE) if zone is None else start
    if fraction is not None:
        width = max(_TICK, timedelta(seconds=10.0 ** (1 - len(fraction))))
    else:
        width = timedelta(seconds=1) if text[16:17] == ":" else timedelta(minutes=1)
    start = start.astimezone(UTC)
    return Interval(start, start + width)


@lru_cache(maxsize=4096)
def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def _first_and_last(text: str) -> tuple[date, date]:
    if len(text) == 10:
        day = date.fromisoformat(text)
        return day, day
    year = int(text[:4])
    if len(text) == 4:
        return date(year, 1, 1), date(year, 12, 31)
    month = int(text[5:7])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _first_and_last_of_bucket(bucket: str) -> tuple[date, date]:
    if len(bucket) == 3:
        return date(int(bucket) * 10, 1, 1), date(int(bucket) * 10 + 9, 12, 31)
    return _first_and_last(bucket)


def _largest_from(day: date, *, until: date) -> tuple[str, date]:
    text = day.isoformat()
    for length in (3, 4, 7) if day.day == 1 else ():  # larger buckets begin with a month
        first, last = _first_and_last_of_bucket(text[:length])
        if first == day and last <= until:
            return text[:length], last
    return text, day


def _period(value: dict[str, Any]) -> Interval | None:
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) and not isinstance(end, str):
        return None
    held = Interval(
        interval(start).start if isinstance(start, str) else EARLIEST,
        interval(end).end if isinstance(end, str) else LATEST,
    )
    # One that ends before it starts (per-1) is no stretch of time: it is neither indexed nor found.
    return held if held.start <= held.end else None


def _timing(value: dict[str, Any]) -> Interval | None:
    found = [interval(event) for event in value.get("event", ()) if isinstance(event, str)]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    if isinstance(bounds, dict) and (held := _period(bounds)):
        found.append(held)
    if not found:
        return None
    return hull(found)
