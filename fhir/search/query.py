"""The typed form of a search: what was asked, once it has been read. `fhir.search.parsing` reads it.

https://hl7.org/fhir/R4/search.html
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from fhir.search.conditions import Condition
from fhir.search.definitions import Parameter
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
    find goes in by `fhir.search.parsing.narrowed`; no other check looks at them. All chains and all `has` must hold.
    """

    type: str
    conditions: tuple[Condition, ...]
    tokens: tuple[frozenset[Token], ...]
    decided: bool
    ids: frozenset[str] | None
    updated: tuple[tuple[Bounds, ...], ...]
    sort: tuple[SortKey, ...]  # ties go by last update and row id
    count: int
    total: Total
    summary: Summary
    cursor: str | None
    pairs: tuple[tuple[str, str], ...]  # as asked and understood, without the cursor: for the links
    chains: tuple[Chain, ...] = ()
    has: tuple[Has, ...] = ()
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    elements: tuple[str, ...] = ()  # names of elements on the top level; none: all
    pretty: bool = False
    left_out: tuple[str, ...] = ()  # with lenient handling: a sentence for each parameter that was not understood

    @property
    def newest_first(self) -> bool:
        """Whether the newest change comes first, as if nothing is asked; what is not sorted by time has it so too."""
        return self.sort[0] != OLDEST_FIRST
