"""Cohorts, definitions and records with defaults, so that a test shows only what matters to it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anonymise.build import Built
from anonymise.cohort import Protection
from anonymise.definition import Definition, cohort_definitions, shipped
from anonymise.extract import Cohort, assembled, extracted
from anonymise.formats.csv import BLOCKS, CODES, GROUPS, csv_bytes, lines_of, table_of
from anonymise.ledger import SecretFile
from anonymise.manifest import public_pem
from anonymise.periods import Period, Quarter
from anonymise.pipeline import APPROVERS, Shelf, Work, approve, prepare, publish_draft
from anonymise.release import Release, number_files
from anonymise.rows import Table
from anonymise.rule import Rule
from anonymise.screen import Published, Screened, screen
from anonymise.wanted import wanted_for

COLUMNS = ("person", "municipality", "age_band", "sex", "chapter")
CLINICS = {"clinic-a": "01002000", "clinic-b": "01004000"}
QUARTER = Quarter(2026, 3)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
KIEL, LABOE, PLOEN, HEIKENDORF = "01002000", "01057048", "01057057", "01057030"
BASE_URL = "http://localhost:8001"

Person = tuple[str, str, str, str, str]


def definition(k: int = 10) -> Definition:
    """The shipped definition with another k."""
    return protected(shipped(), Protection(k=k))


def protected(definition: Definition, protection: Protection) -> Definition:
    """A definition under other thresholds."""
    return replace(definition, cohort=msgspec.structs.replace(definition.cohort, protection=protection))


def screened(
    built: Built,
    *,
    rule: Rule | None = None,
    table: Table | None = None,
    definition: Definition | None = None,
) -> Screened:
    """What the screen says about a data set, as its files say it."""
    table = built.table if table is None else table
    wanted = shipped() if definition is None else definition
    files = number_files(built)
    read = table_of(csv_bytes(table, "2026-Q3"), files[CODES])
    groups = lines_of(files[GROUPS]) if GROUPS in files else []
    published = Published(read, lines_of(files[BLOCKS]), groups)
    return screen(published, built.members, built.persons, rule=rule or wanted.rule)


def cohort(people: Iterable[Sequence[str]]) -> pl.DataFrame:
    """Persons from rows of person, municipality, age band, sex, chapter."""
    return pl.DataFrame(list(people), schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def group(
    number: int, *, place: str = KIEL, age: str = "30-39", sex: str = "female", chapter: str = "J00-J99", first: int = 0
) -> list[Person]:
    """Some persons who are alike; `first` sets their numbers apart from others'."""
    return [(f"{place}{age}{sex}{chapter}{first + n}", place, age, sex, chapter) for n in range(number)]


def shelf(folder: Path) -> Shelf:
    """Releases, ledger and keys in a folder."""
    return Shelf(folder / "releases", folder / "data", SecretFile(folder / "data" / "ledger.key"), BASE_URL)


BUILDER, APPROVING = "builder-invented", ("ada-invented", "ben-invented")


def enrolled(place: Shelf, name: str) -> Ed25519PrivateKey:
    """The key of somebody who may approve from now on."""
    key = Ed25519PrivateKey.generate()
    folder = place.data_dir / APPROVERS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pem").write_bytes(public_pem(key))
    return key


def approve_by_two(place: Shelf, slug: str, release: str) -> None:
    """Two people agree to the draft."""
    for name in APPROVING:
        approve(place, slug, release, by=name, at=NOW, key=enrolled(place, name))


def publish_persons(
    persons: pl.DataFrame,
    place: Shelf,
    *,
    definition: Definition,
    quarter: Period,
    now: datetime,
    covered: tuple[date, date] | None = None,
) -> Release:
    """What is published about some persons, with everything in between done."""
    draft = prepare(persons, place, work=Work(definition, quarter, now, BUILDER, covered))
    approve_by_two(place, draft.facts.slug, draft.facts.release)
    return publish_draft(place, draft.facts.slug, draft.facts.release, now=now)


def unlock(release: Release) -> None:
    """Make a release writable again, for tests that damage it."""
    release.folder.chmod(0o755)
    for path in release.folder.iterdir():
        path.chmod(0o644)


@dataclass(frozen=True)
class OpenedRow:
    """A row as `fhir.reader` gives it."""

    person: str
    type: str
    tenant: str
    id: str
    body: bytes


class Record:
    """A record in memory: resources by type."""

    def __init__(self) -> None:
        self._rows: list[OpenedRow] = []

    def _add(self, kind: str, person: str, body: object, *, clinic: str = "clinic-a") -> None:
        id = f"{kind}-{len(self._rows)}"
        self._rows.append(OpenedRow(person, kind, clinic, id, json.dumps(body).encode()))

    def encounter(
        self,
        person: str,
        end: str = "2026-08-03T10:00:00+02:00",
        code: str = "J06.9",
        clinic: str = "clinic-a",
        **other: object,
    ) -> None:
        """A finished video encounter."""
        coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": code}
        body = {"status": "finished", "class": {"code": "VR"}, "period": {"start": end, "end": end}}
        whole = {**body, "reasonCode": [{"coding": [coding]}], **other}
        self._add("Encounter", person, whole, clinic=clinic)

    def consent(
        self,
        person: str,
        kind: str = "permit",
        at: str = "2026-01-05T09:00:00Z",
        clinic: str = "clinic-a",
        **other: object,
    ) -> None:
        """A statement about the statistics, kept by a clinic."""
        coding = {"system": "https://telemed.example/fhir/CodeSystem/consent-category", "code": "statistics"}
        body = {"status": "active", "category": [{"coding": [coding]}], "dateTime": at, "provision": {"type": kind}}
        self._add("Consent", person, {**body, **other}, clinic=clinic)

    def appointment(self, person: str, start: str, created: str | None = None, status: str = "fulfilled") -> None:
        """An appointment and when it was made."""
        self._add("Appointment", person, {"status": status, "start": start, "created": created})

    def condition(self, person: str, code: str, status: str = "active", **other: object) -> None:
        """A diagnosis."""
        coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": code}
        body = {"clinicalStatus": {"coding": [{"code": status}]}, "code": {"coding": [coding]}}
        self._add("Condition", person, {**body, **other})

    def patient(
        self,
        person: str,
        place: str = KIEL,
        born: str | None = "1990-05-01",
        at: str = "2026-01-01T00:00:00Z",
        clinic: str = "clinic-a",
        **other: object,
    ) -> None:
        """A registration at a clinic."""
        coding = {"system": "http://fhir.de/sid/destatis/ags", "code": place}
        ags = {"url": "http://fhir.de/StructureDefinition/destatis/ags", "valueCoding": coding}
        body = {"meta": {"lastUpdated": at}, "gender": "female", "birthDate": born, "address": [{"extension": [ags]}]}
        self._add("Patient", person, {**body, **other}, clinic=clinic)

    def whole(self, person: str) -> None:
        """Somebody who is in the cohort."""
        self.encounter(person)
        self.consent(person)
        self.patient(person)

    def cohort(
        self,
        quarter: Quarter = QUARTER,
        frozen: datetime = NOW,
        *,
        names: tuple[str, ...] = ("municipality", "age_band", "sex", "chapter"),
        by_clinic: bool = False,
        definitions: Sequence[Definition] = (),
    ) -> Cohort:
        """What extraction makes of the record: person, clinic and the named dimensions, or what definitions ask for."""
        full = wanted_for(definitions or cohort_definitions(), quarter, frozen=frozen, clinics=CLINICS)
        wanted = full if definitions else replace(full, names=names, by_clinic=by_clinic)
        told = [row for row in self._rows if row.type in wanted.types]
        part = extracted(told, wanted, pseudonym=lambda person: person, progress=lambda step, count: None)
        return assembled([part], period=quarter, k=shipped().protection.k, frozen=frozen)
