"""What selects the hits of a search: conditions, columns, and the ways through references to other types.

https://hl7.org/fhir/R4/search.html#chaining, #has
"""

from dataclasses import dataclass, field
from typing import Final

from fhir.models import SERVED
from fhir.search import dates, reading
from fhir.search.conditions import Condition, Moment, Prefix
from fhir.search.definitions import COLUMNS, PARAMETERS, Kind, Parameter
from fhir.search.query import Bounds, Chain, Has, Query, simple
from fhir.search.reading import ID, NAME
from fhir.search.refusals import BadValue, ModifierRefused, TooManyParameters, UnknownParameter, Unsupported

MAX_DEPTH: Final = 3  # references from the searched type to the one that is asked last
MOST_ASKED: Final = 60  # types that all chains of a search ask: a reference to anything leads to 43, each time

_HAS: Final = "_has:"


@dataclass(slots=True)
class Criteria:
    """What was collected so far for one type; `asked` counts the types tried by chains, over the whole search."""

    type: str
    depth: int = 0
    asked: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    ids: frozenset[str] | None = None
    updated: list[tuple[Bounds, ...]] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    has: list[Has] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        """Nothing; a hit meets this parameter too."""
        if name == "_id":
            wanted = _ids(text)
            self.ids = wanted if self.ids is None else self.ids & wanted
        elif name == "_lastUpdated":
            parts = reading.alternatives(name, text)
            self.updated.append(tuple(bounds for part in parts for bounds in _bounds(reading.moment(name, part))))
        elif name.startswith(_HAS):
            self.has.append(self._has(name, text))
        elif "." in name:
            self.chains.append(self._chain(name, text))
        else:
            self.conditions.append(reading.condition(self.type, name, text))

    def _has(self, name: str, text: str) -> Has:
        parts = name.split(":", 3)
        if len(parts) < 4 or not all(parts):
            raise BadValue("Write _has as _has:type:reference:parameter, where the reference leads here.")
        _, type, base, inner = parts
        parameter = PARAMETERS[type].parameters.get(base) if type in SERVED else None
        if parameter is None or not _leads_to(parameter, self.type):
            raise UnknownParameter(f"{_shown(f'_has:{type}:{base}')} is not a reference to {self.type}.")
        return Has(parameter, self._inner(type, inner, text))

    def _chain(self, name: str, text: str) -> Chain:
        head, _, inner = name.partition(".")
        base, _, target = head.partition(":")
        parameter = PARAMETERS[self.type].parameters.get(base)
        if parameter is None:
            raise UnknownParameter(reading.unknown(self.type, base))
        if parameter.kind not in (Kind.REFERENCE, Kind.CANONICAL) or not inner:
            raise UnknownParameter(f"{base} is not a reference that a chain can follow.")
        if target and target not in parameter.targets:
            raise ModifierRefused(f"{base} can't refer to that type, but to: {', '.join(parameter.targets)}.")
        if target and target not in SERVED:
            raise UnknownParameter(f"{target} is not a type that is served here, so no chain can ask it.")
        types = (target,) if target else tuple(type for type in parameter.targets if _knows(type, inner))
        queries, refused = [], None
        for type in types:
            try:
                queries.append(self._inner(type, inner, text))
            except Unsupported as problem:  # another type may know it
                refused = problem
        if not queries:
            raise refused or UnknownParameter(f"{_shown(inner)} is not known for any type that {base} refers to.")
        return Chain(parameter, tuple(queries))

    def _inner(self, type: str, name: str, text: str) -> Query:
        if self.depth == MAX_DEPTH:
            raise BadValue(f"A chain follows at most {MAX_DEPTH} references.")
        self.asked.append(type)
        if len(self.asked) > MOST_ASKED:
            raise TooManyParameters("This search asks too many types. Name them in its chains: subject:Patient.name.")
        inner = Criteria(type, self.depth + 1, self.asked)
        inner.add(name, text)
        return inner.query()

    def query(self) -> Query:
        """The query for what was collected, with nothing said about the answer."""
        return simple(
            self.type,
            conditions=tuple(self.conditions),
            ids=self.ids,
            updated=tuple(self.updated),
            chains=tuple(self.chains),
            has=tuple(self.has),
        )


def _leads_to(parameter: Parameter, type: str) -> bool:
    return parameter.kind in (Kind.REFERENCE, Kind.CANONICAL) and type in parameter.targets


def _knows(type: str, inner: str) -> bool:
    if type not in SERVED:
        return False
    base = inner.partition(".")[0].partition(":")[0]
    return base == "_has" or base in COLUMNS or base in PARAMETERS[type].parameters


def _shown(name: str) -> str:
    return name if NAME.fullmatch(name) else "This"


def _ids(text: str) -> frozenset[str]:
    parts = reading.alternatives("_id", text)
    if not all(ID.fullmatch(part) for part in parts):
        raise BadValue("The value of _id must be an id: up to 64 letters, digits, - and .")
    return frozenset(parts)


def _bounds(moment: Moment) -> tuple[Bounds, ...]:
    start, end = moment.interval
    match moment.prefix:
        case Prefix.EQ:
            return (Bounds(start, end),)
        case Prefix.NE:
            return Bounds(None, start), Bounds(end, None)
        case Prefix.GE:
            return (Bounds(start, None),)
        case Prefix.GT | Prefix.SA:
            return (Bounds(end, None),)
        case Prefix.LE:
            return (Bounds(None, end),)
        case Prefix.LT | Prefix.EB:
            return (Bounds(None, start),)
        case Prefix.AP:
            return (Bounds(*dates.around(moment.interval)),)
