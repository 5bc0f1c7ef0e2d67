"""A constraint as a function, and how most of them are put together.

A rule sees objects whose elements may be wrong themselves, so it looks before it compares, and it leaves alone what
another check tells.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhir.rules.faults import Fault, Step
from fhir.search.dates import NotADateError, interval

Node = dict[str, Any]
Broken = Callable[[Node], bool]
UCUM: Final = "http://unitsofmeasure.org"


class Rule(NamedTuple):
    """A constraint: the standard's key, whether an object breaks it, and what is told then."""

    key: str
    when: str  # only an object with this member can break it; empty if any can
    broken: Broken
    fault: Fault


def rule(key: str, text: str, broken: Broken, *, at: str = "", when: str = "") -> Rule:
    """A rule whose fault stands at a member of the object, or at the object."""
    return Rule(key, when, broken, Fault((Step(at, at),) if at else (), f"{text} ({key})", "invariant"))


def needs(key: str, element: str, other: str, text: str) -> Rule:
    """A rule that one member asks for another."""
    return rule(key, text, lambda node: other not in node, at=other, when=element)


def one_of(key: str, *elements: str, text: str) -> Rule:
    """A rule that at least one of these members is there."""
    return rule(key, text, frozenset(elements).isdisjoint)


def not_both(key: str, one: str, other: str, text: str) -> Rule:
    """A rule that two members exclude each other."""
    return rule(key, text, lambda node: other in node, at=other, when=one)


def in_order(key: str, start: str, end: str, *, text: str) -> Rule:
    """A rule that one time is not after another. Dates of different precision overlap: 2026 to 2026-03 is in order."""

    def broken(node: Node) -> bool:
        if plainly_before(node.get(start), node.get(end)):
            return False
        found = times(node, start, end)
        return found is not None and found[0].start >= found[1].end

    return rule(key, text, broken, at=end, when=start)


def plainly_before(start: Any, end: Any) -> bool:
    """Whether two times written alike stand in order: then their texts tell it, a dozen times faster."""
    return (
        isinstance(start, str)
        and isinstance(end, str)
        and start[19:] == end[19:]
        and len(start) == len(end)
        and start < end
    )


def times(node: Node, start: str, end: str) -> tuple[Any, Any] | None:
    """The stretches of time of two members, if both are there and right."""
    first, last = node.get(start), node.get(end)
    if not isinstance(first, str) or not isinstance(last, str):
        return None
    try:
        return interval(first), interval(last)
    except NotADateError:
        return None


def parts(node: Any, name: str) -> list[Node]:
    """The objects in an array, leaving out what is none."""
    held = node.get(name) if isinstance(node, dict) else None
    return [part for part in held if isinstance(part, dict)] if isinstance(held, list) else []


def number(node: Any, name: str = "value") -> Decimal | int | None:
    """The number in a member, if it is one."""
    held = node.get(name) if isinstance(node, dict) else None
    return held if isinstance(held, Decimal | int) and not isinstance(held, bool) else None


def has(node: Node, choice: str) -> bool:
    """Whether any member of a choice is there."""
    return any(key.startswith((choice, f"_{choice}")) for key in node)


def repeats(values: Iterable[Any]) -> bool:
    """Whether a value occurs twice."""
    held = [value for value in values if isinstance(value, Hashable)]
    return len(set(held)) != len(held)


def codings(concept: Any, system: str) -> Iterator[Any]:
    """The codes of a concept that come from a system."""
    return (each.get("code") for each in parts(concept, "coding") if each.get("system") == system)
