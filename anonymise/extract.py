"""One row per distinct person from the opened record: who had an encounter in the period and agreed to the statistics.

Bodies are decoded only as far as the statistics need (msgspec), nothing is validated again and nothing is written.
Persons leave here under the ledger's pseudonym.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol, TypeVar

import msgspec
import polars as pl

from anonymise.agreement import Answer, Coding, Concept, Consent, Period, statement
from anonymise.coverage import covered, monday
from anonymise.definition import Definition
from anonymise.hierarchies import SEXES, UNKNOWN, age_band, chapter_of, municipalities
from anonymise.moments import moment
from anonymise.periods import ZONE, Quarter

AGS_EXTENSION: Final = "http://fhir.de/StructureDefinition/destatis/ags"
ICD_SYSTEM: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
OLDEST_AGE: Final = 130

T = TypeVar("T")
Progress = Callable[[str, int], None]
COLUMNS: Final = ("person", "municipality", "age_band", "sex", "chapter")


class Row(Protocol):
    """One opened resource, as `fhir.reader` gives it."""

    @property
    def person(self) -> str | bytes | None:
        """The pseudonym of the person whose record this is part of."""
        ...

    @property
    def tenant(self) -> str:
        """The clinic that keeps the resource."""
        ...

    @property
    def id(self) -> str:
        """The resource's id."""
        ...

    @property
    def body(self) -> bytes:
        """The resource's JSON."""
        ...


class _Encounter(msgspec.Struct, rename="camel"):
    status: str = ""
    class_: Coding = msgspec.field(name="class", default_factory=Coding)
    period: Period = msgspec.field(default_factory=Period)
    reason_code: list[Concept] = []


class _Extension(msgspec.Struct, rename="camel"):
    url: str = ""
    value_coding: Coding = msgspec.field(default_factory=Coding)


class _Address(msgspec.Struct):
    use: str | None = None
    extension: list[_Extension] = []


class _Meta(msgspec.Struct, rename="camel"):
    last_updated: str = ""


class _Patient(msgspec.Struct, rename="camel"):
    meta: _Meta = msgspec.field(default_factory=_Meta)
    gender: str | None = None
    birth_date: str | None = None
    address: list[_Address] = []


@dataclass(frozen=True, slots=True)
class Cohort:
    """The persons of a period and how many did not become part of it. The counts stay inside."""

    persons: pl.DataFrame
    treated: int
    without_consent: int
    outside: int
    covered: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read: resources of a type, the moment at which the cohort is frozen, the pseudonym of a person."""

    rows: Callable[[str], Iterable[Row]]
    frozen: datetime
    pseudonym: Callable[[str], str]
    progress: Progress


def extract(reading: Reading, definition: Definition, *, quarter: Quarter) -> Cohort:
    """The cohort of a quarter."""
    weeks: dict[date, set[str]] = {}
    reasons = _last_reasons(reading, set(definition.source.encounter_classes), quarter, weeks)
    permitted = _permitted(reading, reasons.keys())
    registered = _registered(reading, permitted)
    table: dict[str, list[str]] = {name: [] for name in COLUMNS}
    known = frozenset(municipalities().values)
    for person, (_, _, ags, birth, gender) in sorted(registered.items()):
        if ags not in known:
            continue
        sex = gender if gender in SEXES[:2] else SEXES[2]
        row = (reading.pseudonym(person), ags, _band(birth, quarter.last), sex, chapter_of(reasons[person][2]))
        for name, value in zip(COLUMNS, row, strict=True):
            table[name].append(value)
    frame = pl.DataFrame(table, schema=dict.fromkeys(COLUMNS, pl.String)).sort("person")
    full = covered(
        {week: len(persons & permitted) for week, persons in weeks.items()}, quarter, k=definition.protection.k
    )
    return Cohort(frame, len(reasons), len(reasons) - len(permitted), len(permitted) - frame.height, full)


def _decoded(rows: Iterable[Row], shape: type[T], step: str, progress: Progress) -> Iterator[tuple[str, Row, T]]:
    """Person, row and decoded part of each resource that belongs to a person."""
    decoder = msgspec.json.Decoder(shape)
    number = 0
    for number, row in enumerate(rows, start=1):
        if number % 1000 == 0:
            progress(step, number)
        if row.person is None:
            continue
        person = row.person.hex() if isinstance(row.person, bytes) else row.person
        yield person, row, decoder.decode(row.body)
    progress(step, number)


def _last_reasons(
    reading: Reading, classes: set[str], quarter: Quarter, weeks: dict[date, set[str]]
) -> dict[str, tuple[datetime, str, str | None]]:
    """Per person the end, id and main code of the last finished encounter in the quarter; fills who came in which week."""
    last: dict[str, tuple[datetime, str, str | None]] = {}
    found = _decoded(reading.rows("Encounter"), _Encounter, "encounters", reading.progress)
    for person, row, encounter in found:
        if encounter.status != "finished" or encounter.class_.code not in classes:
            continue
        ended = moment(encounter.period.end or encounter.period.start)
        if ended is None or not quarter.start <= ended < quarter.end:
            continue
        weeks.setdefault(monday(ended.astimezone(ZONE).date()), set()).add(person)
        candidate = (ended, row.id, _main_code(encounter))
        if person not in last or candidate[:2] > last[person][:2]:
            last[person] = candidate
    return last


def _main_code(encounter: _Encounter) -> str | None:
    for coding in encounter.reason_code[0].coding if encounter.reason_code else ():
        if coding.system == ICD_SYSTEM:
            return coding.code
    return None


def _permitted(reading: Reading, persons: Iterable[str]) -> frozenset[str]:
    """The persons of whom, as of the freezing, a clinic's latest statement permits and no clinic's latest one refuses.

    Each clinic speaks for itself: what one writes about its own patient never overrides a refusal made at another. At
    the same moment a refusal wins.
    """
    wanted = frozenset(persons)
    latest: dict[tuple[str, str], tuple[datetime, Answer]] = {}
    for person, row, consent in _decoded(reading.rows("Consent"), Consent, "consents", reading.progress):
        stated = statement(consent, at=reading.frozen) if person in wanted else None
        if stated is not None:
            whose = (person, row.tenant)
            latest[whose] = max(latest.get(whose, stated), stated)
    refusing = {person for (person, _), (_, answer) in latest.items() if answer is Answer.REFUSES}
    permitting = {person for (person, _), (_, answer) in latest.items() if answer is Answer.PERMITS}
    return frozenset(permitting - refusing)


Registration = tuple[str, str, str | None, str | None, str | None]


def _registered(reading: Reading, persons: frozenset[str]) -> dict[str, Registration]:
    """Per person the most recent registration: when, id, municipality, birth date, gender."""
    latest: dict[str, Registration] = {}
    for person, row, patient in _decoded(reading.rows("Patient"), _Patient, "patients", reading.progress):
        if person not in persons:
            continue
        candidate = (
            patient.meta.last_updated,
            row.id,
            _municipality(patient),
            patient.birth_date,
            patient.gender,
        )
        if person not in latest or candidate[:2] > latest[person][:2]:
            latest[person] = candidate
    return latest


def _municipality(patient: _Patient) -> str | None:
    for address in patient.address:
        for extension in address.extension:
            if extension.url == AGS_EXTENSION and address.use != "old":
                return extension.value_coding.code
    return None


def _band(birth: str | None, day: date) -> str:
    """The age band on a day; of a partial birth date the beginning counts."""
    born = moment(birth)
    if born is None:
        return UNKNOWN
    local = born.astimezone(ZONE)
    age = day.year - local.year - ((day.month, day.day) < (local.month, local.day))
    return age_band(age) if 0 <= age <= OLDEST_AGE else UNKNOWN
