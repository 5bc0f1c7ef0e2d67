"""What a definition asks of the record, with the places that travel is reckoned between."""

import csv
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files

import msgspec
from sqlmodel import Session

from anonymise.definition import Definition
from anonymise.extract import Wanted
from anonymise.facts import Place, Setting
from anonymise.periods import Quarter
from anonymise.recorded import Asked
from anonymise.resources import Organization, municipality
from fhir.reader import Reader


def wanted_for(definition: Definition, quarter: Quarter, *, frozen: datetime, clinics: Mapping[str, str]) -> Wanted:
    """What to extract for a definition; `clinics` says for each clinic the municipality it lies in."""
    source = definition.source
    return Wanted(
        asked=Asked(quarter.start, quarter.end, frozen, frozenset(source.encounter_classes)),
        names=tuple(dimension.name for dimension in definition.dimension),
        setting=Setting(quarter.last, places(), clinics, {}),
        by_clinic=source.legal_basis == "institution",
    )


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
