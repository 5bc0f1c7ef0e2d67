"""Which parameters have tokens in the index, and with what their values are hidden.

Tokens are for what selects few resources and tells little by how often it occurs. The rest is checked after decryption,
among the candidates that the other conditions leave: inside one patient's record, mostly. Each token is a row of the
index on every write, so nothing has one that another parameter's tokens find as well.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final, NamedTuple

from fhir.search.definitions import PARAMETERS, Kind


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
# Numbers, and the codes that key them: those beside a quantity, or in the same composite.
_KEYED: Final = {"value-quantity": "code", "component-code-value-quantity": ""}
# Whose tokens are asked, beyond what `Parameter.lookup` says.
_ELSEWHERE: Final = {
    "code-value-quantity": ("value-quantity",),
    "combo-code-value-quantity": ("component-code-value-quantity", "value-quantity"),
    "phone": ("telecom",),
    "email": ("telecom",),
}


class Entry(NamedTuple):
    """What to make of the values of one parameter."""

    holds: Index
    kind: Kind
    is_plain: bool
    others: tuple[str, ...]  # parameters whose tokens hold some of its values already
    key: str  # the parameter that has the codes of its numbers; empty where they are composite with them


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
        name: Entry(
            index_of(type, name),
            parameter.kind,
            is_plain(type, name),
            tuple(other for other in elsewhere(type, name) if other != name),
            _KEYED.get(name, ""),
        )
        for name, parameter in table.parameters.items()
        if index_of(type, name) is not Index.NONE and name in elsewhere(type, name)
    }
    anchors = elsewhere(type, table.anchor.name) if table.anchor is not None else ()
    date = table.date.name if table.date is not None else None
    return Plan(frozenset(entries) | set(anchors), entries, anchors, date)


@cache
def asked(type: str, name: str) -> tuple[str, ...]:
    """The parameters whose tokens to ask for this one; none if some of its values have no token."""
    names = elsewhere(type, name)
    return names if all(index_of(type, one) is not Index.NONE for one in names) else ()


@cache
def held(type: str, name: str) -> Index:
    """What the index holds of this parameter, by the tokens that are asked for it."""
    found = {index_of(type, one) for one in asked(type, name)}
    # Of several kinds of tokens those count that need something beside the value.
    return next((one for one in (Index.KEYED, Index.COMPOUND, Index.OWN) if one in found), Index.NONE)


@cache
def elsewhere(type: str, name: str) -> tuple[str, ...]:
    """The parameters whose tokens hold all values of this one; its own name alone, mostly."""
    known = PARAMETERS[type].parameters
    names = _ELSEWHERE.get(name, known[name].lookup)
    return names if all(one in known for one in names) else known[name].lookup


@cache
def is_plain(type: str, name: str) -> bool:
    """Whether its codes all come from one system, which R4 names and the JSON does not."""
    parameter = PARAMETERS[type].parameters[name]
    return parameter.types == {"code"} and bool(parameter.system)


@cache
def is_contact(type: str, name: str) -> bool:
    """Whether its codes are telephone numbers and addresses, of the system that the parameter is named for."""
    return "ContactPoint" in PARAMETERS[type].parameters[name].types


def is_public(type: str, name: str) -> bool:
    """Whether its codes are those of a directory, of which a few stand for many."""
    return type in _PUBLIC and name in _PUBLIC_CODES


@cache
def index_of(type: str, name: str) -> Index:
    """What the index holds of a parameter's values, under whichever name."""
    parameter = PARAMETERS[type].parameters[name]
    if name in _KEYED:
        return Index.KEYED
    if name.startswith("_") or parameter.kind in (Kind.QUANTITY, Kind.COMPOSITE, Kind.SPECIAL):
        return Index.NONE
    if parameter.kind is Kind.STRING:
        return Index.NONE if name in _NO_TEXTS else Index.OWN
    if parameter.kind is not Kind.TOKEN or parameter.types & {"Identifier", "ContactPoint"}:
        return Index.OWN
    if type in _PUBLIC:
        return Index.OWN if name in _PUBLIC_CODES else Index.NONE
    if PARAMETERS[type].anchor is not None and name in _COMPOUND:
        return Index.COMPOUND
    return Index.NONE
