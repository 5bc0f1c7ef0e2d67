"""A JSON text that can be changed in places: whatever is not changed is written out with the bytes it came with.

Works on text that `fhir.codec.load` has accepted. A value is cut into its members or items only when one of them is asked for.
"""

import json
from decimal import Decimal
from typing import Any

from fhir import codec
from fhir.spans import Span, items, members


class Node:
    """One JSON value, as text until it is looked into."""

    __slots__ = ("_items", "_members", "_restructured", "_spans", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._members: dict[str, Node] | None = None
        self._items: list[Node] | None = None
        self._spans: list[Span] = []
        self._restructured = False

    @property
    def is_object(self) -> bool:
        """True for a JSON object."""
        return self._text[:1] == "{"

    @property
    def is_list(self) -> bool:
        """True for a JSON array."""
        return self._text[:1] == "["

    @property
    def members(self) -> dict[str, "Node"]:
        """The members of an object, to look at; change them by `put` and `drop`."""
        if self._members is None:
            spans = members(self._text)
            self._spans = list(spans.values())
            self._members = {name: Node(self._text[span.start : span.end]) for name, span in spans.items()}
        return self._members

    @property
    def items(self) -> list["Node"]:
        """The items of an array, to look at; change them by `insert`, `exchange` and `pop`."""
        if self._items is None:
            self._spans = items(self._text)
            self._items = [Node(self._text[span.start : span.end]) for span in self._spans]
        return self._items

    def put(self, name: str, value: "Node") -> None:
        """Nothing; the member has this value, where it stood before or else at the end."""
        self._restructured |= name not in self.members
        self.members[name] = value

    def drop(self, name: str) -> "Node":
        """The member that was there and is no more."""
        held = self.members.pop(name)
        self._restructured = True
        return held

    def insert(self, index: int, value: "Node") -> None:
        """Nothing; the value stands at this place of the array and those behind it one further."""
        self.items.insert(index, value)
        self._restructured = True

    def exchange(self, index: int, value: "Node") -> None:
        """Nothing; the value stands at this place of the array instead of what was there."""
        self.items[index] = value

    def pop(self, index: int) -> "Node":
        """The item that was there and is no more."""
        held = self.items.pop(index)
        self._restructured = True
        return held

    def text(self) -> str:
        """The JSON text, with the bytes of everything that was not changed."""
        if self._members is None and self._items is None:
            return self._text
        parts = [node.text() for node in (self.members.values() if self.is_object else self.items)]
        if self._restructured:
            return self._anew(parts)
        pieces: list[str] = []
        copied = 0
        for span, part in zip(self._spans, parts, strict=True):
            pieces += (self._text[copied : span.start], part)
            copied = span.end
        return "".join([*pieces, self._text[copied:]])

    def value(self) -> Any:
        """The value as Python has it; numbers with a point as `Decimal`."""
        return codec.load(self.text().encode())

    def _anew(self, parts: list[str]) -> str:
        if not self.is_object:
            return f"[{','.join(parts)}]"
        names = (json.dumps(name, ensure_ascii=False) for name in self.members)
        return "{" + ",".join(f"{name}:{part}" for name, part in zip(names, parts, strict=True)) + "}"


def same(one: Any, other: Any) -> bool:
    """True if two JSON values are equal as RFC 6902 (4.6) has it: numbers by value, and `true` is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
