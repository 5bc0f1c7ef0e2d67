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

from infra.database import Session
from infra.problems import Problem
from telemed.calling import is_probe
from telemed.services import Services
from telemed.visits.models import Stage, Visit
from telemed.visits.sessions import is_open
from video.messages import Close
from video.signalling import Holds

# A patient hears within this time that the appointment does not take place; one query for all rooms of a process.
EVERY_SECONDS: Final = 1.0

log = structlog.get_logger()


def bond(appointment: str, session: str = "") -> str:
    """What a ticket is bound to: an appointment, and the session of whom it is for, if they come by a code."""
    return f"{session}:{appointment}"


def holds(services: Services) -> Holds:
    """What the signalling asks before it opens a socket."""

    async def check(room: str, bound: str) -> bool:
        if is_probe(room, bound):
            return True
        session, _, appointment = bound.partition(":")
        now = services.system_clock.now()
        return await services.database.read(lambda unit: _holds(unit, room, appointment, session=session, now=now))

    return check


async def close_fallen(services: Services) -> None:
    """Nothing; rooms of this process that no visit names any more are closed, and those whose visit has ended."""
    held = {room: bound.partition(":")[2] for room, bound in services.rooms.held().items() if not is_probe(room, bound)}
    if not held:
        return
    standing = await services.database.read(lambda session: rooms_of(session, held))
    for room, appointment in held.items():
        if standing.get(appointment) != room:
            services.rooms.end(room, reason=Close.VOID)


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


def _holds(unit: Session, room: str, appointment: str, *, session: str, now: datetime) -> bool:
    standing = rooms_of(unit, {room: appointment}).get(appointment) == room
    return standing and (not session or is_open(unit, session, now=now))
