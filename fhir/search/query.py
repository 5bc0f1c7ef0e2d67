"""The typed form of a search: what was asked, once it has been read. `fhir.search.parsing` reads it.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final

from fhir.search.conditions import Condition
from fhir.search.definitions import PARAMETERS, Parameter
from fhir.search.lookup import lookup
from fhir.search.parameters import Token


class Total(Enum):
    """Whether the number of hits is told, and how much may be spent on it."""

    ACCURATE = "accurate"
    ESTIMATE = "estimate"
    NONE = "none"


class Summary(Enum):
    """How much of each resource comes with the answer; COUNT: only the number of them."""

    RESOURCES = "false"
    TRUE = "true"
    TEXT = "text"
    DATA = "data"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Since and before when (not included); None is open."""

    since: datetime | None
    before: datetime | None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order. `parameter` is None for the columns `_lastUpdated` and `_id`."""

    name: str
    parameter: Parameter | None
    descending: bool


NEWEST_FIRST: Final = SortKey("_lastUpdated", None, descending=True)
OLDEST_FIRST: Final = SortKey("_lastUpdated", None, descending=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """`subject:Patient.name=x`: the reference leads to a hit of one of the queries, which are of one type each."""

    parameter: Parameter
    queries: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Has:
    """`_has:Observation:patient:code=x`: a hit of the query refers to the resource by this parameter of its type."""

    parameter: Parameter
    query: "Query"


@dataclass(frozen=True, slots=True)
class Include:
    """`_include=type:parameter:target`, forward or reverse: resources of `type` and what they refer to.

    `parameters` are several for `*`; `target` None is any type; `iterate` asks included resources again.
    """

    type: str
    parameters: tuple[Parameter, ...]
    target: str | None
    iterate: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search: columns (`ids`, `updated`), tokens to intersect, and conditions for the exact check (`matches`).

    `tokens` is an AND of ORs: a hit has at least one token of every set. It may be empty, or hold more than the
    conditions say, so `matches` must see every candidate, unless the query is `decided`: then none can fail. `ids` None
    means any; each of `updated` is an OR. `chains` and `has` ask other types: they are answered first, and what they
    find goes in by `narrowed`; no other check looks at them. All chains and all `has` must hold.
    """

    type: str
    conditions: tuple[Condition, ...]
    tokens: tuple[frozenset[Token], ...]  # the rarest first, as far as their kind tells
    decided: bool
    ids: frozenset[str] | None
    updated: tuple[tuple[Bounds, ...], ...]
    chains: tuple[Chain, ...] = ()
    has: tuple[Has, ...] = ()
    # About the answer:
    sort: tuple[SortKey, ...] = ()  # none: any order that stays the same
    count: int = 50
    total: Total = Total.ACCURATE
    summary: Summary = Summary.RESOURCES
    cursor: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()  # as asked and understood, without the cursor: for the links
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    elements: tuple[str, ...] = ()  # names of JSON members on the top level; none: all
    pretty: bool = False
    left_out: tuple[str, ...] = ()  # with lenient handling: a sentence for each parameter that is not supported

    @property
    def newest_first(self) -> bool:
        """Whether the newest change comes first, as if nothing is asked; what is not sorted by time has it so too."""
        return self.sort[:1] != (OLDEST_FIRST,)


def simple(
    type: str,
    *,
    conditions: tuple[Condition, ...] = (),
    ids: frozenset[str] | None = None,
    updated: tuple[tuple[Bounds, ...], ...] = (),
    chains: tuple[Chain, ...] = (),
    has: tuple[Has, ...] = (),
) -> Query:
    """The query that selects by these, with the tokens that serve it; nothing is said about the answer."""
    asked = lookup(type, conditions, table=PARAMETERS[type])
    return Query(type, conditions, asked.sets, asked.decided, ids, updated, chains, has)


def narrowed(query: Query, conditions: Iterable[Condition], *, ids: frozenset[str] | None = None) -> Query:
    """The query with more conditions, and only these ids: what chains and `_has` came to. It has none of them left."""
    both = (*query.conditions, *conditions)
    asked = lookup(query.type, both, table=PARAMETERS[query.type])
    if ids is None:
        ids = query.ids
    elif query.ids is not None:
        ids &= query.ids
    return replace(query, conditions=both, tokens=asked.sets, decided=asked.decided, ids=ids, chains=(), has=())
