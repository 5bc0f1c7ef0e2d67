"""What time it is, for everything a person would call a date: appointments, periods, ages.

Lifetimes that protect (tokens, sessions, tickets) use `SystemClock` always, so that a clock set for a demonstration
can't stretch them.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from infra.settings import Settings


class Clock(Protocol):
    """Tells the present moment, aware and in UTC."""

    def now(self) -> datetime:
        """The present moment."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


class ShiftedClock:
    """A clock that started at another moment and runs on at the usual pace."""

    def __init__(self, start: datetime) -> None:
        self._shift = start.astimezone(UTC) - datetime.now(UTC)

    def now(self) -> datetime:
        """The present moment of the shifted time."""
        return datetime.now(UTC) + self._shift


class FixedClock:
    """A clock that stands still until it is moved; for tests and for generating data."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return self._moment

    def advance(self, step: timedelta) -> None:
        """Move the clock on by a step."""
        self._moment += step


def clock_from(settings: Settings) -> Clock:
    """The clock for appointments and periods: the machine's, or one that starts at TELEMED_DEMO_NOW."""
    if settings.demo_now is None:
        return SystemClock()
    start = settings.demo_now if settings.demo_now.tzinfo else settings.demo_now.replace(tzinfo=UTC)
    return ShiftedClock(start)


def is_within(span: timedelta, *, since: datetime, now: datetime) -> bool:
    """True if less than the span has passed since then. What lies ahead is not young: the clock was set back meanwhile."""
    return timedelta() <= now - since < span
