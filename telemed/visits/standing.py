"""Whether a room still stands: as long as a visit that has not ended names it.

The record decides, not the process: an appointment may be cancelled, moved or deleted through any process, and its room
is in the memory of one. Each process therefore asks for its own rooms; what a room's tickets are bound to tells of which
appointment it is.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlmodel import col, select

from infra.columns import from_microseconds, to_microseconds
from infra.database import Session
from infra.problems import Problem
from telemed.calling import is_nobodys
from telemed.identity.models import Clinician, ConsoleSession
from telemed.identity.sessions import SignedIn
from telemed.services import Services
from telemed.visits.models import Stage, Visit
from telemed.visits.sessions import is_open
from video.desk import Holds
from video.messages import Close

# A patient hears within this time that the appointment does not take place; one query for all rooms of a process.
EVERY_SECONDS: Final = 1.0
# What the session of a clinician begins with in a bond; ids of patients' sessions have no blank.
CONSOLE: Final = "console "

log = structlog.get_logger()


def bond(appointment: str, session: str = "") -> str:
    """What a ticket is bound to: an appointment, and the session of whom it is for."""
    return f"{session}:{appointment}"


def of_console(signed_in: SignedIn) -> str:
    """The session of a clinician, for `bond`: one that is confirmed goes on as the same, with another cookie."""
    return f"{CONSOLE}{signed_in.clinician.id} {to_microseconds(signed_in.opened)}"


def clinician_of(session: Session, bound: str, *, now: datetime) -> Clinician | None:
    """Who a ticket was for, as long as their session goes on; None for a ticket of a patient, too.

    A long conversation asks the console for nothing, so idling ends no call: signing out does, here or elsewhere, the
    session's age, and being switched off.
    """
    if not bound.startswith(CONSOLE):
        return None
    id, _, opened = bound.rpartition(":")[0].removeprefix(CONSOLE).rpartition(" ")
    alive = (
        ConsoleSession.clinician_id == id,
        ConsoleSession.opened == from_microseconds(int(opened)),
        col(ConsoleSession.expires) > now,
    )
    wanted = select(Clinician).join(ConsoleSession, col(ConsoleSession.clinician_id) == col(Clinician.id))
    return session.exec(wanted.where(*alive, col(Clinician.active))).first()


def holds(services: Services) -> Holds:
    """What the signalling asks before it opens a socket."""

    async def check(room: str, bound: str) -> bool:
        if is_nobodys(room, bound):
            return True
        now = services.system_clock.now()
        return await services.database.read(lambda unit: _holds(unit, room, bound, now=now))

    return check


async def close_fallen(services: Services) -> None:
    """Nothing; rooms of this process that no visit names any more are closed, and those whose visit has ended.

    So are the places of clinicians who have signed out.
    """
    held = {
        room: bound.rpartition(":")[2] for room, bound in services.rooms.held().items() if not is_nobodys(room, bound)
    }
    if not held:
        return
    standing = await services.database.read(lambda session: rooms_of(session, held))
    for room, appointment in held.items():
        if standing.get(appointment) != room:
            services.rooms.end(room, reason=Close.VOID)
    now = services.system_clock.now()
    seats = [seat for seat in services.rooms.connected() if seat[2].startswith(CONSOLE)]
    left = await services.database.read(
        lambda session: [seat for seat in seats if clinician_of(session, seat[2], now=now) is None]
    )
    for room, participant, bound in left:
        # Whoever has taken the seat over meanwhile, by a session of their own, keeps it.
        if services.rooms.bound_of(room, participant) == bound:
            services.rooms.dismiss(room, participant, reason=Close.VOID)


async def watch(services: Services) -> None:
    """Nothing, ever: rooms close when the record says so."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await close_fallen(services)
        except Problem as error:
            log.error("room_watch_failed", error=type(error).__name__)


def rooms_of(session: Session, held: Mapping[str, str]) -> dict[str, str]:
    """The rooms of the visits of these appointments that have not ended, by appointment."""
    wanted = col(Visit.appointment_id).in_(sorted(set(held.values())))
    rows = session.exec(select(Visit.appointment_id, Visit.room).where(wanted, Visit.stage != Stage.ENDED))
    return dict(rows.all())


def _holds(unit: Session, room: str, bound: str, *, now: datetime) -> bool:
    session, _, appointment = bound.rpartition(":")
    if rooms_of(unit, {room: appointment}).get(appointment) != room:
        return False
    if session.startswith(CONSOLE):
        return clinician_of(unit, bound, now=now) is not None
    return not session or is_open(unit, session, now=now)
