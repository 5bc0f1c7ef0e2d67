"""The search parameters of every served type, as R4 defines them: the table `fhir/definitions/search.json`, typed.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from fhir.models import SERVED


class Kind(Enum):
    """How the values of a parameter are compared."""

    TOKEN = "token"
    REFERENCE = "reference"
    CANONICAL = "canonical"  # a reference in the standard's list of parameters
    URI = "uri"
    STRING = "string"
    DATE = "date"
    QUANTITY = "quantity"
    COMPOSITE = "composite"
    SPECIAL = "special"  # `Location.near`


class Place(NamedTuple):
    """Where a parameter finds values: a path in JSON, its type, and what of it counts."""

    path: tuple[str, ...]  # empty: the resource itself
    type: str
    system: str = ""  # of a plain code: the code system it comes from
    target: str = ""  # only references to this type
    only: str = ""  # only contact points of this system


class Component(NamedTuple):
    """One part of a composite: it is compared like the parameter of this name and kind."""

    name: str
    kind: Kind
    places: tuple[Place, ...]  # below the composite's bases


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one type.

    `lookup` names the parameters that have the same values together: what `name` finds, `family`, `given` and `name`'s
    own rest find, and what `patient` finds, `subject` finds (there, only its address tells a patient from a group).
    """

    name: str
    kind: Kind
    places: tuple[Place, ...]
    targets: tuple[str, ...]  # of a reference: the types it can name, served here or not
    lookup: tuple[str, ...]
    bases: tuple[tuple[str, ...], ...] = ()  # of a composite: the elements that hold its parts
    components: tuple[Component, ...] = ()

    @property
    def types(self) -> frozenset[str]:
        """The data types of its values."""
        return frozenset(place.type for place in self.places)

    @property
    def system(self) -> str:
        """The one system that all its codes have; empty if that is not so."""
        systems = {place.only or place.system for place in self.places}
        return systems.pop() if len(systems) == 1 else ""

    @property
    def instant(self) -> bool:
        """Whether every value is a single instant."""
        return self.types == {"instant"}


@dataclass(frozen=True, slots=True)
class TypeParameters:
    """The parameters of a type, and the two that its low-entropy codes are hidden with."""

    parameters: dict[str, Parameter]
    anchor: Parameter | None
    date: Parameter | None


# Whom a resource is about; where that is nobody, what it belongs to.
_ANCHORS: Final = {"Slot": "schedule", "Schedule": "actor", "PractitionerRole": "practitioner"}
# The day that a search of the type most often names, where it is not called `date`.
_DATES: Final = {
    "Patient": "birthdate", "RelatedPerson": "birthdate", "Slot": "start", "Condition": "recorded-date",
    "MedicationStatement": "effective", "MedicationRequest": "authoredon", "Goal": "start-date", "Task": "authored-on",
    "ServiceRequest": "authored", "Communication": "sent", "CommunicationRequest": "authored",
    "QuestionnaireResponse": "authored", "Provenance": "recorded", "Bundle": "timestamp",
}  # fmt: skip
# These stand in columns of their own, so every type has them and no token is made.
COLUMNS: Final = ("_id", "_lastUpdated")
# Every type has these beside its own.
COMMON: Final = ("_profile", "_security", "_source", "_tag")

Table = dict[str, list[Any]]  # the parameters of a type as they stand in search.json


def names(type: str) -> list[str]:
    """The names of the parameters that select resources of a type, in alphabetical order."""
    return sorted((*COLUMNS, *PARAMETERS[type].parameters))


@cache
def _place(text: str) -> Place:
    where, _, system = text.partition("|")
    path, _, type = where.partition(":")
    type, _, target = type.partition("@")
    type, _, only = type.partition("=")
    return Place(tuple(path.split(".")) if path else (), type, system=system, target=target, only=only)


def _of_type(type: str, table: Table, *, every: str) -> TypeParameters:
    places = {name: tuple(map(_place, row[1].split())) for name, row in table.items() if row[0] != "composite"}
    owners = _owners(places)
    kinds = {name: Kind(row[0]) for name, row in table.items()}
    parameters = {
        name: _composite(name, table[name], kinds=kinds)
        if kind is Kind.COMPOSITE
        else _parameter(name, kind, targets=_targets(table[name], every), places=places[name], owners=owners)
        for name, kind in kinds.items()
    }
    anchor, date = _ANCHORS.get(type, "patient"), _DATES.get(type, "date")
    return TypeParameters(parameters, parameters.get(anchor), parameters.get(date))


def _parameter(
    name: str, kind: Kind, *, targets: tuple[str, ...], places: tuple[Place, ...], owners: Mapping[Place, str]
) -> Parameter:
    mine = {_whole(place) for place in places}
    theirs = {owners.get(place, name) for place in mine}
    # Only parameters that find nothing else can stand for this one.
    alike = {other for other in theirs if all(place in mine for place, owner in owners.items() if owner == other)}
    is_whole = all(owners.get(_whole(place), name) in alike - {name} for place in places)
    lookup = tuple(sorted(alike - {name} if is_whole else alike | {name}))
    return Parameter(name, kind, places, targets, lookup)


def _composite(name: str, row: list[Any], *, kinds: Mapping[str, Kind]) -> Parameter:
    bases = tuple(tuple(base.split(".")) if base else () for base in row[1])
    parts = tuple(Component(part[0], kinds[part[0]], tuple(map(_place, part[1:]))) for part in row[2])
    return Parameter(name, Kind.COMPOSITE, (), (), (name,), bases=bases, components=parts)


def _whole(place: Place) -> Place:
    """The place without a narrower target, which an address tells by itself."""
    return place._replace(target="") if place.target else place


def _owners(parameters: Mapping[str, tuple[Place, ...]]) -> dict[Place, str]:
    """Which parameter's tokens hold the values of a place: the one with the fewest places that takes all values there."""
    found: dict[Place, str] = {}
    fewest_first = sorted(parameters, key=lambda name: (len(parameters[name]), name))
    for name in fewest_first:
        for place in parameters[name]:
            if place == _whole(place):
                found.setdefault(place, name)
    return found


def _targets(row: list[Any], every: str) -> tuple[str, ...]:
    names = row[2] if len(row) > 2 else ""
    return tuple((every if names == "*" else names).split())


def _read() -> dict[str, TypeParameters]:
    table = json.loads((files("fhir.definitions") / "search.json").read_bytes())
    return {type: _of_type(type, table["Resource"] | table[type], every=table["*"]) for type in SERVED}


PARAMETERS: Final[dict[str, TypeParameters]] = _read()
