"""A data set about a cohort, read from two TOML files and refused with line and reason before anything else happens.

`definitions/<region>/cohort.toml` says whose data and under which protection, `definitions/<region>/<slug>.toml` which
tables. All data sets beside each other share the cohort, and with it the partition.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from anonymise import about as abouts
from anonymise.about import Contact, Licence, Publisher, Region, Step, Words
from anonymise.cohort import CLINIC, INSTITUTION, CohortDefinition, Dimension, Protection, Source
from anonymise.dataset import DataSet, DeclaredTable
from anonymise.dimensions import bounds_of, hierarchy_of
from anonymise.hierarchy import TOP, Hierarchy
from anonymise.problems import DefinitionInvalid, HierarchyInvalid
from anonymise.rule import COVERAGE_LEAST, Rule
from anonymise.toml_lines import line_of
from infra.problems import Issue

COHORT: Final = "cohort.toml"
ICD: Final = "icd10gm"
SHIPPED: Final = Path(str(files("anonymise") / "definitions"))

T = TypeVar("T")
Fault = tuple[str, str]
"""Where in a file, as a path such as `table[0].cells`, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A data set with the cohort it is about: what it shows, of whom, how it is protected, who publishes it.

    `hierarchies` are those of all dimensions of the cohort, from their base; `declared` the tables of all its data sets;
    `ladder` the steps that were tried, the last of which says how coarse the sensitive dimension is told (`ladder.py`).
    """

    cohort: CohortDefinition
    dataset: DataSet
    hierarchies: Mapping[str, Hierarchy]
    declared: tuple[DeclaredTable, ...]
    ladder: tuple[Step, ...] = ()
    folder: Path = SHIPPED

    @property
    def slug(self) -> str:
        """The name in addresses."""
        return self.dataset.slug

    @property
    def title(self) -> Words:
        """The title."""
        return self.dataset.title

    @property
    def description(self) -> Words:
        """What is counted."""
        return self.dataset.description

    @property
    def keywords(self) -> tuple[Words, ...]:
        """Words to be found by."""
        return self.dataset.keywords

    @property
    def period(self) -> str:
        """`quarter`, `month` or `week`."""
        return self.cohort.period

    @property
    def source(self) -> Source:
        """Which part of the record enters."""
        return self.cohort.source

    @property
    def protection(self) -> Protection:
        """The thresholds."""
        return self.cohort.protection

    @property
    def rule(self) -> Rule:
        """The thresholds as the rule takes them."""
        return self.cohort.protection.rule

    @property
    def asked(self) -> Rule:
        """What a group is asked for when it is made: the rule, or more."""
        return self.rule if not self.ladder else replace(self.rule, share_limit=self.ladder[-1].share_limit)

    @property
    def told(self) -> tuple[int, int]:
        """The finest level at which the sensitive dimension is told, and that of the categories that groups are made of."""
        sensitive = self.sensitive
        if sensitive is None:
            return 0, 0
        hierarchy = self.hierarchies[sensitive.name]
        if self.ladder:
            return hierarchy.level(self.ladder[-1].finest), hierarchy.level(self.ladder[-1].top)
        return 0, len(hierarchy.levels) - 2 - len(sensitive.coarser)

    @property
    def bare(self) -> bool:
        """Whether no category is told of any group."""
        return bool(self.ladder) and self.ladder[-1].finest == TOP

    @property
    def licence(self) -> Licence:
        """The licence."""
        return self.cohort.licence

    @property
    def publisher(self) -> Publisher:
        """Who answers for the data."""
        return self.cohort.publisher

    @property
    def contact(self) -> Contact:
        """Where questions go."""
        return self.cohort.contact

    @property
    def region(self) -> Region:
        """The area that it is about."""
        return self.cohort.region

    @property
    def identifying(self) -> tuple[Dimension, ...]:
        """The identifying dimensions of the cohort: those of the partition."""
        return tuple(d for d in self.cohort.dimension if d.role == "identifying")

    @property
    def sensitive(self) -> Dimension | None:
        """The dimension of the data set that is shown for groups only; None if it has none."""
        used = self._used()
        return next((d for d in self.cohort.dimension if d.role != "identifying" and d.name in used), None)

    @property
    def shown(self) -> tuple[Dimension, ...]:
        """The dimensions of the data set's tables, in the order of the cohort: the columns of its rows."""
        used = self._used()
        return tuple(d for d in self.cohort.dimension if d.name in used)

    @property
    def dimension(self) -> tuple[abouts.Dimension, ...]:
        """The same, as a release describes them."""
        return tuple(abouts.Dimension(d.name, d.role, d.title, d.description) for d in self.shown)

    def _used(self) -> set[str]:
        means = {m.of for m in self.dataset.measure if m.of is not None}
        return means.union(*(table.cells for table in self.dataset.table))


def load(path: Path) -> Definition:
    """The definition in a file, with the cohort in `cohort.toml` beside it and the tables of the data sets beside it."""
    if path.suffix != ".toml":
        raise DefinitionInvalid(f"{path.name} is no definition: that is a TOML file with {COHORT} beside it.")
    cohort_path = path.parent / COHORT
    cohort = _read(cohort_path, CohortDefinition)
    hierarchies: dict[str, Hierarchy] = {}
    _refuse(cohort_path, _cohort_faults(cohort, hierarchies, path.parent))
    beside = sorted(each for each in path.parent.glob("*.toml") if each.name != COHORT)
    found = {each: _read(each, DataSet) for each in {*beside, path}}
    for each, dataset in found.items():
        _refuse(each, _dataset_faults(dataset, cohort, hierarchies))
    declared = tuple(table for each in beside for table in found[each].table)
    return Definition(cohort, found[path], hierarchies, declared, folder=path.parent)


def shipped(slug: str = "reasons-for-encounter", region: str = "kiel") -> Definition:
    """A definition that comes with the package."""
    return load(SHIPPED / region / f"{slug}.toml")


def cohort_definitions(region: str = "kiel") -> tuple[Definition, ...]:
    """All data sets of a cohort that comes with the package, in the order of their names."""
    paths = [path for path in shipped_paths() if path.parent.name == region]
    if not paths:
        known = ", ".join(sorted({path.parent.name for path in shipped_paths()}))
        raise DefinitionInvalid(f"No cohort {region!r} ships; there is {known}.")
    return tuple(load(path) for path in paths)


def shipped_paths() -> tuple[Path, ...]:
    """All definitions that come with the package, by folder and name."""
    return tuple(sorted(path for path in SHIPPED.glob("*/*.toml") if path.name != COHORT))


def _read(path: Path, shape: type[T]) -> T:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionInvalid(f"The definition {path.name} can't be read; {COHORT} must stand beside it.") from error
    try:
        return msgspec.convert(tomllib.loads(text), type=shape)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionInvalid(f"{path.name} is not TOML: {error}.") from error
    except msgspec.ValidationError as error:
        said = re.sub(r"`\$\.?", "`", str(error))
        place = re.search(r"at `([^`]*)`$", said)
        raise DefinitionInvalid(f"{path.name}, line {line_of(text, place[1] if place else '')}: {said}") from error


def _refuse(path: Path, faults: Iterator[Fault]) -> None:
    text = path.read_text(encoding="utf-8")
    said = [f"{path.name}, line {line_of(text, place)}: {fault}" for place, fault in faults]
    if said:
        raise DefinitionInvalid("; ".join(said), issues=[Issue("business-rule", fault) for fault in said])


def _cohort_faults(cohort: CohortDefinition, hierarchies: dict[str, Hierarchy], folder: Path) -> Iterator[Fault]:
    """Fills `hierarchies` and says what is wrong with the dimensions."""
    names = [d.name for d in cohort.dimension]
    for number, dimension in enumerate(cohort.dimension):
        place = f"dimension[{number}]"
        if names.index(dimension.name) != number:
            yield f"{place}.name", f"dimension {dimension.name} stands twice"
            continue
        if dimension.name in abouts.COLUMNS:
            yield f"{place}.name", f"{dimension.name} is the name of a column that every data set has"
        try:
            hierarchies[dimension.name] = hierarchy = hierarchy_of(dimension, folder)
            if dimension.hard is not None:
                hierarchy.level(dimension.hard)
        except HierarchyInvalid as error:
            yield place, f"dimension {dimension.name}: {error}"
        if dimension.hierarchy == ICD and dimension.role == "identifying":
            said = "such as the diagnosis is never only identifying; its role is sensitive, or both if an attacker may know it"
            yield f"{place}.role", f"dimension {dimension.name}: a dimension {said}"
        if dimension.hard is not None and dimension.role != "identifying":
            yield (
                f"{place}.hard",
                f"dimension {dimension.name}: only a level of an identifying dimension can stay exact",
            )
    if "identifying" not in {d.role for d in cohort.dimension}:
        yield "dimension", "at least one dimension must be identifying"
    yield from _clinic_faults(cohort)


def _clinic_faults(cohort: CohortDefinition) -> Iterator[Fault]:
    """Clinics that count for themselves are never joined; and one column says the clinic, not two."""
    clinic = next((d for d in cohort.dimension if d.name == CLINIC), None)
    if clinic is not None and cohort.protection.dominance is not None:
        yield "protection.dominance", f"dominance needs clinics that are no dimension; leave out one or {CLINIC}"
    if cohort.source.legal_basis == INSTITUTION and (clinic is None or clinic.hard is None):
        yield "source.legal_basis", f"{INSTITUTION} needs an identifying dimension {CLINIC} with a hard level"
    if cohort.source.legal_basis == INSTITUTION and any(d.role != "identifying" for d in cohort.dimension):
        # A group may reach over clinics, and would count a person of two clinics twice.
        yield "dimension", f"{INSTITUTION} shows no category: every dimension must be identifying"


def _dataset_faults(
    dataset: DataSet, cohort: CohortDefinition, hierarchies: Mapping[str, Hierarchy]
) -> Iterator[Fault]:
    known = {d.name: d for d in cohort.dimension}
    others: set[str] = set()
    for number, table in enumerate(dataset.table):
        for name, level in table.cells.items():
            place = f"table[{number}].cells"
            if name not in known:
                yield place, f"the cohort has no dimension {name}; it has {', '.join(known)}"
            elif level not in hierarchies[name].level_names[:-1]:
                levels = ", ".join(hierarchies[name].level_names[:-1])
                yield place, f"{name} has no level {level!r} from its base on; it has {levels}"
            elif known[name].role != "identifying":
                others.add(name)
    for number, measure in enumerate(dataset.measure):
        place = f"measure[{number}]"
        if number == 0 and measure.kind != "persons":
            yield place, "the first measure must be persons"
        if measure.kind == "mean":
            if measure.of not in known or bounds_of(known[measure.of]) is None:
                yield place, f"{measure.name} needs `of`, a dimension in bands"
            else:
                others.add(measure.of)
        if measure.kind in ("rate", "standardised") and cohort.denominators is None:
            yield place, f"{measure.name} needs [denominators] in {COHORT}"
        elif (
            measure.kind == "standardised"
            and cohort.denominators
            and (cohort.denominators.coverage or 0) < COVERAGE_LEAST
        ):
            yield place, f"{measure.name} needs a coverage of at least {COVERAGE_LEAST} stated in [denominators]"
    if len(others) > 1:
        # Two of them crossed would show sets that no group protects.
        yield "table", f"one data set can show only one of {', '.join(sorted(others))}: make a data set of each"
