"""The values of a resource that search parameters compare: one shape for each kind of parameter."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from fhir.search.dates import Interval
from fhir.search.definitions import Kind, Parameter, Path


class Code(NamedTuple):
    """Of a TOKEN: a code, identifier or telephone number; the system is empty where there is none."""

    system: str
    code: str


class Link(NamedTuple):
    """Of a REFERENCE: `Type/id` or an absolute address, without a version; both may be empty beside an identifier."""

    address: str
    type: str
    identifier: Code | None


class Amount(NamedTuple):
    """Of a QUANTITY: from low to high, both included and equal for a single number; None is open."""

    low: Decimal | None
    high: Decimal | None
    system: str
    code: str
    unit: str


class Point(NamedTuple):
    """Of a SPECIAL (`Location.near`): a place on earth, in degrees."""

    latitude: Decimal
    longitude: Decimal


class Composite(NamedTuple):
    """Of a COMPOSITE: the values of each component, all of one element; no component is empty."""

    parts: tuple[tuple["Value", ...], ...]


# A plain text is the value of a STRING, a URI or a CANONICAL; an interval that of a DATE.
Value = Code | Link | str | Interval | Amount | Composite | Point

# A version at the end of a literal reference says which one was meant, not whom.
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")


def at(data: dict[str, Any], path: Path) -> list[Any]:
    """The values at a path, through all arrays on the way."""
    first = data.get(path[0]) if path else None
    if first is None:
        return []
    nodes: list[Any] = first if isinstance(first, list) else [first]
    for key in path[1:]:
        found: list[Any] = []
        for node in nodes:
            held = node.get(key) if isinstance(node, dict) else None
            if isinstance(held, list):
                found.extend(held)
            elif held is not None:
                found.append(held)
        if not found:
            return found
        nodes = found
    return nodes


def codes(data: dict[str, Any], parameter: Parameter, *, paths: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """The (system, code) pairs of codes, codings, concepts and identifiers; the system is empty where there is none."""
    for path in paths:
        for value in at(data, path):
            if isinstance(value, str):
                yield parameter.system, value
            elif isinstance(value, dict):
                codings = value.get("coding")
                for part in codings if isinstance(codings, list) else (value,):
                    code = part.get("code", part.get("value")) if isinstance(part, dict) else None
                    if isinstance(code, str):
                        system = part.get("system")
                        yield (system if isinstance(system, str) else ""), code


def references(data: dict[str, Any], *, paths: tuple[Path, ...]) -> Iterator[str]:
    """The literal references as `Type/id` or address, without a version and without those to contained resources."""
    for path in paths:
        for value in at(data, path):
            text = value.get("reference") if isinstance(value, dict) else None
            if isinstance(text, str) and not text.startswith("#"):
                yield _VERSION.sub("", text) if "/_history/" in text else text


def canonicals(data: dict[str, Any], *, paths: tuple[Path, ...]) -> Iterator[str]:
    """The canonical addresses as they stand and, where they name a version, without it."""
    for path in paths:
        for value in at(data, path):
            if isinstance(value, str):
                yield value
                if "|" in value:
                    yield value.partition("|")[0]


def strings(data: dict[str, Any], *, paths: tuple[Path, ...]) -> Iterator[str]:
    """The texts at the paths."""
    return (value for path in paths for value in at(data, path) if isinstance(value, str))


def addresses(data: dict[str, Any], parameter: Parameter, *, paths: tuple[Path, ...]) -> Iterator[str]:
    """What a reference or canonical parameter points to."""
    if parameter.kind in (Kind.CANONICAL, Kind.URI):
        return canonicals(data, paths=paths)
    return references(data, paths=paths)
