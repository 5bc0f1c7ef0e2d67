"""The 20 kinds of faults of the research notes, each put into a valid resource wherever it has a place for it."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from fhir.rules.table import PRIMITIVES, Element, Type, codes, is_type, type_of

Node = dict[str, Any]
Fault = Callable[[Node], Node | None]  # the changed resource; None if it has no place for the fault
DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?")
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def objects(node: Node, type: str) -> Iterator[tuple[Node, Type]]:
    """All objects of a resource with their types, the outer ones first; not into resources inside it."""
    of = type_of(type)
    yield node, of
    for key, value in list(node.items()):
        element = of.elements.get(key)
        if element is not None and element.inner:
            for part in value if isinstance(value, list) else [value]:
                yield from objects(part, element.inner)


def places(data: Node, fits: Callable[[Element, Any], bool]) -> Iterator[tuple[Node, Element]]:
    """The members whose element and value fit."""
    for node, of in objects(data, data["resourceType"]):
        yield from (
            (node, of.elements[key]) for key in list(node) if key in of.elements and fits(of.elements[key], node[key])
        )


def at_first(fits: Callable[[Element, Any], bool], change: Callable[[Any], Any]) -> Fault:
    """A fault at the first member that fits."""

    def fault(data: Node) -> Node | None:
        found = next(places(data, fits), None)
        if found is None:
            return None
        node, element = found
        node[element.name] = change(node[element.name])
        return data

    return fault


def added(**members: Any) -> Fault:
    return lambda data: data | members


def _nested(data: Node) -> Node | None:
    inner = [node for node, _ in objects(data, data["resourceType"])][1:]
    return inner[0].update(colour="blue") or data if inner else None


def _required_missing(data: Node) -> Node | None:
    for node, of in objects(data, data["resourceType"]):
        if held := [name for name in of.required if name in node]:
            del node[held[0]]
            return data
    return None


def _choice_conflict(data: Node) -> Node | None:
    for node, of in objects(data, data["resourceType"]):
        for choice in of.choices:
            other = sorted(choice.members - node.keys())
            if other and choice.members & node.keys():
                node[other[0]] = True if other[0].endswith("Boolean") else "2020"
                return data
    return None


def _single(element: Element, value: Any) -> bool:
    return not element.many and element.name != "resourceType"


def _is_text(element: Element, value: Any) -> bool:
    return isinstance(value, str) and element.type in PRIMITIVES


def _is_day(element: Element, value: Any) -> bool:
    return element.type in ("date", "dateTime", "instant") and isinstance(value, str) and bool(DATE.fullmatch(value))


def _is_bound(element: Element, value: Any) -> bool:
    return element.type == "code" and bool(element.detail) and bool(codes(element.detail)) and isinstance(value, str)


def _is_target(element: Element, value: Any) -> bool:
    return element.type == "Reference" and bool(element.detail) and not element.many


def _text(status: str, inner: str) -> Fault:
    return lambda data: (
        data | {"text": {"status": status, "div": DIV.format(inner)}}
        if "text" in type_of(data["resourceType"]).elements
        else None
    )


def _extended(*extensions: Node) -> Fault:
    # A Binary, a Bundle has no extensions itself, but its meta has.
    return lambda data: (
        data | {"extension": [*extensions]}
        if "extension" in type_of(data["resourceType"]).elements
        else data | {"meta": {"extension": [*extensions]}}
    )


KINDS: dict[str, Fault] = {
    "unknown field at the top": added(colour="blue"),
    "unknown field inside": _nested,
    "required missing": _required_missing,
    "bad code of a required binding": at_first(_is_bound, lambda _: "perhaps"),
    "list given as object": at_first(lambda e, v: e.many and isinstance(v, list), lambda v: v[0]),
    "single given as list": at_first(_single, lambda v: [v]),
    "object given as text": at_first(lambda e, v: bool(e.inner), lambda v: ["x"] if isinstance(v, list) else "x"),
    "no such month and day": at_first(_is_day, lambda v: "2024-13-45" + v[10:]),
    "time without zone": at_first(
        lambda e, v: e.type in ("dateTime", "instant") and isinstance(v, str), lambda _: "2024-01-01T10:00:00"
    ),
    "30 February": at_first(_is_day, lambda v: "2023-02-30" + v[10:]),
    "conflicting choices": _choice_conflict,
    "reference to a wrong type": at_first(_is_target, lambda v: v | {"reference": "Basic/1"}),
    "empty text": at_first(_is_text, lambda _: ""),
    "id with a space and a slash": added(id="a b/c"),
    "null": at_first(_single, lambda _: None),
    "empty array": at_first(lambda e, v: e.many, lambda _: []),
    "true in quotes": at_first(lambda e, v: e.type == "boolean", lambda _: "true"),
    "extension without url": _extended({"valueString": "x"}),
    "extension with value and children": _extended(
        {"url": "urn:x", "valueString": "x", "extension": [{"url": "y", "valueString": "x"}]}
    ),
    "script in the narrative": _text("generated", "<script>alert(1)</script>"),
    "bad status of the narrative": _text("nice", "x"),
    "lastUpdated that is no instant": added(meta={"lastUpdated": "2026-11-23"}),
}


def mutants(data: Node) -> Iterator[tuple[str, Node]]:
    """The name of each fault that this resource has a place for, and the resource with it."""
    assert is_type(data["resourceType"])
    for name, fault in KINDS.items():
        changed = fault(copy.deepcopy(data))
        if changed is not None:
            yield name, changed
