"""batch: its entries one after the other, a few in a unit, and others between them.

https://hl7.org/fhir/R4/http.html#brules
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from fhir import batches
from fhir.carrying import Done, Worker
from fhir.costs import Budget, Left
from fhir.entries import Entry
from fhir.interactions import beside
from fhir.interactions.record import Record
from fhir.policy import Action
from fhir.transactions import Plan
from fhir.unresolved import NotInABatch
from infra.caller import Caller
from infra.problems import Problem

TOGETHER: Final = 100  # entries that are made ready at once


async def carried_out(record: Record, caller: Caller, plan: Plan) -> list[Done]:
    """What became of each entry, each as durable as if it had come alone; in the order of the Bundle."""
    done: list[Done] = []
    left = plan.left
    while len(done) < len(plan.entries):
        rest = plan.entries[len(done) :]
        try:
            ready, left = await _ready(record, caller, rest, left)
            some, left = await _carried_out(record, caller, ready, left)
        except Problem as problem:
            # The disk is full, or the database gone. What was done before is done, and so it is told.
            if not done:
                raise
            some = [Done(problem.status, problem=problem.kept()) for _ in rest]
        done += some
    return done


async def _carried_out(
    record: Record, caller: Caller, entries: Sequence[Entry | Problem], left: Left
) -> tuple[list[Done], Left]:
    def unit(session: Session) -> tuple[list[Done], Left]:
        budget = Budget(left)
        worker = Worker(record.store, session, caller, budget, NotInABatch, record.base_url, record.choices)
        return batches.first(worker, entries), budget.left

    return await record.database.write(unit)


async def _ready(
    record: Record, caller: Caller, entries: Sequence[Entry | Problem], left: Left
) -> tuple[Sequence[Entry | Problem], Left]:
    """The entries, of which those in front are as ready as they can be before the unit."""
    front = entries[0]
    if isinstance(front, Problem) or not batches.is_worth_a_slice(front, left):
        return entries, left
    if front.action is Action.SEARCH:
        searched, left = await beside.found(record, caller, front, left)
        return [searched, *entries[1:]], left
    alike = _alike(entries, front)
    if front.action is Action.CREATE:
        made = await asyncio.to_thread(beside.drafted, record.store, alike, left)
    else:
        made, left = await beside.patched(record, caller, alike, left)
    return [*made, *entries[len(alike) :]], left


def _alike(entries: Sequence[Entry | Problem], front: Entry) -> list[Entry]:
    """The entries in front that ask for the same, each about another resource: the second patch of one needs the first."""
    found: dict[str, Entry] = {}
    for entry in entries[:TOGETHER]:
        if isinstance(entry, Problem) or entry.action is not front.action or entry.is_ready or entry.reference in found:
            break
        found[entry.reference] = entry
    return list(found.values())
