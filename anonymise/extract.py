"""One row per distinct person from the opened record: who had an encounter in the period and may be counted.

Read in spans of persons, so that any number of workers can share it and memory is bounded by one span. Nothing is
validated again and nothing is written. Persons leave here under the ledger's pseudonym.

Legal basis `consent`: a person is one however many clinics treated them, and counts who agreed and nowhere refuses.
`institution`: each clinic's own persons are counted apart (a person at two clinics is two units, told apart by `clinic`), and
who objected at a clinic is not counted there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import msgspec
import polars as pl

from anonymise.cohort import CLINIC
from anonymise.columns import FACTS, Setting, types_for
from anonymise.coverage import Extent, covered
from anonymise.periods import Period
from anonymise.problems import DefinitionInvalid
from anonymise.recorded import Asked, Recorded
from anonymise.resources import SHAPES

Progress = Callable[[str, int], None]


class Row(Protocol):
    """One opened resource, as `fhir.reader` gives it."""

    @property
    def person(self) -> str:
        """The pseudonym of the person whose record this is part of."""
        ...

    @property
    def type(self) -> str:
        """The resource's type."""
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is extracted: the period and its encounters, the dimensions by name, the basis, what facts refer to, and how a
    dimension reads a word of the record."""

    asked: Asked
    names: tuple[str, ...]
    setting: Setting
    readers: Mapping[str, Callable[[str], str]]
    by_clinic: bool = False
    clinics: frozenset[str] | None = None
    """The clinics that take part; None for all."""
    listed: int = 0
    """How many clinics could report."""

    def __post_init__(self) -> None:
        """Refuse what the record can't give."""
        unknown = [name for name in self.names if name not in FACTS]
        if unknown:
            raise DefinitionInvalid(f"The record gives no {', '.join(unknown)}; it gives {', '.join(FACTS)}.")

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types that have to be read."""
        return types_for(self.names)


@dataclass(frozen=True, slots=True)
class Part:
    """What one span of persons gave: their rows, and how many did not become part of it. The counts stay inside."""

    persons: pl.DataFrame
    treated: int
    not_permitted: int
    outside: int
    weeks: Mapping[date, int] = field(default_factory=dict)
    clinics: Mapping[str, int] = field(default_factory=dict)
    """The units treated at each clinic."""
    listed: int = 0
    """All clinics that could report."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The persons of a period and how many did not become part of it. The counts stay inside."""

    persons: pl.DataFrame
    treated: int
    not_permitted: int
    outside: int
    frozen: datetime
    covered: tuple[date, date] | None = None
    extent: Extent | None = None


def extracted(rows: Iterable[Row], wanted: Wanted, *, pseudonym: Callable[[str], str], progress: Progress) -> Part:
    """The units of a span of persons, a row each: `person`, `clinic` and the wanted dimensions, all text."""
    units = _units(rows, wanted, progress)
    treated = {unit: found for unit, found in units.items() if found.last is not None and _takes_part(found, wanted)}
    counted = {unit: found for unit, found in treated.items() if _may_count(found, wanted)}
    columns: dict[str, list[str]] = {name: [] for name in ("person", CLINIC, *wanted.names)}
    weeks: dict[date, int] = {}
    for (person, clinic), found in counted.items():
        for week in found.weeks:
            weeks[week] = weeks.get(week, 0) + 1
        facts = {name: FACTS[name](found, wanted.setting, name) for name in wanted.names}
        if "municipality" in facts and facts["municipality"] not in wanted.setting.municipalities:
            continue
        values = [wanted.readers[name](fact) for name, fact in facts.items()]
        for name, value in zip(columns, (pseudonym(unit_of(person, clinic)), found.clinic, *values), strict=True):
            columns[name].append(value)
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    at = Counter(clinic for found in treated.values() for clinic in {clinic for clinic, _ in found.visits})
    refused, outside = len(treated) - len(counted), len(counted) - frame.height
    return Part(frame, len(treated), refused, outside, weeks, at, wanted.listed)


def unit_of(person: str, clinic: str) -> str:
    """The name of a unit: a person, or with a clinic the person there, whom nobody can tell from another unit of theirs."""
    return f"{person}@{clinic}" if clinic else person


def assembled(parts: Sequence[Part], *, period: Period, k: int, frozen: datetime) -> Cohort:
    """The cohort of all spans, in the order of pseudonyms."""
    weeks: Counter[date] = Counter()
    clinics: Counter[str] = Counter()
    for part in parts:
        weeks.update(part.weeks)
        clinics.update(part.clinics)
    persons = pl.concat([part.persons for part in parts]).sort("person", CLINIC)
    treated, refused, outside = (
        sum(getattr(p, name) for p in parts) for name in ("treated", "not_permitted", "outside")
    )
    reporting = sum(count >= k for count in clinics.values())
    extent = Extent(treated, treated - refused, reporting, max(part.listed for part in parts))
    return Cohort(persons, treated, refused, outside, frozen, covered(weeks, period, k=k), extent)


def _takes_part(found: Recorded, wanted: Wanted) -> bool:
    return wanted.clinics is None or found.clinic in wanted.clinics


def _may_count(found: Recorded, wanted: Wanted) -> bool:
    # Each clinic speaks for itself: a permit at one never overrides a refusal at another.
    return not found.refuses and (wanted.by_clinic or found.permits)


def _units(rows: Iterable[Row], wanted: Wanted, progress: Progress) -> dict[tuple[str, str], Recorded]:
    """What the record says of each unit: a person, or with `by_clinic` a person at one clinic."""
    units: dict[tuple[str, str], Recorded] = {}
    asked, by_clinic = wanted.asked, wanted.by_clinic
    decoders = {type: msgspec.json.Decoder(SHAPES[type]) for type in wanted.types}
    number = 0
    for number, row in enumerate(rows, start=1):  # noqa: B007 - told below
        unit = (row.person, row.tenant if by_clinic else "")
        found = units.get(unit)
        if found is None:
            found = units[unit] = Recorded()
        found.add(row.tenant, row.id, decoders[row.type].decode(row.body), asked=asked)
    progress("resources", number)
    return units
