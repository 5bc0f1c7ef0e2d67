"""The hits of a search: what its rows hold is opened and checked. Every search runs through here, inner ones too.

A caller never learns through a chain what it may not read: whatever type a search asks, on its way or for its answer, is
filtered by the caller's permit for that type.
"""

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Final

from fhir.audit_event import Log
from fhir.rows import Position, Stored, opened
from fhir.search import candidates, chains
from fhir.search.asking import Asker, Effort, Order, PageEnd
from fhir.search.candidates import STEP, Source
from fhir.search.match import matches
from fhir.search.plans import order_of, plan
from fhir.search.query import Query
from infra.columns import from_microseconds

MOST_OPENED: Final = 30_000  # resources that one search opens and checks: about two seconds of one core


def answered(asker: Asker, query: Query) -> Query:
    """The query with its chains answered, those that select enough to be answered first."""
    return chains.answered(asker, query, _inner)


def hits(
    asker: Asker, query: Query, *, after: PageEnd | None = None, effort: Effort | None = None, step: int = STEP
) -> Iterator[Stored]:
    """What matches an answered query and may be seen, after a place, in the query's order; VALUES are not sorted here."""
    effort = effort or Effort(MOST_OPENED)
    order = after.order if after else order_of(query)
    found = _checked(_source(asker, query, order, after=after), after=after, effort=effort, step=step)
    if query.type == "AuditEvent":
        found = _with_log(asker, query, found, order=order, after=after, effort=effort)
    return _linked(asker, query, found)


def count(asker: Asker, query: Query) -> int:
    """How many hits there are."""
    effort = Effort(MOST_OPENED)
    if not query.decided or query.chains or query.has or not asker.permit(query.type).is_decided:
        return sum(1 for _ in hits(asker, query, effort=effort))
    logged = _log(asker).total(query, effort=effort) if query.type == "AuditEvent" else 0
    return logged + candidates.count(_source(asker, query, order_of(query)), effort=effort)


def first(asker: Asker, query: Query, *, limit: int, tenant: str | None = None) -> list[Stored]:
    """The first hits, with a `tenant` of those that this one wrote; the log of accesses is not looked at."""
    query = answered(asker, query)
    source = _source(asker, query, order_of(query), tenant=tenant)
    found = _checked(source, after=None, effort=Effort(MOST_OPENED), step=STEP)
    return list(islice(_linked(asker, query, found), limit))


def _linked(asker: Asker, query: Query, found: Iterator[Stored]) -> Iterator[Stored]:
    return chains.filtered(asker, query, found, _inner) if query.chains or query.has else found


def _inner(asker: Asker, query: Query, effort: Effort) -> Iterator[Stored]:
    return hits(asker, query, effort=effort)


def _source(
    asker: Asker,
    query: Query,
    order: Order,
    *,
    after: PageEnd | None = None,
    tenant: str | None = None,
) -> Source:
    as_of = after.as_of if after is not None else None
    if order is Order.VALUES:  # sorted later: the way through the rows is whichever costs least
        order = Order.ROW if query.tokens or query.ids is not None else Order.NEWEST_FIRST
    return Source(asker, query, plan(asker, query, order=order), asker.permit(query.type), tenant, as_of)


def _checked(source: Source, *, after: PageEnd | None, effort: Effort, step: int) -> Iterator[Stored]:
    start = None if after is None or after.order is Order.VALUES else after
    for row in candidates.rows(source, after=start, effort=effort, step=step):
        stored = opened(source.asker.vault, row)
        # What tokens decide needs no second look: equal 128-bit tokens mean equal values.
        is_hit = source.query.decided or matches(stored.type, stored.data, source.query)
        if is_hit and source.permit.shows(stored):
            yield stored


def _with_log(
    asker: Asker, query: Query, found: Iterator[Stored], *, order: Order, after: PageEnd | None, effort: Effort
) -> Iterator[Stored]:
    """The log of accesses stands beside the AuditEvents that clients wrote."""
    log = _log(asker)
    if order is Order.VALUES:
        yield from found
        yield from log.matches(query, newest_first=True, after=None, effort=effort)
        return
    newest_first = order is not Order.OLDEST_FIRST
    position = Position(from_microseconds(int(str(after.keys[0]))), after.rid) if after else None
    logged = log.matches(query, newest_first=newest_first, after=position, effort=effort)
    yield from merge(found, logged, key=lambda one: (one.last_updated, one.rid), reverse=newest_first)


def _log(asker: Asker) -> Log:
    return Log(asker.vault, asker.session, asker.caller.tenant)
