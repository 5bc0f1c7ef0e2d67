"""Dates as search sees them: an interval of time for the exact check, calendar buckets for the index.

The check is exact from the year 1 to the year 9999, which is all that R4 can write; the index knows the years 1800 to 2199.

A bucket is a decade, year, month or day in the region's local time, written as the beginning of an ISO date ("202",
"2026", "2026-11", "2026-11-23"). A range of days is a handful of buckets, so a range search is an OR of equalities.
https://hl7.org/fhir/R4/search.html#date
"""

import calendar
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

# Days begin at local midnight. Another zone means another index: reindex after a change.
ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST: Final = date(1800, 1, 1)  # in the index what lies outside counts as lying on the border, so its buckets stay few
LAST: Final = date(2199, 12, 31)
DAYS_APART: Final = 31  # the longest range that is asked day by day

_FORM = re.compile(
    r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?)?)?)?",
    re.ASCII,
)
# UTC has no day before the first of the year 1 and none after the last of 9999. Some zones do, and compare like all others.
_EAST: Final = timezone(timedelta(hours=23, minutes=59))
_WEST: Final = timezone(-timedelta(hours=23, minutes=59))
_TICK: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


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


EARLIEST: Final = datetime.min.replace(tzinfo=_EAST)  # before and after whatever R4 can write
LATEST: Final = datetime.max.replace(tzinfo=_WEST)


def interval(text: str) -> Interval:
    """The stretch of time that a FHIR date, dateTime or instant stands for, by its precision."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise NotADateError
    try:
        if len(text) > 10:
            return _moment(text, fraction=form["fraction"], zone=form["zone"])
        first, last = _first_and_last(text)
    except ValueError:
        raise NotADateError from None
    return Interval(_midnight(first), _end_of(last))


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
    start = _plus(stretch.start, -width) if stretch.start - EARLIEST > width else EARLIEST
    return Interval(start, _plus(stretch.end, width) if LATEST - stretch.end > width else LATEST)


def hull(stretches: Sequence[Interval]) -> Interval:
    """From the first beginning to the last end."""
    if len(stretches) == 1:
        return stretches[0]
    return Interval(min(part.start for part in stretches), max(part.end for part in stretches))


def is_of_days(stretch: Interval) -> bool:
    """Whether it begins and ends with a day, both within what is indexed, so that its buckets hold nothing else."""
    first, last = days(stretch)
    starts = stretch.start == EARLIEST or (stretch.start == _midnight(first) and first > FIRST)
    return starts and (stretch.end == LATEST or (stretch.end == _end_of(last) and last < LAST))


def days(stretch: Interval) -> Days:
    """The local days that a stretch of time touches."""
    start = min(max(stretch.start, _BEGINS), _ENDS - _TICK)
    local = start.astimezone(ZONE)
    first = local.date()
    if local.hour < 23 and stretch.end - stretch.start <= _MINUTE:  # an instant, mostly
        return Days(first, first)
    last = max(start, min(stretch.end, _ENDS) - _TICK)
    return Days(first, last.astimezone(ZONE).date())


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
    if text[17:19] == "60":  # a leap second, which no clock here has: it belongs to the second before it
        text = f"{text[:17]}59{text[19:]}"
    start = datetime.fromisoformat(text)
    start = start.replace(tzinfo=ZONE) if zone is None else start
    if fraction is not None:
        width = max(_TICK, timedelta(seconds=10.0 ** (1 - len(fraction))))
    else:
        width = timedelta(seconds=1) if text[16:17] == ":" else timedelta(minutes=1)
    start = _utc(start)
    return Interval(start, _plus(start, width))


@lru_cache(maxsize=4096)
def _midnight(day: date) -> datetime:
    return _utc(datetime(day.year, day.month, day.day, tzinfo=ZONE))


@lru_cache(maxsize=4096)
def _end_of(day: date) -> datetime:
    return _midnight(day + _DAY) if day < date.max else _plus(_midnight(day), _DAY)


def _utc(moment: datetime) -> datetime:
    """The moment in UTC, or in another zone if it lies outside of UTC's years."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _in_zone(moment, _EAST if moment.year == 1 else _WEST)


def _plus(moment: datetime, width: timedelta) -> datetime:
    try:
        return moment + width
    except OverflowError:
        return _in_zone(moment, _WEST if width > timedelta() else _EAST) + width


def _in_zone(moment: datetime, zone: timezone) -> datetime:
    """The moment in another zone, without UTC in between."""
    shift = zone.utcoffset(None) - (moment.utcoffset() or timedelta())
    return (moment.replace(tzinfo=None) + shift).replace(tzinfo=zone)


_BEGINS: Final = _midnight(FIRST)  # what the index knows
_ENDS: Final = _end_of(LAST)


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
