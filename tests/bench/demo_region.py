"""The demo's region over two years: its people, who comes when and why, as the extraction reads them from the record.

People, registrations, consents, conditions, encounters and bookings are those of `telemed.demo`, made for one half-year
after the other; rows of persons come from them by the definitions that ship. Only storing and opening are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import polars as pl

from anonymise.definition import Definition, cohort_definitions
from anonymise.extract import extracted
from anonymise.periods import Days, Period, Quarter, week
from anonymise.wanted import wanted_for
from fhir.reader import Row
from telemed.demo.clinics import CLINICS
from telemed.demo.population import SEED, Population

FIRST: Final = 2025
WEEKLY: Final = "kiel-weeks"


@dataclass(frozen=True, slots=True)
class Season:
    """A quarter and its persons, and so many of its weeks with theirs."""

    quarter: Quarter
    persons: pl.DataFrame
    weeks: tuple[tuple[Days, pl.DataFrame], ...]


def seasons(patients: int, *, quarters: int, weeks: int) -> Iterator[Season]:
    """So many quarters; the weeks are the first ones."""
    end = Quarter(FIRST + quarters // 4, quarters % 4 + 1).start
    people = Population.made_up(patients, now=end)
    left = weeks
    for number in range(quarters):
        quarter = Quarter(FIRST + number // 4, number % 4 + 1)
        if number % 2 == 0:
            rows = _rows(people, until=quarter.next().next().start, half=number // 2)
        found = []
        while left and _weeks_since(weeks - left).last <= quarter.last:
            period = _weeks_since(weeks - left)
            found.append((period, _persons(rows, cohort_definitions(WEEKLY), period)))
            left -= 1
        yield Season(quarter, _persons(rows, cohort_definitions(), quarter), tuple(found))


def _weeks_since(number: int) -> Days:
    day = week(FIRST, 2).first + timedelta(weeks=number)
    return week(day.isocalendar().year, day.isocalendar().week)


def _rows(people: Population, *, until: datetime, half: int) -> list[Row]:
    """What the record holds at a moment, as far as the half-year before it needs."""
    now = replace(people, now=until)
    # Dice of their own for each half-year, or everybody would come for the same reasons on the same days again.
    visits = replace(now, seed=SEED + half + 1).encounters()
    owner = {
        f"Patient/{person.patient_id(clinic)}": str(person.number)
        for person in people.persons
        for clinic in person.clinics
    }
    made = [*now.patients(), *now.lasting(), *visits]
    return [_row(owner, tenant, resource) for tenant, resource in made]


def _row(owner: dict[str, str], tenant: str, resource: dict[str, Any]) -> Row:
    about = resource.get("subject") or resource.get("patient") or resource.get("participant", [{}])[0].get("actor")
    reference = about["reference"] if about else f"Patient/{resource['id']}"
    return Row(owner[reference], resource["resourceType"], tenant, resource["id"], msgspec.json.encode(resource))


def _persons(rows: list[Row], definitions: tuple[Definition, ...], period: Period) -> pl.DataFrame:
    clinics = {clinic.id: clinic.ags for clinic in CLINICS}
    wanted = wanted_for(definitions, period, frozen=period.end, clinics=clinics)
    asked = (row for row in rows if row.type in wanted.types)
    return extracted(asked, wanted, pseudonym=str, progress=lambda _step, _count: None).persons
