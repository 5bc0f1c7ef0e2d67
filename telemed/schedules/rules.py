"""When a schedule is open: weekly rules in local time, absences and public holidays, turned into UTC once.

A local time becomes an instant in `_instant` and nowhere else; everything after that is arithmetic in UTC. So a day
with 23 or 25 hours needs no special case: an opening from 1:00 to 5:00 is three real hours long on the last Sunday of
March and five on the last Sunday of October, and slots fill exactly these.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from whenever import Date, Time

DAY = 24 * 60
ID_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Region:
    """Whose clocks and whose public holidays count."""

    zone: str = "Europe/Berlin"
    country: str = "DE"
    subdivision: str = "SH"


SCHLESWIG_HOLSTEIN = Region()


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From an instant to another, the end not included; both UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Interval") -> bool:
        """True if they share a moment."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """Open on a weekday (0 is Monday) between two local times in minutes of the day; an end past 1440 is tomorrow."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Local days, first and last included; an open side is None."""

    first: date | None
    last: date | None

    def covers(self, day: date) -> bool:
        """True if the day is one of them."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that decides when a schedule is open."""

    openings: tuple[Opening, ...]
    minutes: int
    absences: tuple[Interval, ...] = ()
    days_off: tuple[LocalDays, ...] = ()
    within: LocalDays = LocalDays(None, None)
    region: Region = SCHLESWIG_HOLSTEIN


def slots(rules: Rules, window: Interval) -> list[Interval]:
    """The slots that start in the window, in order, none overlapping another.

    The grid comes from the openings alone; an absence removes slots and never moves them, so that the others keep
    their ids.
    """
    length = timedelta(minutes=rules.minutes)
    found: list[Interval] = []
    for opening in _merged(_openings(rules, window)):
        start = opening.start
        while start + length <= opening.end:
            slot = Interval(start, start + length)
            if window.start <= start < window.end and not any(slot.overlaps(absence) for absence in rules.absences):
                found.append(slot)
            start += length
    return found


def slot_id(schedule_id: str, slot: Interval) -> str:
    """The id of a slot: the same for the same schedule, start and length, whenever and wherever it is computed."""
    minutes = int((slot.end - slot.start).total_seconds()) // 60
    text = f"{schedule_id}|{int(slot.start.timestamp())}|{minutes}"
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:ID_LENGTH]


def is_holiday(day: date, region: Region = SCHLESWIG_HOLSTEIN) -> bool:
    """True on a public holiday of the region."""
    return day in _holidays(region, day.year)


def local_midnight(day: date, region: Region = SCHLESWIG_HOLSTEIN) -> datetime:
    """The instant at which a local day begins."""
    return _instant(day, 0, region)


def _openings(rules: Rules, window: Interval) -> Iterator[Interval]:
    # A day earlier and later than UTC says: the window's edges lie on another local day, and openings cross midnight.
    day = window.start.date() - timedelta(days=2)
    while day <= window.end.date() + timedelta(days=1):
        if _is_open(rules, day):
            for opening in rules.openings:
                if opening.weekday == day.weekday():
                    start = _instant(day, opening.start, rules.region)
                    end = _instant(day, opening.end, rules.region)
                    if start < end:
                        yield Interval(start, end)
        day += timedelta(days=1)


def _is_open(rules: Rules, day: date) -> bool:
    if not rules.within.covers(day) or any(off.covers(day) for off in rules.days_off):
        return False
    return not is_holiday(day, rules.region)


def _instant(day: date, minute: int, region: Region) -> datetime:
    day += timedelta(days=minute // DAY)
    local = Date(day.year, day.month, day.day).at(Time(minute % DAY // 60, minute % 60))
    # "compatible" (RFC 5545, 3.3.5): a skipped time moves on by the gap, of a repeated time the first one counts.
    return local.assume_tz(region.zone, disambiguation="compatible").to_instant().to_stdlib().astimezone(UTC)


def _merged(openings: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for opening in sorted(openings):
        if merged and opening.start < merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, opening.end))
        else:
            merged.append(opening)
    return merged


@lru_cache(maxsize=64)
def _holidays(region: Region, year: int) -> frozenset[date]:
    import holidays  # where slots are made, not with every start

    return frozenset(holidays.country_holidays(region.country, subdiv=region.subdivision, years=year))
