"""The values of a resource that a search parameter compares, read off its JSON by path."""

import re
from collections.abc import Iterator
from typing import Any

from fhir.search.definitions import Kind, Parameter, Path

# A version at the end of a literal reference says which one was meant, not whom.
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")


def at(data: dict[str, Any], path: Path) -> list[Any]:
    """The values at a path, through all arrays on the way."""
    first = data.get(path[0])
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
