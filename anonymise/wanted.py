"""What a definition asks of the record, with the places that travel is reckoned between."""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
from sqlmodel import Session

from anonymise.cohort import CLINIC, INSTITUTION
from anonymise.columns import Place, Setting
from anonymise.definition import Definition
from anonymise.extract import Wanted
from anonymise.hierarchy import UNKNOWN, Hierarchy
from anonymise.periods import Period
from anonymise.recorded import Asked
from anonymise.resources import Organization, municipality
from fhir.reader import Reader


def wanted_for(
    definitions: Sequence[Definition], period: Period, *, frozen: datetime, clinics: Mapping[str, str | None]
) -> Wanted:
    """What to extract for the data sets of a cohort; `clinics` says for each clinic the municipality it lies in, None where
    it does not say."""
    cohort = definitions[0].cohort
    used = {d.name for one in definitions for d in (*one.identifying, *one.shown)}
    dimensions = [d for d in cohort.dimension if d.name in used]
    codes = cohort.source.reason_codes
    taking_part = frozenset(definitions[0].hierarchies[CLINIC].values) if CLINIC in used else None
    return Wanted(
        asked=Asked(
            period.start,
            period.end,
            frozen,
            frozenset(cohort.source.encounter_classes),
            (min(codes), max(codes)) if codes else None,
        ),
        names=tuple(d.name for d in dimensions if d.name != CLINIC),
        setting=Setting(
            period.last,
            places(),
            {c: place for c, place in clinics.items() if place},
            {d.name: tuple(d.values) for d in cohort.dimension if d.values},
        ),
        readers={d.name: _reader(definitions[0].hierarchies[d.name]) for d in cohort.dimension},
        by_clinic=cohort.source.legal_basis == INSTITUTION,
        clinics=taking_part,
        listed=len(clinics) if taking_part is None else len(taking_part),
    )


def _reader(hierarchy: Hierarchy) -> Callable[[str], str]:
    """Turns a word of the record into a value of the dimension's base.

    One that it can't tell must not stop the statistics of all: it is unknown, or where there is no such value the last one.
    """
    rest = UNKNOWN if UNKNOWN in hierarchy.values else hierarchy.values[-1]

    @lru_cache(maxsize=10_000)
    def read(raw: str) -> str:
        place = hierarchy.place_of(raw)
        return rest if place is None else hierarchy.values[place]

    return read


def clinics_of(reader: Reader, session: Session, *, at: datetime) -> dict[str, str | None]:
    """The clinics of the platform, and the municipality of each whose Organization says it."""
    decoder = msgspec.json.Decoder(Organization)
    found = ((row, municipality(decoder.decode(row.body).address)) for row in reader.organizations(session, at=at))
    return {row.tenant: place for row, place in found if row.id == row.tenant}


@cache
def places() -> Mapping[str, Place]:
    """The centre of each municipality of the region."""
    with (files("anonymise") / "data" / "centroids.csv").open(encoding="utf-8") as file:
        return {row["ags"]: (float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)}
