"""Erasing one patient's record: unreadable with the first commit, whatever happens after it; a repeat completes it.

1. One atomic unit: the law's hold is asked, the data keys go, the compartment is nobody's, the log tells who did it and why.
2. The list beside the keys has it, so that no backup brings it back.
3. Index entries, versions and what joins on them go, in small units. Whoever starts next does what is left of 2 and 3.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy import text
from sqlmodel import Session, col, delete, select

from fhir import audit, compartments, erasure, persons
from fhir.audit import Access
from fhir.policy import Action
from fhir.rows import COMPARTMENT
from fhir.tables import Compartment, Restriction
from infra.caller import Caller
from infra.clock import Clock, SystemClock
from infra.database import Database
from infra.problems import NotFound
from infra.settings import Settings
from infra.vault import Vault
from infra.vault.destroyed import DestroyedList
from infra.vault.destroying import cleared, destroy, destruction
from telemed.access.models import CareGrant, ConsentRule
from telemed.booking.models import Booking
from telemed.keys.hold import refuse_retained
from telemed.mydata.models import LetterCode
from telemed.mydata.sessions import end_erased
from telemed.notices.models import Notice, SinkMessage
from telemed.persons import questions
from telemed.schedules.models import Occupancy
from telemed.visits.models import JoinAttempt, JoinCode, Visit, VisitSession

log = structlog.get_logger()

# How long the transactions of others that began before are waited for, on PostgreSQL.
PATIENCE: Final = 10.0
PAUSE: Final = 0.02
_BEFORE: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend' AND xact_start < :moment AND application_name <> 'pg_dump'"
)


class NoSuchPatient(NotFound):
    """There is no patient with this id."""


@dataclass(frozen=True, slots=True)
class Eraser:
    """What an erasure needs. Its clock is the machine's: the law's ten years can't be shortened by a demo's clock."""

    database: Database
    vault: Vault
    listed: DestroyedList
    clock: Clock


@dataclass(frozen=True, slots=True)
class Order:
    """Whose record is to be erased, by whom, and why; `farewell` is done in the same unit while it can be read."""

    patient_id: str
    caller: Caller
    reason: str
    farewell: Callable[[Session], None] | None = None


def eraser(settings: Settings, database: Database, vault: Vault) -> Eraser:
    """What erases records of this installation."""
    listed = DestroyedList(settings.destroyed_keys, vault.provider)
    return Eraser(database, vault, listed, SystemClock())


async def erase(eraser: Eraser, order: Order) -> datetime:
    """When the record was erased. It is unreadable for ever, in every process within a minute, and its rows are gone."""
    line = await eraser.database.write(partial(_destroyed, eraser=eraser, order=order))
    await asyncio.to_thread(eraser.listed.add, [line])
    eraser.vault.forget()
    await clear(eraser, [compartments.pseudonym(eraser.vault, order.patient_id)])
    return eraser.listed.read(line).at


async def clear(eraser: Eraser, erased: Sequence[str]) -> bool:
    """True if everything that stood for these erased patients is gone; False if others' transactions take too long."""
    if not await _others_ended(eraser.database):
        return False
    for compartment in erased:
        await eraser.database.write(partial(_remove_joined, compartment=compartment))
    await erasure.clear(eraser.database, erased)
    await eraser.database.write(partial(cleared, scopes=[erasure.scope_of(each) for each in erased]))
    return True


def close(session: Session, compartment: str) -> None:
    """Nothing; the record is open to nobody, and nobody is told of its appointments."""
    for access in (CareGrant, ConsentRule):
        session.exec(delete(access).where(col(access.compartment) == compartment))
    for table in (Notice, SinkMessage, LetterCode, Restriction):
        session.exec(delete(table).where(col(table.compartment) == compartment))
    end_erased(session, compartment)
    questions.forget(session, compartment)
    erasure.close(session, compartment)


def _destroyed(session: Session, *, eraser: Eraser, order: Order) -> bytes:
    """The line that tells of it, also when it was done before."""
    compartment = compartments.pseudonym(eraser.vault, order.patient_id)
    scope, now = erasure.scope_of(compartment), eraser.clock.now()
    before = destruction(session, scope)
    if before is not None:
        return before.line
    persons.alone(session)  # first, as all do who take the record from its person
    tenant = tenant_of(session, compartment)
    refuse_retained(session, compartment, now=now)
    if order.farewell is not None:
        order.farewell(session)
    line = destroy(session, eraser.listed, scope, tenant=tenant, at=now)
    close(session, compartment)
    told = Access(Action.DELETE, "Patient", order.patient_id, compartment=compartment, query=f"erased: {order.reason}")
    caller = order.caller._replace(tenant=tenant)
    audit.record(eraser.vault, session, caller, access=told, recorded=now)
    return line


def tenant_of(session: Session, compartment: str) -> str:
    """Whose patient it is; `NoSuchPatient` if it is nobody's. Nobody writes into the compartment until the unit ends."""
    wanted = select(Compartment).where(COMPARTMENT.c.id == compartment).with_for_update()
    found = session.exec(wanted).one_or_none()
    if found is None:
        raise NoSuchPatient
    return found.tenant


async def _others_ended(database: Database) -> bool:
    """True once no transaction runs that may have seen the record open; at once on SQLite, which has one writer."""
    moment = await database.read(_moment)
    until = time.monotonic() + PATIENCE
    while moment is not None and await database.read(partial(_running_since, moment=moment)):
        if time.monotonic() > until:
            log.warning("erasure_waits", seconds=PATIENCE)
            return False
        await asyncio.sleep(PAUSE)
    return True


def _moment(session: Session) -> datetime | None:
    if session.get_bind().dialect.name != "postgresql":
        return None
    moment: datetime = session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def _running_since(session: Session, *, moment: datetime) -> bool:
    return int(session.connection().execute(_BEFORE, {"moment": moment}).scalar_one()) > 0


def _remove_joined(session: Session, *, compartment: str) -> None:
    """Nothing; what joins on the compartment or its appointments is gone."""
    close(session, compartment)
    visits = erasure.resource_ids(session, compartment, "Appointment")
    for start in range(0, len(visits), erasure.BATCH):
        _remove_visits(session, visits[start : start + erasure.BATCH])


def _remove_visits(session: Session, ids: Sequence[str]) -> None:
    codes = select(JoinCode.hash).where(col(JoinCode.appointment_id).in_(ids))
    session.exec(delete(JoinAttempt).where(col(JoinAttempt.hash).in_(codes)))
    for table in (VisitSession, JoinCode, Visit, Booking, Occupancy):
        session.exec(delete(table).where(col(table.appointment_id).in_(ids)))
