"""Chains and `_has`: what a search asks of the resources that its hits refer to, or that refer to its hits.

An inner search that selects few is run first; what it finds are tokens or ids for the outer one. Otherwise it is asked
about what the outer one finds, a batch at a time. Either way there is one inner search for many resources.
https://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from fhir.rows import Stored
from fhir.search.asking import Asker, Effort, TooCostly
from fhir.search.conditions import Condition, Target
from fhir.search.definitions import PARAMETERS, Kind, Parameter
from fhir.search.extraction import extract
from fhir.search.plans import is_narrow
from fhir.search.query import Chain, Has, Query, narrowed
from fhir.search.values import Link
from infra.problems import Forbidden

MOST_FIRST: Final = 500  # what an inner search may find to lead the outer one: as many tokens as one set holds
OPENED_FIRST: Final = 5_000  # what it may open for that
OPENED_BESIDE: Final = 40_000  # what inner searches about batches of an outer one may open, all together
BATCH: Final = 200

Search = Callable[[Asker, Query, Effort], Iterator[Stored]]


def answered(asker: Asker, query: Query, search: Search) -> Query:
    """The query with what its chains came to in their place; those that find too much stay."""
    if not query.chains and not query.has:
        return query
    outer_is_narrow = is_narrow(asker, query)
    conditions: list[Condition] = []
    ids: frozenset[str] | None = None
    chains: list[Chain] = []
    has: list[Has] = []
    for chain in query.chains:
        chain = Chain(chain.parameter, _permitted(asker, chain.queries, search))
        found = _found(asker, chain, search) if _goes_first(asker, chain.queries, outer_is_narrow) else None
        if found is None:
            chains.append(chain)
        elif found:
            conditions.append(Condition(chain.parameter, (Target(found),)))
        else:
            ids = frozenset()
    for one in query.has:
        one = Has(one.parameter, answered(asker, one.query, search))
        named = _named(asker, query.type, one, search) if _goes_first(asker, [one.query], outer_is_narrow) else None
        if named is None:
            has.append(one)
        else:
            ids = named if ids is None else ids & named
    return replace(narrowed(query, conditions, ids=ids), chains=tuple(chains), has=tuple(has))


def filtered(asker: Asker, query: Query, found: Iterator[Stored], search: Search) -> Iterator[Stored]:
    """Those of the resources that meet the chains and `_has` that are still in the query."""
    effort = Effort(OPENED_BESIDE)
    while batch := list(islice(found, BATCH)):
        for chain in query.chains:
            batch = _leading(asker, chain, batch, search, effort=effort)
        for has in query.has:
            batch = _led_to(asker, has, batch, search, effort=effort)
        yield from batch


def addresses(stored: Stored, parameter: Parameter) -> frozenset[str]:
    """What a resource refers to by a parameter, without versions."""
    values = extract(stored.type, stored.data, (parameter.name,)).get(parameter.name, ())
    links = (value.address if isinstance(value, Link) else str(value) for value in values)
    return frozenset(link for link in links if link)


def _permitted(asker: Asker, queries: tuple[Query, ...], search: Search) -> tuple[Query, ...]:
    """The inner queries of a chain that the caller may ask, answered; of a single one a refusal is told."""
    if len(queries) == 1:
        return (answered(asker, queries[0], search),)
    allowed: list[Query] = []
    for query in queries:
        try:
            asker.permit(query.type)
        except Forbidden:
            # A chain that names no type asks all types that the reference allows; the others are enough.
            continue
        allowed.append(answered(asker, query, search))
    if not allowed:
        asker.permit(queries[0].type)
    return tuple(allowed)


def _goes_first(asker: Asker, queries: Iterable[Query], outer_is_narrow: bool) -> bool:  # noqa: FBT001  a fact
    return not outer_is_narrow or all(is_narrow(asker, query) for query in queries)


def _found(asker: Asker, chain: Chain, search: Search) -> frozenset[str] | None:
    """What the reference may name; None if that is too much to look for."""
    effort, found = Effort(OPENED_FIRST), set[str]()
    try:
        for query in chain.queries:
            for stored in search(asker, query, effort):
                found |= names(stored, chain.parameter)
                if len(found) > MOST_FIRST:
                    return None
    except TooCostly:
        return None
    return frozenset(found)


def _named(asker: Asker, type: str, has: Has, search: Search) -> frozenset[str] | None:
    """The ids of the type that hits of the inner query refer to; None if they are too many."""
    if has.parameter.kind is Kind.CANONICAL:
        return None
    effort, found = Effort(OPENED_FIRST), set[str]()
    try:
        for stored in search(asker, has.query, effort):
            found |= _ids(addresses(stored, has.parameter), type)
            if len(found) > MOST_FIRST:
                return None
    except TooCostly:
        return None
    return frozenset(found)


def _leading(asker: Asker, chain: Chain, batch: list[Stored], search: Search, *, effort: Effort) -> list[Stored]:
    """Those of the batch whose reference leads to a hit of one of the inner queries."""
    held = {stored.rid: addresses(stored, chain.parameter) for stored in batch}
    wanted = frozenset[str]().union(*held.values())
    good: set[str] = set()
    for query in chain.queries:
        for found in search(asker, _about(query, wanted, chain.parameter), effort):
            good |= names(found, chain.parameter)
    return [stored for stored in batch if not held[stored.rid].isdisjoint(good)]


def _led_to(asker: Asker, has: Has, batch: list[Stored], search: Search, *, effort: Effort) -> list[Stored]:
    """Those of the batch that a hit of the inner query refers to."""
    called = {stored.rid: names(stored, has.parameter) for stored in batch}
    wanted = frozenset[str]().union(*called.values())
    good: set[str] = set()
    if wanted:
        inner = _still(has.query, narrowed(has.query, [Condition(has.parameter, (Target(wanted),))]))
        for found in search(asker, inner, effort):
            good |= addresses(found, has.parameter) & wanted
            if len(good) == len(wanted):
                break
    return [stored for stored in batch if not called[stored.rid].isdisjoint(good)]


def _about(query: Query, wanted: frozenset[str], parameter: Parameter) -> Query:
    if parameter.kind is not Kind.CANONICAL:
        return _still(query, narrowed(query, (), ids=_ids(wanted, query.type)))
    url = PARAMETERS[query.type].parameters["url"]
    return _still(query, narrowed(query, [Condition(url, (Target(wanted),))]) if wanted else _nothing(query))


def _still(query: Query, changed: Query) -> Query:
    return replace(changed, chains=query.chains, has=query.has)


def _nothing(query: Query) -> Query:
    return narrowed(query, (), ids=frozenset())


def names(stored: Stored, parameter: Parameter) -> frozenset[str]:
    """By what the parameter of another resource names this one."""
    if parameter.kind is not Kind.CANONICAL:
        return frozenset({stored.reference})
    url = stored.data.get("url")
    return frozenset({url} if isinstance(url, str) else ())


def _ids(addresses: Iterable[str], type: str) -> frozenset[str]:
    start = f"{type}/"
    return frozenset(address[len(start) :] for address in addresses if address.startswith(start))
