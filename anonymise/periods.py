"""Quarters: their names, their bounds in local time, and which one is complete."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Berlin")


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


def last_complete_quarter(now: datetime) -> Quarter:
    """The most recent quarter that is over at a moment."""
    local = now.astimezone(ZONE)
    return Quarter(local.year, (local.month + 2) // 3).previous()


def quarter_named(name: str) -> Quarter:
    """The quarter with a name such as 2026-Q3."""
    year, _, number = name.partition("-Q")
    if not (year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4")):
        raise ValueError(f"not a quarter: {name!r}")
    return Quarter(int(year), int(number))
