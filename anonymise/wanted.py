"""What a definition asks of the record, with the places that travel is reckoned between."""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
from sqlmodel import Session

from anonymise.columns import Place, Setting
from anonymise.definition import Definition
from anonymise.extract import Wanted
from anonymise.hierarchy import UNKNOWN, Hierarchy
from anonymise.periods import Period
from anonymise.recorded import Asked
from anonymise.resources import Organization, municipality
from fhir.reader import Reader


def wanted_for(
    definitions: Sequence[Definition], period: Period, *, frozen: datetime, clinics: Mapping[str, str]
) -> Wanted:
    """What to extract for the data sets of a cohort; `clinics` says for each clinic the municipality it lies in."""
    cohort = definitions[0].cohort
    used = {d.name for one in definitions for d in (*one.identifying, *one.shown)}
    dimensions = [d for d in cohort.dimension if d.name in used]
    codes = cohort.source.reason_codes
    return Wanted(
        asked=Asked(
            period.start,
            period.end,
            frozen,
            frozenset(cohort.source.encounter_classes),
            (min(codes), max(codes)) if codes else None,
        ),
        names=tuple(d.name for d in dimensions),
        setting=Setting(
            period.last, places(), clinics, {d.name: tuple(d.values) for d in cohort.dimension if d.values}
        ),
        readers={d.name: _reader(definitions[0].hierarchies[d.name]) for d in cohort.dimension},
        by_clinic=cohort.source.legal_basis == "institution",
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


def clinic_places(reader: Reader, session: Session, *, at: datetime) -> dict[str, str]:
    """The municipality of each clinic whose Organization says it."""
    decoder = msgspec.json.Decoder(Organization)
    found = ((row, municipality(decoder.decode(row.body).address)) for row in reader.organizations(session, at=at))
    return {row.tenant: place for row, place in found if place is not None and row.id == row.tenant}


@cache
def places() -> Mapping[str, Place]:
    """The centre of each municipality of the region."""
    with (files("anonymise") / "data" / "centroids.csv").open(encoding="utf-8") as file:
        return {row["ags"]: (float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)}
