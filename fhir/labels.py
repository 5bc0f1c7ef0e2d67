"""What stands in `meta` beside the server's own: profiles, tags and security labels, read, added and taken away.

https://hl7.org/fhir/R4/resource-operations.html
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from fhir import codec
from fhir.codec import Parsed
from fhir.patches.tree import Node
from fhir.rules import validate
from infra.problems import BadRequest

LISTS: Final = ("profile", "security", "tag")


class NoLabels(BadRequest):
    """The parameter meta needs a valueMeta with profile, security or tag, and nothing else."""


def of(body: bytes) -> bytes:
    """The meta of a resource, as it is."""
    held = Node(body.decode()).members.get("meta")
    return b"{}" if held is None else held.text().encode()


def union(bodies: Iterable[bytes]) -> bytes:
    """A meta with each label of all these resources once; without what a single one has, its version and time."""
    found: dict[str, dict[Any, Any]] = {name: {} for name in LISTS}
    for body in bodies:
        meta = codec.load(of(body))
        for name in LISTS:
            for label in meta.get(name, ()):
                found[name].setdefault(_key(label), label)
    return json.dumps({name: list(held.values()) for name, held in found.items() if held}).encode()


def added(labels: Node) -> Callable[[bytes], Parsed]:
    """The change that gives a resource these labels, those it has already not again."""

    def change(body: bytes) -> Parsed:
        root = Node(body.decode())
        meta = root.members["meta"]
        for name, new in _given(labels):
            held = meta.members.get(name)
            keys = {_key(label.value()) for label in held.items} if held is not None else set()
            fresh = [label for label in new if _key(label.value()) not in keys]
            if held is None and fresh:
                meta.put(name, Node(f"[{','.join(label.text() for label in fresh)}]"))
            elif held is not None:
                for label in fresh:
                    held.insert(len(held.items), label)
        return _checked(root)

    return change


def removed(labels: Node) -> Callable[[bytes], Parsed]:
    """The change that takes these labels from a resource; those it does not have are no error."""

    def change(body: bytes) -> Parsed:
        root = Node(body.decode())
        meta = root.members["meta"]
        for name, old in _given(labels):
            keys = {_key(label.value()) for label in old}
            held = meta.members.get(name)
            if held is None:
                continue
            for index in reversed(range(len(held.items))):
                if _key(held.items[index].value()) in keys:
                    held.pop(index)
            if not held.items:
                meta.drop(name)
        return _checked(root)

    return change


def _given(labels: Node) -> list[tuple[str, list[Node]]]:
    if not labels.is_object or not labels.members or not set(labels.members) <= set(LISTS):
        raise NoLabels
    if not all(held.is_list for held in labels.members.values()):
        raise NoLabels
    return [(name, held.items) for name, held in labels.members.items()]


def _key(label: Any) -> Any:
    # The same code of the same system is the same label, whatever it is called.
    return (label.get("system"), label.get("code")) if isinstance(label, dict) else label


def _checked(root: Node) -> Parsed:
    text = root.text().encode()
    parsed = codec.parse(text, type=None)
    validate(parsed)
    return parsed
