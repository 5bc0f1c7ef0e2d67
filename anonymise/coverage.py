"""How much of what a release is about it covers: of the period, the inhabitants, the treated, the clinics, the details.

A platform that began or ended within a quarter has fewer persons for that reason. Shares of persons are told as the next
lower step of a scale so coarse that no share narrows those who are in, or those who are not, to fewer than k.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from anonymise.about import Coverage
from anonymise.build import Built
from anonymise.definition import Definition
from anonymise.denominators import inhabitants_for
from anonymise.hierarchy import UNKNOWN
from anonymise.periods import Period

# A week with less than this share of the fullest week is not one of usual business.
SELDOM: Final = 0.2
# Weeks do not begin with the quarter, and holidays lie at its end.
TOLERATED: Final = timedelta(days=14)
WEEK: Final = timedelta(days=7)
STEPS: Final = (0.05, 0.1, 0.2, 0.25, 0.5)
"""The scales on which shares of persons are told, finest first."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What the record holds of a period: units treated, those of them who may be counted, the clinics at which at least k
    were treated, and all clinics that could report."""

    treated: int
    permitted: int
    reporting: int
    clinics: int


def coverage_of(built: Built, definition: Definition, extent: Extent | None) -> Coverage:
    """What a release says about its coverage; without an extent, as from a file of persons, what follows from the rows."""
    k, persons = definition.rule.k, built.persons.height
    known = {}
    for dimension in definition.shown:
        if UNKNOWN in definition.hierarchies[dimension.name].values:
            sure = persons - int((built.persons[dimension.name] == UNKNOWN).sum())
            known[dimension.name] = lower_step(sure, persons, of_public=persons, k=k)
    people = inhabitants_for(definition)
    terms = definition.cohort.denominators
    everybody = None if people is None else int(people.persons.sum())
    return Coverage(
        inhabitants=everybody,
        vintage=terms.vintage if terms is not None and everybody else "",
        population=None if not everybody else round(persons / everybody, 4),
        stated=None if terms is None else terms.coverage,
        permitted=None if extent is None else lower_step(extent.permitted, extent.treated, of_public=persons, k=k),
        reporting=None if extent is None else extent.reporting,
        clinics=None if extent is None else extent.clinics,
        known=known,
    )


def lower_step(part: int, whole: int, *, of_public: int, k: int) -> float | None:
    """The share, at least: the next lower step of the scale; None below the first one, or where persons are too few.

    The scale is the finest of which each step holds more than k persons, by the number of persons that is public, which
    is no larger than the whole: so everybody can see that it is coarse enough.
    """
    step = next((step for step in STEPS if step * min(of_public, whole) >= k + 1), None)
    steps = 0 if step is None else int(part / whole / step + 1e-9)
    return round(steps * step, 2) if step is not None and steps else None


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
