"""One page of a search: its hits in their order, what they refer to, how many there are, and where the next one begins.

Pages go by keys and never by OFFSET. A page costs the same wherever it is, unless values are sorted: then all hits are
opened for each page, as the database can't know an order that it can't read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice, repeat
from typing import Final

from fhir.room import fitting
from fhir.rows import Stored
from fhir.search import candidates, hits, sorting
from fhir.search.asking import Asker, Effort, Order, PageEnd, TooCostly
from fhir.search.includes import Included, included
from fhir.search.plans import order_of
from fhir.search.query import Query, Summary, Total

MOST_SORTED: Final = 20_000  # hits that are opened and sorted for one page
ESTIMATED: Final = 2_000  # where an estimate ends: at least so many
NOTHING: Final = Included((), ())


class TotalTooCostly(TooCostly):
    """Counting the hits would open too many resources. Add a parameter that selects, or ask with _total=none."""


class TooManyToSort(TooCostly):
    """There are too many hits to sort them by their values. Add a parameter that selects, or leave _sort out."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits, and what was asked for beside them. `total` is None only where the client asked for none.

    `notes` are sentences about what is missing.
    """

    entries: tuple[Stored, ...]
    total: int | None
    next: PageEnd | None
    included: tuple[Stored, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def resources(self) -> tuple[Stored, ...]:
        """All that the page shows: hits, and what stands beside them."""
        return (*self.entries, *self.included)


def page(asker: Asker, query: Query, *, after: PageEnd | None) -> Page:
    """One page of what matches and may be seen."""
    query = hits.answered(asker, query)
    if query.summary is Summary.COUNT or query.count == 0:
        return Page((), _count(asker, query), None)
    found = _sorted(asker, query, after) if _is_sorted(query, after) else _in_order(asker, query, after)
    return made(asker, query, found, after=after)


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a page, and whether one more was found.

    `rest` are the hits behind that one, if going through them costs less than counting all of them anew.
    """

    entries: Sequence[Stored]
    more: bool = False
    rest: Iterator[object] | None = None


def made(asker: Asker, query: Query, found: Found, *, after: PageEnd | None) -> Page:
    """The page of the hits that were found."""
    entries = tuple(found.entries)
    if after is not None:
        total = after.total
    elif query.total is Total.ACCURATE and found.more and found.rest is not None:
        total = len(entries) + 1 + _counted(found.rest)
    else:
        total = _total(asker, query, None if found.more else len(entries))
    following = _following(asker, query, entries[-1], after, total) if found.more else None
    beside = included(asker, query, entries) if query.includes or query.revincludes else NOTHING
    return Page(entries, total, following, beside.entries, beside.notes)


def _is_sorted(query: Query, after: PageEnd | None) -> bool:
    return (after.order if after else order_of(query)) is Order.VALUES


def _in_order(asker: Asker, query: Query, after: PageEnd | None) -> Found:
    # Of what tokens only narrow, most are hits; further steps are larger.
    step = query.count + 1 if query.decided else 2 * query.count + 16
    stream = hits.hits(asker, query, after=after, step=step)
    entries, more = fitting(stream, query.count)
    # What tokens decide the database counts without opening it.
    return Found(entries, more, None if query.decided and not (query.chains or query.has) else stream)


def _sorted(asker: Asker, query: Query, after: PageEnd | None) -> Found:
    start = None if after is None else sorting.rank(after, query.sort)
    passed = 0

    def ranked() -> Iterator[tuple[sorting.Rank, Stored]]:
        nonlocal passed
        try:
            for stored in hits.hits(asker, query, after=after, effort=Effort(MOST_SORTED)):
                rank = sorting.rank(sorting.end(stored, query.sort), query.sort)
                if start is None or rank > start:
                    passed += 1
                    yield rank, stored
        except TooCostly:
            raise TooManyToSort from None

    found = [stored for _, stored in nsmallest(query.count + 1, ranked(), key=lambda pair: pair[0])]
    entries, more = fitting(found, query.count)
    return Found(entries, more, repeat(None, passed - len(entries) - 1) if more else None)


def _following(asker: Asker, query: Query, last: Stored, after: PageEnd | None, total: int | None) -> PageEnd:
    if _is_sorted(query, after):
        end = sorting.end(last, query.sort)
    else:
        end = candidates.end(after.order if after else order_of(query), last)
    if after is not None:
        return end._replace(as_of=after.as_of, total=total)
    # An order by what a write changes. Where newer ones come first, what is changed has left the pages to come.
    moves = end.order in (Order.VALUES, Order.OLDEST_FIRST)
    return end._replace(as_of=candidates.newest(asker, query.type) if moves else None, total=total)


def _total(asker: Asker, query: Query, known: int | None) -> int | None:
    if query.total is Total.NONE or known is not None:
        return None if query.total is Total.NONE else known
    if query.total is Total.ESTIMATE:
        return sum(1 for _ in islice(_until_costly(asker, query), ESTIMATED))
    return _count(asker, query)


def _counted(rest: Iterator[object]) -> int:
    try:
        return sum(1 for _ in rest)
    except TooCostly:
        raise TotalTooCostly from None


def _until_costly(asker: Asker, query: Query) -> Iterator[Stored]:
    try:
        yield from hits.hits(asker, query)
    except TooCostly:
        return


def _count(asker: Asker, query: Query) -> int:
    try:
        return hits.count(asker, query)
    except TooCostly:
        raise TotalTooCostly from None
