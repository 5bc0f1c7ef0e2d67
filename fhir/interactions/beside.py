"""What a Bundle asks for, as far as it can be done while others write: new resources, patches, searches that walk.

What it comes to is carried in the entries into the unit that writes. Nothing of it is told to anybody before.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from fhir import carrying
from fhir.codec import Parsed
from fhir.costs import TOKENS, Budget, Left
from fhir.drafts import Draft
from fhir.entries import Entry, Searched
from fhir.interactions.record import LARGE, Record
from fhir.located import located
from fhir.patches.patch import Ahead, Patch
from fhir.policy import Action
from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller
from infra.problems import Forbidden, Problem

MOST_HELD: Final = 4_194_304  # bytes of resources that wait for their patches


def drafted(store: Store, entries: Sequence[Entry], left: Left) -> list[Entry]:
    """The entries, those that create with their new resources ready to be written, as far as that can be paid for."""
    made: list[Entry] = []
    room = left.effort * TOKENS
    for entry in entries:
        draft = _draft(store, entry) if room > 0 else None
        made.append(entry if draft is None else entry._replace(draft=draft))
        room -= 0 if draft is None else len(draft.tokens)
    return made


async def patched(record: Record, caller: Caller, entries: Sequence[Entry], left: Left) -> tuple[list[Entry], Left]:
    """The entries, and with those that patch what the patch makes of the present version."""
    budget = Budget(left)
    held = await record.database.read(lambda session: _present(record.store, session, caller, entries, budget))
    if sum(len(stored.body) for stored in held.values()) > LARGE:
        made = await asyncio.to_thread(_applied, entries, held, budget)
    else:
        made = _applied(entries, held, budget)
    return [made.get(entry.index, entry) for entry in entries], budget.left


async def found(record: Record, caller: Caller, entry: Entry, left: Left) -> tuple[Entry | Problem, Left]:
    """The entry with what its search finds, or why it can't be carried out; as it is where its unit will refuse it."""
    budget = Budget(left)

    def unit(session: Session) -> Searched:
        with budget.spending(), located(entry.index):
            return carrying.searched(
                record.store, session, caller, entry=entry, base_url=record.base_url, budget=budget
            )

    try:
        return entry._replace(found=await record.database.read(unit)), budget.left
    except Forbidden:
        return entry, budget.left  # where that comes into the log
    except Problem as problem:
        if problem.status >= 500:
            raise
        return problem.kept(), budget.left


def _draft(store: Store, entry: Entry) -> Draft | None:
    if entry.action is not Action.CREATE or entry.parsed is None:
        return None
    try:
        return store.draft(entry.parsed, id=entry.id)
    except Problem:
        return None  # told in its turn


def _present(
    store: Store, session: Session, caller: Caller, entries: Sequence[Entry], budget: Budget
) -> dict[int, Stored]:
    """The present versions of what is patched, as far as they are there for the caller; so many at once."""
    found: dict[int, Stored] = {}
    size = 0
    with budget.spending():
        for entry in entries:
            if entry.action is Action.PATCH and not entry.is_ready and size < MOST_HELD and not budget.is_spent:
                try:
                    old = _sought(store, session, caller, entry)
                except Problem:
                    continue  # refused in its turn, where that comes into the log
                if old is not None and entry.if_match in (None, old.version):
                    found[entry.index] = old
                    size += len(old.body)
    return found


def _sought(store: Store, session: Session, caller: Caller, entry: Entry) -> Stored | None:
    if entry.query is not None:
        return store.own_match(session, caller, query=entry.query)
    return store.present(session, caller, Action.PATCH, type=entry.type, id=entry.id or "")


def _applied(entries: Sequence[Entry], held: dict[int, Stored], budget: Budget) -> dict[int, Entry]:
    made: dict[int, Entry] = {}
    with budget.spending():
        for entry in entries:
            if entry.index in held and isinstance(entry.patch, Patch) and not budget.is_spent:
                before = held[entry.index].body
                made[entry.index] = entry._replace(patch=Ahead(entry.patch, before, _outcome(entry.patch, before)))
    return made


def _outcome(patch: Patch, before: bytes) -> Parsed | Problem:
    try:
        return patch.applied(before)
    except Problem as problem:
        return problem.kept()
