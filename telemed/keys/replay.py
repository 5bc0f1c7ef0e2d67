"""What is destroyed stays destroyed: the list beside the keys and the database are made to agree before anything is served.

A backup of yesterday brings back the wrapped keys of who was erased today; the list takes them away again.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog
from sqlmodel import Session

from fhir import audit
from fhir.audit import Access
from fhir.erasure import compartment_of
from fhir.policy import Action
from fhir.tables import Compartment
from infra.caller import Caller, Role
from infra.vault.destroyed import DestroyedScope
from infra.vault.destroying import AT_ONCE, destroy_listed, destructions, present
from telemed.keys.erasing import Eraser, clear, close

log = structlog.get_logger()

# Who acts, for the log: nobody ordered it this time.
REPLAY: Final = "list of destroyed keys"


class Replayed(NamedTuple):
    """How many records were still here whose keys the list says are destroyed; how many are not cleared away yet."""

    again: int
    left: int


async def replay(eraser: Eraser) -> Replayed:
    """What was done so that no key is here which the list says is destroyed, and nothing that such a key sealed."""
    await complete_list(eraser)
    lines = await asyncio.to_thread(eraser.listed.lines)
    told = [(eraser.listed.read(line), line) for line in lines]
    again = await eraser.database.read(partial(_held, told=told))
    for line in again:
        await eraser.database.write(partial(_destroy_again, eraser=eraser, line=line))
    if again:
        eraser.vault.forget()
        log.warning("destroyed_keys_replayed", count=len(again))
    found = await eraser.database.read(partial(destructions, uncleared=True))
    uncleared = [compartment_of(change.scope) for change in found]
    left = 0
    for start in range(0, len(uncleared), AT_ONCE):
        part = uncleared[start : start + AT_ONCE]
        left += 0 if await clear(eraser, part) else len(part)
    return Replayed(len(again), left)


async def complete_list(eraser: Eraser) -> None:
    """Nothing; what this database knows to be destroyed stands in the list: who was killed in between had not got there."""
    known = set(await asyncio.to_thread(eraser.listed.lines))
    missing = [c.line for c in await eraser.database.read(destructions) if c.line not in known]
    proven = [line for line in missing if eraser.listed.proven(line) is not None]
    if len(proven) < len(missing):
        # Whoever writes to the database could otherwise have records destroyed in its backups as well.
        log.error("destroyed_keys_unproven", count=len(missing) - len(proven))
    if proven:
        await asyncio.to_thread(eraser.listed.add, proven)
        log.warning("destroyed_keys_list_completed", count=len(proven))


def _held(session: Session, *, told: Sequence[tuple[DestroyedScope, bytes]]) -> list[bytes]:
    """The lines of what this database does not know to be destroyed, or has keys of all the same."""
    known = {change.scope for change in destructions(session)}
    alive = present(session, (scope.scope for scope, _ in told))
    return [line for scope, line in told if scope.scope not in known or scope.scope in alive]


def _destroy_again(session: Session, *, eraser: Eraser, line: bytes) -> None:
    told = eraser.listed.read(line)
    compartment = compartment_of(told.scope)
    patient = session.get(Compartment, compartment)
    destroy_listed(session, eraser.listed, line)
    close(session, compartment)
    if patient is None:
        return
    # The log that told of the erasure is the one that is lost; without this the record vanishes without a word.
    why = f"erased again: its keys were destroyed on {told.at.isoformat(timespec='seconds')}"
    access = Access(Action.DELETE, "Patient", patient.patient_id, compartment=compartment, query=why)
    caller = Caller(patient.tenant, REPLAY, Role.SERVICE, purpose="PATADMIN")
    audit.record(eraser.vault, session, caller, access=access, recorded=eraser.clock.now())
