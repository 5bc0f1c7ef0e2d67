"""Versions of resources, newest first, deletions among them: of one resource, of a type, of all types.

Present versions and past ones lie in two tables. Both are asked within the policy's filter, page and total alike, and each
row is looked at again: a version that stood in another patient's record may be hidden while its successor is not.
https://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Table, func, literal, or_, select, tuple_
from sqlmodel import Session

from fhir import audit, capability, room, rows
from fhir.audit import Access
from fhir.models import SERVED
from fhir.policy import Action, Permit, admits
from fhir.room import Room
from fhir.rows import HEADS, HISTORY, RESOURCE, VERSIONS, SealedRow, Stored, of_history
from fhir.search.dates import Interval
from fhir.store import Store
from infra.caller import Caller
from infra.columns import UtcDateTime
from infra.problems import Forbidden, NotFound
from infra.row_security import act


class Place(NamedTuple):
    """Where a page ended: the next one begins after it, whatever has been written meanwhile."""

    last_updated: datetime
    rid: int
    version: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which versions, and how many on a page; none with a `count` of 0, which asks for the total alone."""

    count: int
    since: datetime | None = None
    at: Interval | None = None
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """A page of versions, how many there are on all pages, and where the next one begins."""

    entries: tuple[Stored, ...]
    total: int
    next: Place | None


class _Part(NamedTuple):
    """One table within one permit."""

    table: Table
    selected: Select[Any]
    where: tuple[ColumnElement[bool], ...]
    permit: Permit


def of_resource(store: Store, session: Session, caller: Caller, type: str, id: str, *, asked: Asked) -> Versions:
    """The versions of one resource; `NotFound` if its present version is not this caller's to see."""
    permit = store.policy.permit(caller, Action.HISTORY, type)
    act(session, caller.tenant)
    head = rows.one(session, rows.head(permit.clause), {"wanted_id": id, "wanted_type": type})
    if head is None or not admits(permit, session, caller, row=head):
        raise NotFound
    parts = [part._replace(where=(part.table.c.rid == head.rid, *part.where)) for part in _both(permit)]
    found = _page(store, session, caller, parts=parts, asked=asked)
    access = Access(Action.HISTORY, type, id, head.version, head.compartment)
    log(store, session, caller, access, shown=found.entries)
    return found


def of_types(store: Store, session: Session, caller: Caller, types: Sequence[str], *, asked: Asked) -> Versions:
    """The versions of all resources of these types; it is not in the log yet. Types out of reach are left out."""
    permits = list(_permits(store, caller, types))
    if not permits:
        raise Forbidden
    act(session, caller.tenant)
    # One by one, as the index is by type; the pages of all of them are merged.
    parts = [
        part._replace(where=(part.table.c.type == type, *part.where))
        for type, permit in permits
        for part in _both(permit)
    ]
    return _page(store, session, caller, parts=parts, asked=asked)


def readable() -> tuple[str, ...]:
    """The types that have a history."""
    return tuple(type for type in SERVED if Action.HISTORY_TYPE in capability.INTERACTIONS[type])


def log(store: Store, session: Session, caller: Caller, access: Access, *, shown: Iterable[Stored] = ()) -> None:
    """Nothing; that the versions were read stands in the log, and once more for each other patient who was shown."""
    seen = audit.seen(shown)
    audit.record(store.vault, session, caller, access=access, recorded=store.clock.now(), shown=seen)


def _permits(store: Store, caller: Caller, types: Iterable[str]) -> Iterable[tuple[str, Permit]]:
    for type in types:
        try:
            yield type, store.policy.permit(caller, Action.HISTORY_TYPE, type)
        except Forbidden:
            continue


def _both(permit: Permit) -> tuple[_Part, _Part]:
    present = _Part(RESOURCE, HEADS, (permit.clause,), permit)
    return present, _Part(HISTORY, VERSIONS, (of_history(permit.clause),), permit)


def _page(store: Store, session: Session, caller: Caller, *, parts: Sequence[_Part], asked: Asked) -> Versions:
    total = sum(_count(session, part, asked) for part in parts)
    if asked.count == 0:
        return Versions((), total, None)
    # Few of each table to begin with: of all types there are many tables, and most of a page comes from one or two.
    each = [_newest_first(session, part, asked, first=max(1, room.FIRST // len(parts))) for part in parts]
    entries: list[Stored] = []
    page, last = Room(asked.count), None
    for place, row, permit in merge(*each, key=lambda one: one[0], reverse=True):
        if page.is_full:
            return Versions(tuple(entries), total, last)
        last = place
        stored = rows.opened(store.vault, row) if admits(permit, session, caller, row=row) else None
        if stored is not None and permit.shows(stored):
            entries.append(stored)
        page.take(stored.body if stored else b"")
    return Versions(tuple(entries), total, None)


def _newest_first(
    session: Session, part: _Part, asked: Asked, *, first: int
) -> Iterator[tuple[Place, SealedRow, Permit]]:
    size, full = first, True
    while full:
        found = rows.many(session, _step(part, asked).limit(size))
        yield from ((_place(row), row, part.permit) for row in found)
        full, size = len(found) == size, room.step(found, size, most=asked.count + 1)
        asked = replace(asked, after=_place(found[-1])) if found else asked


def _place(row: SealedRow) -> Place:
    return Place(row.last_updated, row.rid, row.version)


def _step(part: _Part, asked: Asked) -> Select[Any]:
    column = part.table.c
    statement = part.selected.where(*part.where, *_within(part.table, asked))
    if asked.after is not None:
        after = asked.after
        # Typed by hand: within a tuple SQLAlchemy does not take a value's type from the column beside it.
        edge = tuple_(
            literal(after.last_updated, UtcDateTime()),
            literal(after.rid, BigInteger()),
            literal(after.version, Integer()),
        )
        statement = statement.where(tuple_(column.last_updated, column.rid, column.version) < edge)
    order = (column.last_updated.desc(), column.rid.desc(), column.version.desc())
    return statement.order_by(*order)


def _count(session: Session, part: _Part, asked: Asked) -> int:
    counted = part.selected.with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.connection().execute(counted.where(*part.where, *_within(part.table, asked))).scalar_one())


def _within(table: Table, asked: Asked) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if asked.since is not None:
        where.append(table.c.last_updated >= asked.since)
    if asked.at is not None:
        where.append(table.c.last_updated < asked.at.end)
        # A past version was current until the next one was written, the present one still is.
        if table is HISTORY:
            followed = _following(table)
            where.append(or_(followed.is_(None), followed > asked.at.start))
    return where


def _following(table: Table) -> ColumnElement[datetime]:
    later, head = HISTORY.alias("later"), RESOURCE.alias("head")
    of_later = select(later.c.last_updated).where(later.c.rid == table.c.rid, later.c.version == table.c.version + 1)
    of_head = select(head.c.last_updated).where(head.c.rid == table.c.rid, head.c.version == table.c.version + 1)
    return func.coalesce(of_later.scalar_subquery(), of_head.scalar_subquery(), type_=UtcDateTime())
