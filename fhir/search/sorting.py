"""Sorting hits by their values: what a key compares, and the order of several keys.

https://hl7.org/fhir/R4/search.html#sort - of several values the one that comes first in the order counts; a hit without
a value comes last, whichever the direction; ties go to the newest row.
"""

from decimal import Decimal
from typing import Any, Final

from fhir.rows import Stored
from fhir.search.asking import Key, Order, PageEnd
from fhir.search.definitions import Kind
from fhir.search.extraction import extract
from fhir.search.query import SortKey
from fhir.search.strings import folded
from fhir.search.values import Amount, Code, Link, Value
from infra.columns import to_microseconds

_LOWEST: Final = Decimal("-Infinity")
_HIGHEST: Final = Decimal("Infinity")

Rank = tuple[tuple[Any, ...], ...]


class _Reversed:
    """A value that comes before the smaller ones."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)


def end(stored: Stored, sort: tuple[SortKey, ...]) -> PageEnd:
    """The place of a hit in the order: its keys and its row."""
    asked = frozenset(key.name for key in sort if key.parameter is not None)
    held = extract(stored.type, stored.data, asked) if asked else {}
    return PageEnd(Order.VALUES, tuple(_key(stored, held, key) for key in sort), stored.rid)


def rank(place: PageEnd, sort: tuple[SortKey, ...]) -> Rank:
    """What orders places: the smaller rank comes first."""
    keys = (_rank(value, descending=key.descending) for value, key in zip(place.keys, sort, strict=True))
    return (*keys, (-place.rid,))


def _rank(value: Key, *, descending: bool) -> tuple[Any, ...]:
    if value is None:
        return (1,)
    return (0, _Reversed(value) if descending else value)


def _key(stored: Stored, held: dict[str, tuple[Value, ...]], key: SortKey) -> Key:
    if key.name == "_id":
        return stored.id
    if key.parameter is None:
        return to_microseconds(stored.last_updated)
    kind, descending = key.parameter.kind, key.descending
    keys = [made for value in held.get(key.name, ()) if (made := _comparable(kind, value, descending)) is not None]
    if not keys:
        return None
    first: Key = max(keys) if descending else min(keys)
    return first


def _comparable(kind: Kind, value: Any, descending: bool) -> Any:  # noqa: FBT001  a fact about the key
    match value:
        case Code(system, code):
            return f"{code}\n{system}"  # by code; a line break comes before all that a code can hold
        case Link(address, _, identifier):
            return address or (identifier.code if identifier else None)
        case Amount(low, high):
            return (high if high is not None else _HIGHEST) if descending else (low if low is not None else _LOWEST)
        case str():
            return folded(value) if kind is Kind.STRING else value
    # An interval: in the direction of the order, where it begins.
    return to_microseconds(value.end if descending else value.start)
