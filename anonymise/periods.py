"""Quarters, months and ISO weeks: their names, their bounds in local time, and which one is complete."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from anonymise.problems import InputInvalid

ZONE: Final = ZoneInfo("Europe/Berlin")


class Period(Protocol):
    """A span of whole days that a release is about."""

    @property
    def name(self) -> str:
        """The id of the period's release."""
        ...

    @property
    def first(self) -> date:
        """The first day."""
        ...

    @property
    def last(self) -> date:
        """The last day."""
        ...

    @property
    def start(self) -> datetime:
        """The moment at which it begins in the region."""
        ...

    @property
    def end(self) -> datetime:
        """The moment after its last one."""
        ...


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months of the calendar."""

    year: int
    number: int

    @property
    def name(self) -> str:
        """The id of the quarter's release, such as 2026-Q3."""
        return f"{self.year}-Q{self.number}"

    @property
    def first(self) -> date:
        """The first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        """The last day."""
        return self.next().first - timedelta(days=1)

    @property
    def start(self) -> datetime:
        """The moment at which the quarter begins in the region."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=ZONE).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The moment at which the next quarter begins."""
        return self.next().start

    def next(self) -> "Quarter":
        """The quarter after this one."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    def previous(self) -> "Quarter":
        """The quarter before this one."""
        return Quarter(self.year - (self.number == 1), (self.number - 2) % 4 + 1)


@dataclass(frozen=True, slots=True)
class Days:
    """A calendar month or an ISO week, by its name and its first and last day."""

    name: str
    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The moment at which it begins in the region."""
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The moment after its last one."""
        return _midnight(self.last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def month(year: int, number: int) -> Days:
    """A calendar month, such as 2026-M08."""
    following = date(year + number // 12, number % 12 + 1, 1)
    return Days(f"{year}-M{number:02}", date(year, number, 1), following - timedelta(days=1))


def week(year: int, number: int) -> Days:
    """An ISO week, such as 2026-W45: Monday to Sunday."""
    return Days(f"{year}-W{number:02}", date.fromisocalendar(year, number, 1), date.fromisocalendar(year, number, 7))


def last_complete(kind: str, now: datetime) -> Period:
    """The most recent quarter, month or week that is over at a moment."""
    today = now.astimezone(ZONE).date()
    if kind == "week":
        before = (today - timedelta(days=7)).isocalendar()
        return week(before.year, before.week)
    if kind == "month":
        before_first = today.replace(day=1) - timedelta(days=1)
        return month(before_first.year, before_first.month)
    return last_complete_quarter(now)


def last_complete_quarter(now: datetime) -> Quarter:
    """The most recent quarter that is over at a moment."""
    local = now.astimezone(ZONE)
    return Quarter(local.year, (local.month + 2) // 3).previous()


def kind_of(period: Period) -> str:
    """`quarter`, `month` or `week`."""
    return {"Q": "quarter", "M": "month", "W": "week"}[period.name.partition("-")[2][:1]]


def period_named(name: str) -> Period:
    """The period with a name such as 2026-Q3, 2026-M08 or 2026-W45."""
    year, _, rest = name.partition("-")
    kind, number = rest[:1], rest[1:]
    try:
        if kind == "Q" and number in ("1", "2", "3", "4"):
            return Quarter(int(year), int(number))
        if kind in ("M", "W") and len(number) == 2:
            return (month if kind == "M" else week)(int(year), int(number))
    except ValueError:
        pass
    raise InputInvalid(f"{name!r} is no period. Use a quarter (2026-Q3), a month (2026-M08) or an ISO week (2026-W45).")
