"""From one element of a resource to the values that a search parameter compares, by the element's data type.

A reader gives None for an element that its parameter leaves out (a reference to another type, a telephone number where
mail addresses are meant) and nothing for one that is there without a value to compare (a concept of text alone).
https://hl7.org/fhir/R4/search.html#ptypes
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from fhir.here import relative
from fhir.search import dates
from fhir.search.amounts import amounts
from fhir.search.contacts import contact
from fhir.search.definitions import Kind, Place
from fhir.search.values import Code, Link, Point, Value

Reader = Callable[[Any], Sequence[Value] | None]

# A version at the end of a literal reference says which one was meant, not whom.
_LITERAL: Final = re.compile(r"(?P<address>(?:.*/)?(?P<type>[A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?")
_NONE: Final[tuple[Value, ...]] = ()
_BOOLEANS: Final = {True: (Code("", "true"),), False: (Code("", "false"),)}


def reader(kind: Kind, place: Place) -> Reader:
    """How the element at a place is read."""
    match kind, place.type:
        case _, "First":
            return partial(_first, target=place.target)
        case _, "Deceased":
            return _deceased
        case Kind.REFERENCE, _:
            return partial(_references, target=place.target)
        case Kind.TOKEN, "code" | "string":
            return partial(_code, system=place.system)
        case Kind.TOKEN, "ContactPoint":
            return partial(_contact, only=place.only)
        case Kind.TOKEN, type:
            return _TOKENS[type]
        case Kind.CANONICAL | Kind.URI, "canonical":
            return _canonicals
        case Kind.DATE, type:
            return _stretch if type in ("Period", "Timing") else _moment
        case Kind.QUANTITY, type:
            return partial(amounts, type=type)
        case Kind.SPECIAL, _:
            return _position
        case _:
            return _text


def _text(value: Any) -> Sequence[Value] | None:
    return (value,) if isinstance(value, str) else None


def _canonicals(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, str):
        return None
    return (value, value.partition("|")[0]) if "|" in value else (value,)


def _code(value: Any, system: str) -> Sequence[Value] | None:
    return (Code(system, value),) if isinstance(value, str) else None


def _boolean(value: Any) -> Sequence[Value] | None:
    return _BOOLEANS[value] if isinstance(value, bool) else None


def _coding(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    code, system = value.get("code"), value.get("system")
    return (Code(system if isinstance(system, str) else "", code),) if isinstance(code, str) else _NONE


def _concept(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    codings = value.get("coding")
    if not isinstance(codings, list):
        return _NONE
    return [code for coding in codings for code in _coding(coding) or ()]


def _identifier(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    text, system = value.get("value"), value.get("system")
    return (Code(system if isinstance(system, str) else "", text),) if isinstance(text, str) else _NONE


def _contact(value: Any, only: str) -> Sequence[Value] | None:
    # The code of its system ("phone") stands for the system, which R4 leaves to the server.
    if only and not (isinstance(value, dict) and value.get("system") == only):
        return None
    return [Code(held.system, contact(held.code)) for held in _identifier(value) or () if isinstance(held, Code)]


def _references(value: Any, target: str) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    link = _link(value)
    if target and link.type != target:
        return None
    return (link,) if link.address or link.identifier else _NONE


def _link(value: dict[str, Any]) -> Link:
    text, type = value.get("reference"), value.get("type")
    identifier = None
    if held := value.get("identifier"):
        found = _identifier(held)
        identifier = found[0] if found else None
    type = type.rpartition("/")[2] if isinstance(type, str) else ""
    address = ""
    if isinstance(text, str) and not text.startswith("#"):  # what is contained is not searched
        address = relative(text)
        if form := _LITERAL.fullmatch(address):
            address, type = form["address"], form["type"]
    return Link(address, type, identifier if isinstance(identifier, Code) else None)


def _moment(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, str):
        return None
    try:
        return (dates.interval(value),)
    except dates.NotADateError:
        return _NONE


def _stretch(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    held = dates.value_interval(value)
    return _NONE if held is None else (held,)


def _position(value: Any) -> Sequence[Value] | None:
    if not isinstance(value, dict):
        return None
    latitude, longitude = value.get("latitude"), value.get("longitude")
    if not isinstance(latitude, int | Decimal) or not isinstance(longitude, int | Decimal):
        return _NONE
    return (Point(Decimal(latitude), Decimal(longitude)),)


def _deceased(value: Any) -> Sequence[Value] | None:
    """`Patient.deceased.exists() and Patient.deceased != false`: every patient has the one or the other."""
    return _BOOLEANS[value.get("deceasedBoolean", "deceasedDateTime" in value) is not False]


def _first(value: Any, target: str) -> Sequence[Value] | None:
    """`Bundle.entry[0].resource`: the document's Composition, the message's header."""
    entries = value.get("entry")
    first = entries[0] if isinstance(entries, list) and entries else None
    held = first.get("resource") if isinstance(first, dict) else None
    if not isinstance(held, dict) or held.get("resourceType") != target:
        return None
    id = held.get("id")
    return (Link(f"{target}/{id}", target, None),) if isinstance(id, str) else _NONE


_TOKENS: Final[dict[str, Reader]] = {
    "boolean": _boolean,
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Identifier": _identifier,
}
