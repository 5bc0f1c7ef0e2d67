"""`_include` and `_revinclude`: what hits refer to, and what refers to them. Each resource comes once.

What the caller may not search looks as if it were not there, as everywhere. https://hl7.org/fhir/R4/search.html#revinclude
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from sqlalchemy import tuple_

from fhir.here import relative
from fhir.models import SERVED
from fhir.policy import Permit, admits
from fhir.room import Room, fitting
from fhir.rows import HISTORY, VERSIONS, Stored, many, of_history, opened
from fhir.search.asking import Asker, Effort
from fhir.search.chains import addresses, names
from fhir.search.conditions import Condition, Target
from fhir.search.definitions import PARAMETERS, Kind, Parameter
from fhir.search.hits import MOST_OPENED, hits
from fhir.search.query import Include, Query, simple
from infra.problems import Forbidden

MOST_INCLUDED: Final = 1000  # fewer where they are large (room.py)
MOST_ROUNDS: Final = 5  # how far :iterate goes
ADDRESSES_FOR_ONE_OPENED: Final = 2
AT_ONCE: Final = 400  # addresses in one search, below the number of tokens of one set
CUT: Final = (
    f"More resources were asked for beside the hits than are sent: {MOST_INCLUDED}, 16 MiB, {MOST_ROUNDS} steps away."
)

# The extraction leaves versions out; these are the references that name one.
_VERSIONED: Final = re.compile(rb'"([^"\s\\]{3,400})/_history/(\d{1,9})"')


class Included(NamedTuple):
    """What was included, and sentences about what was not."""

    entries: tuple[Stored, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What is in the answer already, and whether something found no room there."""

    seen: set[tuple[str, int]]
    entries: list[Stored] = field(default_factory=list)
    effort: Effort = field(default_factory=lambda: Effort(MOST_OPENED))
    room: Room = field(default_factory=lambda: Room(MOST_INCLUDED))
    is_cut: bool = False

    def add(self, new: Iterable[Stored]) -> list[Stored]:
        """Those of the resources that were not there, as far as they fit."""
        added: list[Stored] = []
        for stored in new:
            if (key := (stored.reference, stored.version)) in self.seen:
                continue
            if self.room.is_full:
                self.is_cut = True
                break
            self.room.take(stored.body)
            self.seen.add(key)
            self.entries.append(stored)
            added.append(stored)
        return added


def included(asker: Asker, query: Query, matched: Sequence[Stored]) -> Included:
    """What the query wants beside the matches of a page."""
    found = _Found({(stored.reference, stored.version) for stored in matched})
    frontier, rounds = list(matched), 0
    while frontier and rounds < MOST_ROUNDS and not found.is_cut:
        new: list[Stored] = []
        for include in query.includes:
            if rounds == 0 or include.iterate:
                new += found.add(_forward(asker, include, frontier, found))
        for include in query.revincludes:
            if rounds == 0 or include.iterate:
                new += found.add(_reverse(asker, include, frontier, found.effort))
        frontier, rounds = new, rounds + 1
    iterates = any(include.iterate for include in (*query.includes, *query.revincludes))
    is_cut = found.is_cut or (rounds == MOST_ROUNDS and bool(frontier) and iterates)
    return Included(tuple(found.entries), (CUT,) if is_cut else ())


def referred(asker: Asker, wanted: Iterable[str], *, effort: Effort) -> Iterator[Stored]:
    """The resources with these relative references that the caller may search."""
    wanted = frozenset(wanted)
    effort.spend(len(wanted) // ADDRESSES_FOR_ONE_OPENED)  # what is not there costs too
    by_type: dict[str, set[str]] = {}
    for address in wanted:
        type, _, id = address.partition("/")
        if type in SERVED and id and "/" not in id:
            by_type.setdefault(type, set()).add(id)
    for type, ids in sorted(by_type.items()):
        yield from _permitted(asker, simple(type, ids=frozenset(ids)), effort)


def _forward(asker: Asker, include: Include, frontier: Sequence[Stored], found: _Found) -> Iterator[Stored]:
    sources = [stored for stored in frontier if stored.type == include.type]
    links = [parameter for parameter in include.parameters if parameter.kind is not Kind.CANONICAL]
    wanted = {address for stored in sources for parameter in links for address in addresses(stored, parameter)}
    if include.target is not None:
        wanted = {address for address in wanted if address.startswith(f"{include.target}/")}
    fits, more = fitting(referred(asker, wanted, effort=found.effort), MOST_INCLUDED + len(found.seen))
    found.is_cut |= more
    yield from _in_versions(asker, {stored.reference: stored for stored in fits}, sources)
    for parameter in include.parameters:
        if parameter.kind is Kind.CANONICAL:
            urls = frozenset(url for stored in sources for url in addresses(stored, parameter))
            for type in [include.target] if include.target else parameter.targets:
                yield from _by(asker, type, _url(type), urls, found.effort)


def _reverse(asker: Asker, include: Include, frontier: Sequence[Stored], effort: Effort) -> Iterator[Stored]:
    aims = [stored for stored in frontier if include.target in (None, stored.type)]
    for parameter in include.parameters:
        wanted = frozenset(
            name for stored in aims if stored.type in parameter.targets for name in names(stored, parameter)
        )
        yield from _by(asker, include.type, parameter, wanted, effort)


def _by(
    asker: Asker, type: str, parameter: Parameter | None, wanted: frozenset[str], effort: Effort
) -> Iterator[Stored]:
    """The resources of a type that have one of these addresses in a parameter."""
    ordered = iter(sorted(wanted))
    while parameter is not None and (part := frozenset(islice(ordered, AT_ONCE))):
        query = simple(type, conditions=(Condition(parameter, (Target(part),)),))
        yield from _permitted(asker, query, effort)


def _permitted(asker: Asker, query: Query, effort: Effort) -> Iterator[Stored]:
    try:
        yield from hits(asker, query, effort=effort)
    except Forbidden:
        return


def _in_versions(asker: Asker, current: dict[str, Stored], sources: Iterable[Stored]) -> Iterator[Stored]:
    """The resources, in the version that a reference names if it names one."""
    named: dict[str, set[int]] = {}
    for stored in sources:
        for reference, version in _VERSIONED.findall(stored.body):
            named.setdefault(relative(reference.decode()), set()).add(int(version))
    past: dict[str, list[tuple[int, int]]] = {}
    for reference, stored in current.items():
        versions = named.get(reference, {stored.version})
        if stored.version in versions:
            yield stored
        of_type = past.setdefault(stored.type, [])
        of_type += [(stored.rid, version) for version in versions if version != stored.version]
    for type, wanted in past.items():
        yield from _past(asker, asker.permit(type), wanted) if wanted else ()


def _past(asker: Asker, permit: Permit, wanted: Sequence[tuple[int, int]]) -> Iterator[Stored]:
    """The versions of these rows that were not deletions and may be seen where they stood."""
    named = tuple_(HISTORY.c.rid, HISTORY.c.version).in_(wanted)
    found = VERSIONS.where(named, HISTORY.c.deleted.is_(False), of_history(permit.clause))
    for row in many(asker.session, found):
        if admits(permit, asker.session, asker.caller, row=row):
            stored = opened(asker.vault, row)
            if permit.shows(stored):
                yield stored


def _url(type: str) -> Parameter | None:
    return PARAMETERS[type].parameters.get("url") if type in SERVED else None
