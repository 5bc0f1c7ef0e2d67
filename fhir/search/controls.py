"""What a search says about its answer: order, number, parts and companions of the hits.

https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeVar

from fhir.models import SERVED
from fhir.search import elements, reading
from fhir.search.definitions import PARAMETERS, Kind, Parameter
from fhir.search.query import NEWEST_FIRST, OLDEST_FIRST, Include, SortKey, Summary, Total
from fhir.search.reading import NAME
from fhir.search.refusals import BadValue, ModifierRefused, UnknownParameter, Unsupported

DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 500
MAX_KEYS: Final = 8  # of a sort
# `_cursor` is ours and only ever stands in a link that the server made.
CONTROLS: Final = (
    "_summary", "_elements", "_total", "_count", "_sort", "_include", "_revinclude", "_contained", "_format",
    "_pretty", "_cursor",
)  # fmt: skip
FORMATS: Final = ("json", "application/json", "application/fhir+json", "text/json")

_INCLUDES: Final = ("_include", "_revinclude")
_UNSORTED: Final = (Kind.COMPOSITE, Kind.SPECIAL)

Chosen = TypeVar("Chosen", bound=Enum)


@dataclass(slots=True)
class Controls:
    """What was collected so far about the answer to a search of one type."""

    type: str
    given: set[str] = field(default_factory=set)
    sort: tuple[SortKey, ...] = ()
    count: int = DEFAULT_COUNT
    total: Total = Total.ACCURATE
    summary: Summary = Summary.RESOURCES
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    pretty: bool = False
    cursor: str | None = None

    def take(self, name: str, text: str) -> None:
        """Nothing; the answer is as this parameter wants it."""
        base, _, modifier = name.partition(":")
        if base in _INCLUDES:
            self._include(base, modifier, text)
            return
        if modifier:
            raise ModifierRefused(f"{base} takes no modifier.")
        if base in self.given:
            raise BadValue(f"{base} stands twice. Send it once.")
        _READERS[base](self, text)
        self.given.add(base)

    def require_sense(self) -> None:
        """Nothing; a problem if two parameters of the answer exclude each other."""
        if self.count == 0:
            self.summary = Summary.COUNT  # R4: _count=0 means the same
        if self.elements and self.summary not in (Summary.RESOURCES, Summary.COUNT):
            raise BadValue("_elements and _summary exclude each other. Send one of them.")
        if self.summary is Summary.TEXT and (self.includes or self.revincludes):
            raise BadValue("_summary=text does not go with _include and _revinclude.")  # R4, Summary

    def _include(self, base: str, modifier: str, text: str) -> None:
        if modifier not in ("", "iterate"):
            raise ModifierRefused(f"{base} takes no modifier but :iterate.")
        found = (_forward if base == "_include" else _reverse)(self.type, text, iterate=modifier)
        if base == "_include":
            self.includes += (found,)
        else:
            self.revincludes += (found,)


def _forward(type: str, text: str, *, iterate: str) -> Include:
    """`_include=Observation:subject:Patient`; `*` is every reference of the searched type."""
    source, parameters, target = _way("_include", f"{type}:*" if text == "*" else text)
    if source != type and not iterate:
        raise BadValue(f"_include must begin at {type}; _include:iterate may begin at what was included.")
    return Include(source, parameters, target, iterate=bool(iterate))


def _reverse(type: str, text: str, *, iterate: str) -> Include:
    """`_revinclude=Observation:subject`; `Observation:*` is every reference of that type that leads here."""
    source, parameters, target = _way("_revinclude", text)
    if not iterate:
        if target not in (None, type):
            raise BadValue(f"_revinclude must lead to {type}; _revinclude:iterate may lead to what was included.")
        parameters = tuple(parameter for parameter in parameters if type in parameter.targets)
        if not parameters:
            raise UnknownParameter(f"{source} has no such reference to {type}.")
    return Include(source, parameters, target, iterate=bool(iterate))


def _way(name: str, text: str) -> tuple[str, tuple[Parameter, ...], str | None]:
    source, *more = text.split(":")
    if len(more) not in (1, 2) or not all(more):
        raise BadValue(
            f"The value of {name} must be type:parameter or type:parameter:target, like Observation:subject."
        )
    if source not in SERVED:
        raise UnknownParameter(f"{name} names a type that is not served here.")
    parameters = tuple(
        parameter
        for parameter in PARAMETERS[source].parameters.values()
        if parameter.kind in (Kind.REFERENCE, Kind.CANONICAL) and more[0] in ("*", parameter.name)
    )
    if not parameters:
        shown = f" {more[0]}" if NAME.fullmatch(more[0]) else ""
        raise UnknownParameter(f"{source} has no reference{shown} that {name} could follow.")
    target = more[1] if len(more) == 2 else None
    if target is not None and not any(target in parameter.targets for parameter in parameters):
        raise UnknownParameter(f"{source}:{more[0]} in {name} does not lead to that type.")
    return source, parameters, target


def _sort(controls: Controls, text: str) -> None:
    keys = [_key(controls.type, part) for part in reading.alternatives("_sort", text)]
    if len(keys) > MAX_KEYS:
        raise BadValue(f"_sort takes at most {MAX_KEYS} keys.")
    controls.sort = tuple(keys)


def _key(type: str, text: str) -> SortKey:
    for known in (NEWEST_FIRST, OLDEST_FIRST):
        if text.removeprefix("-") == known.name and known.descending == text.startswith("-"):
            return known
    name = text.removeprefix("-")
    if name == "_id":
        return SortKey("_id", None, descending=text.startswith("-"))
    parameter = PARAMETERS[type].parameters.get(name)
    if parameter is None:
        raise UnknownParameter(f"_sort: {reading.unknown(type, name)}")
    if parameter.kind in _UNSORTED:
        raise Unsupported(f"{name} has no order that _sort could follow.")
    return SortKey(name, parameter, descending=text.startswith("-"))


def _count(controls: Controls, text: str) -> None:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadValue("The value of _count must be a whole number, 0 or more.")
    controls.count = min(int(text), MAX_COUNT)


def _elements(controls: Controls, text: str) -> None:
    controls.elements = elements.members(text, controls.type)


def _total(controls: Controls, text: str) -> None:
    controls.total = _choice(Total, "_total", text)


def _summary(controls: Controls, text: str) -> None:
    controls.summary = _choice(Summary, "_summary", text)


def _contained(_: Controls, text: str) -> None:
    if text != "false":  # what is done anyway
        raise Unsupported("_contained is not supported: contained resources are no hits. Only false may be sent.")


def _format(_: Controls, text: str) -> None:
    # A + that was not escaped arrives as a space.
    if text.partition(";")[0].strip().replace(" ", "+") not in FORMATS:
        raise BadValue(f"The value of _format must be one of: {', '.join(FORMATS)}.")


def _pretty(controls: Controls, text: str) -> None:
    if text not in ("true", "false"):
        raise BadValue("The value of _pretty must be true or false.")
    controls.pretty = text == "true"


def _cursor(controls: Controls, text: str) -> None:
    controls.cursor = text


def _choice(kind: type[Chosen], name: str, text: str) -> Chosen:
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(str(choice.value) for choice in kind)
        raise BadValue(f"The value of {name} must be one of: {allowed}.") from None


_READERS: Final[dict[str, Callable[[Controls, str], Any]]] = {
    "_summary": _summary,
    "_elements": _elements,
    "_total": _total,
    "_count": _count,
    "_sort": _sort,
    "_contained": _contained,
    "_format": _format,
    "_pretty": _pretty,
    "_cursor": _cursor,
}
