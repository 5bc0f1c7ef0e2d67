"""What R4 says a type consists of: the generated table `fhir/definitions/rules.json`, read for one type at a time."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from fhir import definitions

_TYPE = re.compile(r"(?P<name>[A-Za-z0-9.]+)(?:\((?P<detail>[^)]+)\))?")


class Element(NamedTuple):
    """One member of a type's JSON objects."""

    name: str
    choice: str  # the x of x[x]; empty if there is no choice
    type: str
    many: bool
    detail: str  # of a Reference the target types, of a code the value set; empty if anything will do

    @property
    def inner(self) -> str:
        """The type whose elements it has; empty for a primitive and where any resource may stand."""
        return "" if self.type in PRIMITIVES or self.type == "Resource" else self.type


class Choice(NamedTuple):
    """A choice of types: at most one of its members may be there."""

    name: str
    members: frozenset[str]
    needed: bool


class Type(NamedTuple):
    """A resource type, a data type or a part of one, like Patient.contact."""

    name: str
    elements: dict[str, Element]
    required: tuple[str, ...]
    choices: tuple[Choice, ...]
    is_resource: bool


@cache
def type_of(name: str) -> Type:
    """A type by the name that R4 gives it."""
    elements: dict[str, Element] = {}
    required: list[str] = []
    choices: list[Choice] = []
    for held, text in _elements(name):
        cardinality, *types = text.split()
        lowest, highest = cardinality.split("..")
        choice = held[:-3] if held.endswith("[x]") else ""
        members = [_element(held, choice, type, many=highest == "*") for type in types]
        elements |= {member.name: member for member in members}
        if choice:
            choices.append(Choice(choice, frozenset(member.name for member in members), lowest != "0"))
        elif lowest != "0":
            required.append(held)
    return Type(name, elements, tuple(required), tuple(choices), is_resource(name))


@cache
def is_resource(name: str) -> bool:
    """Whether a resource of R4 has this type; the abstract types count, as they have its elements."""
    if name == "Resource":
        return True
    return name in _table()["types"] and is_resource(_table()["types"][name][0])


def is_type(name: str) -> bool:
    """Whether R4 has a resource type that can be sent by this name."""
    return is_resource(name) and name not in ("Resource", "DomainResource")


@cache
def codes(value_set: str) -> frozenset[str]:
    """The codes of a value set that a binding requires, of all its systems; none if they are no list."""
    return frozenset(code for text in systems(value_set).values() for code in text)


@cache
def systems(value_set: str) -> dict[str, frozenset[str]]:
    """The codes of a value set by the system they come from."""
    return {system: frozenset(text.split()) for system, text in _table()["codes"].get(value_set, {}).items()}


def _element(held: str, choice: str, type: str, *, many: bool) -> Element:
    parts = _TYPE.fullmatch(type)
    assert parts is not None, type
    name = parts["name"]
    key = choice + _capital("Quantity" if name in ("SimpleQuantity", "MoneyQuantity") else name) if choice else held
    return Element(key, choice, name, many, parts["detail"] or "")


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _elements(name: str) -> Iterator[tuple[str, str]]:
    base, own = _table()["types"][name]
    if base:
        yield from _elements(base)
    yield from own.items()


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((Path(definitions.__file__).parent / "rules.json").read_text())
    return table


_SIMPLE: Final = """
    base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time
    unsignedInt uri url uuid xhtml
    """
PRIMITIVES: Final = frozenset(_SIMPLE.split())
