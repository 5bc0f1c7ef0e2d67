"""How much of a quarter the record covers: a platform that began or ended within it has fewer persons for that reason."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from anonymise.periods import Period

# A week with less than this share of the fullest week is not one of usual business.
SELDOM: Final = 0.2
# Weeks do not begin with the quarter, and holidays lie at its end.
TOLERATED: Final = timedelta(days=14)
WEEK: Final = timedelta(days=7)


def monday(day: date) -> date:
    """The first day of a day's week."""
    return day - timedelta(days=day.weekday())


def covered(weeks: Mapping[date, int], period: Period, *, k: int) -> tuple[date, date] | None:
    """From which to which day nearly all encounters lie; None where that is the whole quarter or can't be told.

    `weeks` has the number of counted persons with an encounter, by Monday. Only weeks with k of them are looked at, so
    that no day here is a single person's.
    """
    usual = [day for day, count in weeks.items() if count >= max(k, SELDOM * max(weeks.values()))]
    if not usual:
        return None
    first, last = max(min(usual), period.first), min(max(usual) + WEEK - timedelta(days=1), period.last)
    if first - period.first <= TOLERATED and period.last - last <= TOLERATED:
        return None
    return first, last
