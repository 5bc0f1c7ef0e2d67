"""The published FHIRPath of every search parameter, evaluated by fhirpathpy: an oracle for our own extraction.

`resolve()` needs a server, so it is answered by the type that a reference names. What a node means to a search is
written here a second time, by its shape, on purpose not shared with `fhir.search.readers`.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from fhirpathpy import compile
from fhirpathpy.models import models

from fhir.search import dates
from fhir.search.definitions import PARAMETERS, Kind, Parameter

EXPRESSIONS: Final[dict[str, dict[str, Any]]] = json.loads(
    (Path(__file__).parents[3] / "fhir/definitions/expressions.json").read_text()
)
_RESOLVED = re.compile(r"(.*)\.where\(resolve\(\) is (\w+)\)")
_TYPED = re.compile(r"(?:^|/)([A-Z]\w+)/[^/]+(?:/_history/[^/]+)?$")
_NAMES = ("family", "given", "prefix", "suffix", "text", "line", "city", "district", "state", "postalCode", "country")

Meaning = Any  # a value as a plain tuple, text or interval, for comparing


def meanings(type: str, data: dict[str, Any]) -> dict[str, set[Meaning]]:
    """What each parameter with at least one node compares, by the published expression."""
    found: dict[str, set[Meaning]] = {}
    for name, parameter in PARAMETERS[type].parameters.items():
        expression = EXPRESSIONS[type].get(name) or EXPRESSIONS["Resource"][name].replace("Resource", type)
        if parameter.kind is Kind.COMPOSITE:
            held = list(_composites(data, parameter, expression))
        else:
            nodes = _nodes(data, expression)
            if "entry[0]" in expression:
                nodes = [node for node in nodes if node["resourceType"] in parameter.targets]
            if not nodes:
                continue
            held = [meaning for node in nodes for meaning in _meanings(node, parameter.kind, name=name)]
        if held or parameter.kind is not Kind.COMPOSITE:
            found[name] = set(held)
    return found


@cache
def _compiled(expression: str) -> Callable[..., list[Any]]:
    return compile(expression, models["r4"])


def _nodes(data: dict[str, Any], expression: str) -> list[Any]:
    nodes: list[Any] = []
    for part in expression.split(" | "):
        if form := _RESOLVED.fullmatch(part):
            nodes += [node for node in _compiled(form[1])(data) if _type_of(node) == form[2]]
        else:
            # 4.0.1 writes a data type with a capital letter in one place.
            nodes += _compiled(part.replace("DateTime", "dateTime"))(data)
    return nodes


def _type_of(reference: dict[str, Any]) -> str:
    form = _TYPED.search(reference.get("reference", ""))
    return form[1] if form else str(reference.get("type", ""))


def _composites(data: dict[str, Any], parameter: Parameter, expressions: list[str]) -> Iterator[Meaning]:
    bases, *parts = expressions
    for base in bases.split(" | "):
        for place in range(len(_nodes(data, base))):
            held = []
            for part, component in zip(parts, parameter.components, strict=True):
                asked = " | ".join(f"{base}[{place}].{piece.strip()}" for piece in part.split("|"))
                nodes = _nodes(data, asked)
                held.append({each for node in nodes for each in _meanings(node, component.kind, name=component.name)})
            if all(held):
                yield tuple(map(frozenset, held))


def _meanings(node: Any, kind: Kind, *, name: str) -> Iterator[Meaning]:
    match kind:
        case Kind.TOKEN if name in ("phone", "email", "telecom", "contact"):
            yield from ((system, _folded(text)) for system, text in _codes(node))
        case Kind.TOKEN:
            yield from _codes(node)
        case Kind.REFERENCE:
            yield from _links(node)
        case Kind.STRING:
            yield from _texts(node)
        case Kind.DATE:
            yield from _stretches(node)
        case Kind.QUANTITY:
            yield from _amounts(node)
        case Kind.SPECIAL:
            yield node["latitude"], node["longitude"]
        case Kind.CANONICAL | Kind.URI:
            yield node
            if "|" in node and (kind is Kind.CANONICAL or name == "_profile"):
                yield node.split("|")[0]


def _folded(text: str) -> str:
    """A contact as this server compares it, which R4 leaves to it: numbers without what stands between their digits."""
    if "@" in text:
        return text.lower()
    digits = "".join(sign for sign in text if sign not in " -/.()[]")
    if not digits.lstrip("+").isdecimal():
        return text
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _codes(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, bool):
        yield "", str(node).lower()
    elif isinstance(node, str):
        yield "", node  # the system of a plain code comes from its value set; another test looks at those
    else:
        codings = node.get("coding", [node])
        for coding in codings:
            code = coding.get("code", coding.get("value"))
            if code is not None:
                yield coding.get("system", ""), code


def _links(node: dict[str, Any]) -> Iterator[Meaning]:
    if "resourceType" in node:
        if "id" in node:
            yield f"{node['resourceType']}/{node['id']}", None
        return
    address = node.get("reference", "")
    address = "" if address.startswith("#") else address.split("/_history/")[0]
    identifier = next(_codes(node["identifier"]), None) if "identifier" in node else None
    if address or identifier:
        yield address, identifier


def _texts(node: Any) -> Iterator[Meaning]:
    if isinstance(node, str):
        yield node
    else:
        for key in _NAMES:
            held = node.get(key, [])
            yield from [held] if isinstance(held, str) else held


def _stretches(node: Any) -> Iterator[Meaning]:
    if isinstance(node, dict):
        held = dates.value_interval(node)
        if held is not None:
            yield held
    else:
        with suppress(dates.NotADateError):
            yield dates.interval(node)


def _amounts(node: dict[str, Any]) -> Iterator[Meaning]:
    if "origin" in node:
        factor = Decimal(node.get("factor", 1))
        points = [
            Decimal(text) * factor + node["origin"]["value"] for text in node["data"].split() if text not in "EUL"
        ]
        yield min(points), max(points), node["origin"].get("code", "")
    elif "low" in node or "high" in node:
        ends = [node.get(end, {}) for end in ("low", "high")]
        yield ends[0].get("value"), ends[1].get("value"), (ends[0] or ends[1]).get("code", "")
    elif "value" in node:
        comparator = node.get("comparator", "")
        low, high = (None if "<" in comparator else node["value"]), (None if ">" in comparator else node["value"])
        yield low, high, node.get("code", "")
