"""The published FHIRPath of every search parameter, evaluated by fhirpathpy: an oracle for our own extraction.

`resolve()` needs a server, so it is answered by the type that a reference names. What a node means to a search is
written here a second time, by its shape, on purpose not shared with `fhir.search`: neither the readers, nor the dates,
nor the systems of plain codes, which come from the table that validation goes by.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from fhirpathpy import compile
from fhirpathpy.models import models

from fhir.search.definitions import PARAMETERS, Kind, Parameter
from tests.fhir.search import times

DEFINITIONS: Final = Path(__file__).parents[3] / "fhir/definitions"
EXPRESSIONS: Final[dict[str, dict[str, Any]]] = json.loads((DEFINITIONS / "expressions.json").read_text())
RULES: Final[dict[str, Any]] = json.loads((DEFINITIONS / "rules.json").read_text())
CONTACTS: Final = ("phone", "email", "telecom", "contact")
_RESOLVED = re.compile(r"(.*)\.where\(resolve\(\) is (\w+)\)")
_TYPED = re.compile(r"(?:^|/)([A-Z]\w+)/[^/]+(?:/_history/[^/]+)?$")
_NAMES = ("family", "given", "prefix", "suffix", "text", "line", "city", "district", "state", "postalCode", "country")
# These value sets name no codes of their own. https://hl7.org/fhir/R4/valueset-mimetypes.html, valueset-languages.html
_REGISTRIES: Final = {"contentType": "urn:ietf:bcp:13", "payload": "urn:ietf:bcp:13", "format": "urn:ietf:bcp:13",
                      "language": "urn:ietf:bcp:47"}  # fmt: skip

Meaning = Any  # a value as a plain tuple or text, for comparing


class Node(NamedTuple):
    """What an expression finds in a resource, and the path by which it was found."""

    value: Any
    path: str


Together = list[list[Node]]  # of a composite: the nodes of each part, all of one element


def nodes(type: str, data: dict[str, Any], parameter: Parameter) -> list[Node]:
    """What the published expression of a parameter finds, unless it is composite."""
    expression = EXPRESSIONS[type].get(parameter.name) or EXPRESSIONS["Resource"][parameter.name].replace(
        "Resource", type
    )
    found = _nodes(data, expression)
    if "entry[0]" in expression:
        found = [node for node in found if node.value["resourceType"] in parameter.targets]
    return found


def together(type: str, data: dict[str, Any], parameter: Parameter) -> Iterator[Together]:
    """What the expressions of a composite find, element by element."""
    bases, *parts = EXPRESSIONS[type][parameter.name]
    for base in bases.split(" | "):
        for place in range(len(_nodes(data, base))):
            asked = (" | ".join(f"{base}[{place}].{piece.strip()}" for piece in part.split("|")) for part in parts)
            yield [_nodes(data, expression) for expression in asked]


def meanings(type: str, data: dict[str, Any]) -> dict[str, set[Meaning]]:
    """What each parameter with at least one node compares, by the published expression."""
    found: dict[str, set[Meaning]] = {}
    for name, parameter in PARAMETERS[type].parameters.items():
        if parameter.kind is Kind.COMPOSITE:
            held = {one for parts in together(type, data, parameter) if (one := _together(parameter, parts))}
            if held:
                found[name] = held
        elif of_this := nodes(type, data, parameter):
            found[name] = {each for node in of_this for each in meaning(node, parameter.kind, name=name)}
    return found


def meaning(node: Node, kind: Kind, *, name: str) -> Iterator[Meaning]:
    """What a node says to a parameter of this kind and name."""
    value = node.value
    match kind:
        case Kind.TOKEN if name in CONTACTS:
            yield from ((system, contact(text)) for system, text in codes(node))
        case Kind.TOKEN:
            yield from codes(node)
        case Kind.REFERENCE:
            yield from _links(value)
        case Kind.STRING:
            yield from texts(value)
        case Kind.DATE:
            yield from _stretches(value)
        case Kind.QUANTITY:
            yield from _amounts(value)
        case Kind.SPECIAL:
            yield value["latitude"], value["longitude"]
        case Kind.CANONICAL | Kind.URI:
            yield value
            if "|" in value and (kind is Kind.CANONICAL or name == "_profile"):
                yield value.split("|")[0]


@cache
def _compiled(expression: str) -> Callable[..., list[Any]]:
    return compile(expression, models["r4"])


def _nodes(data: dict[str, Any], expression: str) -> list[Node]:
    found: list[Node] = []
    for part in expression.split(" | "):
        if form := _RESOLVED.fullmatch(part):
            found += [Node(node, part) for node in _compiled(form[1])(data) if _type_of(node) == form[2]]
        else:
            # 4.0.1 writes a data type with a capital letter in one place.
            found += [Node(node, part) for node in _compiled(part.replace("DateTime", "dateTime"))(data)]
    return found


def _together(parameter: Parameter, parts: Together) -> tuple[frozenset[Meaning], ...]:
    held = [
        frozenset(each for node in of_part for each in meaning(node, component.kind, name=component.name))
        for of_part, component in zip(parts, parameter.components, strict=True)
    ]
    return tuple(held) if all(held) else ()


def _type_of(reference: dict[str, Any]) -> str:
    form = _TYPED.search(reference.get("reference", ""))
    return form[1] if form else str(reference.get("type", ""))


def contact(text: str) -> str:
    """A contact as this server compares it, which R4 leaves to it: numbers without what stands between their digits."""
    if "@" in text:
        return text.lower()
    digits = "".join(sign for sign in text if sign not in " -/.()[]")
    if not digits.lstrip("+").isdecimal():
        return text
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def codes(node: Node) -> Iterator[tuple[str, str]]:
    """The codes of a node as they are written, each with its system; a plain code's comes from its value set."""
    value = node.value
    if isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield _system(node.path, value), value
    else:
        yield from _coded(value)


def _coded(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for coding in value.get("coding", [value]):
        code = coding.get("code", coding.get("value"))
        if code is not None:
            yield coding.get("system", ""), code


def _system(path: str, code: str) -> str:
    """The system of a plain code that stands at a path: the one of its binding that has this code."""
    type, *steps = re.sub(r"\[\d+\]|[()]", "", path).split(".")
    declared = ""
    for step in steps:
        declared = RULES["types"][type][1].get(step, "").partition(" ")[2]
        type = declared
    if not declared.startswith("code"):
        return ""
    systems: dict[str, str] = RULES["codes"].get(declared[5:-1], {})
    found = [system for system, known in systems.items() if code in known.split()]
    return found[0] if found else _REGISTRIES[steps[-1]]


def _links(node: dict[str, Any]) -> Iterator[Meaning]:
    if "resourceType" in node:
        if "id" in node:
            yield f"{node['resourceType']}/{node['id']}", None
        return
    address = node.get("reference", "")
    address = "" if address.startswith("#") else address.split("/_history/")[0]
    identifier = next(_coded(node["identifier"]), None) if "identifier" in node else None
    if address or identifier:
        yield address, identifier


def texts(node: Any) -> Iterator[str]:
    """The texts of a name, an address or a text itself."""
    if isinstance(node, str):
        yield node
    else:
        for key in _NAMES:
            held = node.get(key, [])
            yield from [held] if isinstance(held, str) else held


def _stretches(node: Any) -> Iterator[times.Stretch]:
    with suppress(times.NotATimeError):
        if isinstance(node, str):
            yield times.stretch(node)
        elif "event" in node or "repeat" in node:
            parts = [times.stretch(event) for event in node.get("event", ())]
            if bounds := node.get("repeat", {}).get("boundsPeriod"):
                parts.append(times.period(bounds.get("start"), bounds.get("end")))
            if parts:
                yield min(start for start, _ in parts), max(end for _, end in parts)
        elif "start" in node or "end" in node:
            yield times.period(node.get("start"), node.get("end"))


def _amounts(node: dict[str, Any]) -> Iterator[Meaning]:
    if "origin" in node:
        factor = Decimal(node.get("factor", 1))
        points = [
            Decimal(text) * factor + node["origin"]["value"] for text in node["data"].split() if text not in "EUL"
        ]
        yield min(points), max(points), *_unit(node["origin"])
    elif "low" in node or "high" in node:
        ends = [node.get(end, {}) for end in ("low", "high")]
        yield ends[0].get("value"), ends[1].get("value"), *_unit(ends[0] or ends[1])
    elif "value" in node:
        comparator = node.get("comparator", "")
        low, high = (None if "<" in comparator else node["value"]), (None if ">" in comparator else node["value"])
        yield low, high, *_unit(node)


def _unit(node: dict[str, Any]) -> tuple[str, str, str]:
    return node.get("system", ""), node.get("code", ""), node.get("unit", "")
