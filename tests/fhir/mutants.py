"""Valid resources made invalid, one fault at a time."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from fhir.rules.table import PRIMITIVES, type_of

Node = dict[str, Any]
Mutation = Callable[[Node], None]

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?")
# A text may look like a date without being one.
_TEXTS = ("value", "valueString", "scheduledString", "text", "display", "title", "description", "id", "versionId")


def mutants(data: Node) -> Iterator[tuple[str, Node]]:
    """The name of each fault that can be put into this resource, and the resource with it."""
    for name, mutation in (*_GENERAL.items(), *_of_its_type(data)):
        changed = copy.deepcopy(data)
        mutation(changed)
        if changed != data:
            yield name, changed


def _objects(node: Any) -> Iterator[Node]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for item in node:
            yield from _objects(item)


def _last_member(data: Node, fits: Callable[[str, Any], bool]) -> tuple[Node, str] | None:
    found = [(node, key) for node in _objects(data) for key, value in node.items() if fits(key, value)]
    return found[-1] if found else None


def _set(value: Callable[[Any], Any], fits: Callable[[str, Any], bool]) -> Mutation:
    def mutation(data: Node) -> None:
        if held := _last_member(data, fits):
            node, key = held
            node[key] = value(node[key])

    return mutation


def _add(**members: Any) -> Mutation:
    return lambda data: data.update(members)


def _narrative(inner: str) -> Mutation:
    return _add(text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'})


def _required_missing(data: Node) -> None:
    needed = [name for name in type_of(data["resourceType"]).required if name in data]
    if needed:
        del data[needed[0]]


def _of_its_type(data: Node) -> Iterator[tuple[str, Mutation]]:
    type = data["resourceType"]
    for name, element in type_of(type).elements.items():
        held = data.get(name)
        if element.type == "code" and element.detail and isinstance(held, str):
            yield f"bad code in {name}", _add(**{name: "perhaps"})
        if element.type == "Reference" and element.detail and isinstance(held, dict | list):
            wrong = {"reference": "Basic/x"}
            yield f"{name} of a wrong type", _add(**{name: [wrong] if element.many else wrong})
        if element.many and isinstance(held, list):
            yield f"{name} as a single value", _add(**{name: held[0]})
            yield f"{name} as an empty array", _add(**{name: []})
        elif held is not None:
            yield f"{name} as an array", _add(**{name: [held]})
            yield f"{name} as null", _add(**{name: None})
        if element.type not in PRIMITIVES and held is not None:
            yield f"{name} as a text", _add(**{name: ["x"] if element.many else "x"})


_GENERAL: dict[str, Mutation] = {
    "unknown element": _add(favouriteColour="blue"),
    "the library's own names": _add(fhir_comments=["x"]),
    "required element missing": _required_missing,
    "empty string": _set(lambda _: "", lambda key, value: isinstance(value, str) and key != "resourceType"),
    "30 February": _set(
        lambda value: "2023-02-30" + value[10:],
        lambda key, value: isinstance(value, str) and key not in _TEXTS and bool(_DATE.fullmatch(value)),
    ),
    "true in quotes": _set(lambda _: "true", lambda _, value: isinstance(value, bool)),
    "unknown element inside": _set(lambda value: value | {"colour": "blue"}, lambda _, value: isinstance(value, dict)),
    "null inside": _set(lambda value: value | {"id": None}, lambda _, value: isinstance(value, dict)),
    "id with a slash": _add(id="a b/c"),
    "id too long": _add(id="x" * 65),
    "lastUpdated without a time": _add(meta={"lastUpdated": "2026-11-23"}),
    "extension without url": _add(extension=[{"valueString": "x"}]),
    "extension with value and children": _add(
        extension=[{"url": "urn:x", "valueString": "x", "extension": [{"url": "y", "valueString": "x"}]}]
    ),
    "extension with two values": _add(extension=[{"url": "urn:x", "valueString": "x", "valueCode": "x"}]),
    "extension with a value of R4B": _add(
        extension=[{"url": "urn:x", "valueCodeableReference": {"concept": {"text": "x"}}}]
    ),
    "control character": _add(language="de\x00"),
    "script": _narrative("<script>alert(1)</script>"),
    "event attribute": _narrative('<p onclick="alert(1)">x</p>'),
    "script address": _narrative('<a href="java\tscript:alert(1)">x</a>'),
    "svg": _narrative('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "hidden in CDATA": _narrative("<![CDATA[><img src=x onerror=alert(1)>]]>"),
    "hidden in a comment": _narrative("<!--><img src='x' onerror='alert(1)'/>-->"),
    "style that loads": _narrative('<p style="background:url(https://x.example)">x</p>'),
    "narrative not closed": _narrative("<p>x"),
    "entity of HTML": _narrative("a&nbsp;b"),
    "bad narrative status": _add(text={"status": "nice", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}),
    "narrative without namespace": _add(text={"status": "generated", "div": "<div>x</div>"}),
    "contained resource of no type": _add(contained=[{"id": "c"}]),
    "contained resource of R4B": _add(contained=[{"resourceType": "Citation", "id": "c"}]),
}
