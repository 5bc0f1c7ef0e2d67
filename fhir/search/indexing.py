"""Which parameters have tokens in the index, and with what their values are hidden.

Tokens are for what selects few resources and tells little by how often it occurs. The rest is checked after decryption,
among the candidates that the other conditions leave: inside one patient's record, mostly. Each token is a row of the
index on every write, so nothing has one that another parameter's tokens find as well.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final, NamedTuple

from fhir.search.definitions import PARAMETERS, Kind, Parameter


class Index(Enum):
    """What the index holds of a parameter."""

    OWN = "own"  # tokens of each value
    COMPOUND = "compound"  # few different values, clinical ones: only together with the anchor or the day
    KEYED = "keyed"  # buckets of a number, of each code separately
    NONE = "none"  # nothing


# Codes that searches name together with a patient or a day.
_COMPOUND: Final = frozenset(
    ["status", "clinical-status", "lifecycle-status", "code", "vaccine-code", "category", "type", "class"]
)
# These types are about no patient: how often a speciality occurs is known anyway.
_PUBLIC: Final = frozenset(
    ["Organization", "Location", "HealthcareService", "PractitionerRole", "Schedule", "Questionnaire"]
)
_PUBLIC_CODES: Final = frozenset(["type", "role", "specialty", "service-category", "service-type", "code"])
# Texts about findings, and texts that many share.
_NO_TEXTS: Final = frozenset(
    ["value-string", "abatement-string", "onset-info", "description", "publisher", "series", "software"]
)
_KEYED: Final = frozenset(["code-value-quantity", "component-code-value-quantity"])
# Whose tokens are asked, beyond what `Parameter.lookup` says.
_ELSEWHERE: Final = {
    "combo-code-value-quantity": ("code-value-quantity", "component-code-value-quantity"),
    "phone": ("telecom",),
    "email": ("telecom",),
}


class Entry(NamedTuple):
    """What to make of the values of one parameter."""

    holds: Index
    kind: Kind
    is_plain: bool
    others: tuple[str, ...]  # parameters whose tokens hold some of its values already


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read off a resource of one type, and which tokens to make of it."""

    names: frozenset[str]
    entries: dict[str, Entry]
    anchors: tuple[str, ...]  # parameters that together hold the references of the anchor
    date: str | None


@cache
def plan(type: str) -> Plan:
    """The plan of a type."""
    table = PARAMETERS[type]
    entries = {
        parameter.name: Entry(index, parameter.kind, is_plain(parameter), _others(type, parameter))
        for parameter in table.parameters.values()
        if (index := index_of(type, parameter)) is not Index.NONE and parameter.name in elsewhere(type, parameter)
    }
    anchors = elsewhere(type, table.anchor) if table.anchor is not None else ()
    date = table.date.name if table.date is not None else None
    return Plan(frozenset(entries) | set(anchors), entries, anchors, date)


def is_plain(parameter: Parameter) -> bool:
    """Whether its codes all come from one system, which R4 names and the JSON does not."""
    return parameter.types == {"code"} and bool(parameter.system)


def _others(type: str, parameter: Parameter) -> tuple[str, ...]:
    return tuple(name for name in elsewhere(type, parameter) if name != parameter.name)


def elsewhere(type: str, parameter: Parameter) -> tuple[str, ...]:
    """The parameters whose tokens hold all values of this one; its own name alone, mostly."""
    known = PARAMETERS[type].parameters
    names = _ELSEWHERE.get(parameter.name, parameter.lookup)
    return names if all(name in known for name in names) else parameter.lookup


def asked(type: str, parameter: Parameter) -> tuple[str, ...]:
    """The parameters whose tokens to ask for this one; none if some of its values have no token."""
    known = PARAMETERS[type].parameters
    names = elsewhere(type, parameter)
    return names if all(index_of(type, known[name]) is not Index.NONE for name in names) else ()


def index_of(type: str, parameter: Parameter) -> Index:
    """What the index holds of a parameter's values, under whichever name."""
    name, kind = parameter.name, parameter.kind
    if name.startswith("_") or kind in (Kind.QUANTITY, Kind.SPECIAL):
        return Index.NONE
    if kind is Kind.COMPOSITE:
        return Index.KEYED if name in _KEYED else Index.NONE
    if kind is Kind.STRING:
        return Index.NONE if name in _NO_TEXTS else Index.OWN
    if kind is not Kind.TOKEN or parameter.types & {"Identifier", "ContactPoint"}:
        return Index.OWN
    if type in _PUBLIC:
        return Index.OWN if name in _PUBLIC_CODES else Index.NONE
    if PARAMETERS[type].anchor is not None and name in _COMPOUND:
        return Index.COMPOUND
    return Index.NONE
