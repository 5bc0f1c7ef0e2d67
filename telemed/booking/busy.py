"""How often a clinic may learn that a person is busy elsewhere: one refusal tells it one bit about another clinic's day.

Who knows a health insurance number may register that person and try times until they know when the person is at some
other clinic. Nobody needs to meet a busy person more than a few times; after that the clinic waits, and learns nothing.

A refusal takes its whole unit back, so what it met is written down right after it, in a unit of its own; until then this
process counts it from memory. The counts lie in the database, for all processes.
"""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import structlog
from sqlmodel import Session, col, delete, select

from infra.caller import Caller
from infra.clock import Clock, SystemClock
from infra.database import Database
from infra.problems import Problem, TooMany
from infra.vault import Vault
from telemed.booking.models import BusyMet

log = structlog.get_logger()

WITHIN: Final = timedelta(hours=1)
# A patient who can't come at ten times in an hour is asked when they can; a whole clinic meets few such persons.
PER_PERSON: Final = 10
PER_CLINIC: Final = 100
EVERY_SECONDS: Final = 1.0
Key = tuple[str, str, int]
"""A request, an appointment, a time: a unit that runs twice has met somebody once."""


class TooManyRefusals(TooMany):
    """Too many of your bookings met a person who has another appointment. Ask the patient, and try again in an hour."""


@dataclass(frozen=True, slots=True)
class Met:
    """What this process has met and not written down yet: which clinic met whom, and when."""

    clock: Clock = field(default_factory=SystemClock)
    _waiting: dict[Key, BusyMet] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def refuse_more(self, session: Session, caller: Caller, person: str) -> None:
        """Nothing, or `TooManyRefusals`, before anybody's time is looked at. One statement, whoever it is about."""
        since = self.clock.now() - WITHIN
        met = select(BusyMet.person).where(BusyMet.tenant == caller.tenant, col(BusyMet.at) > since)
        with self._lock:
            found = [each.person for each in self._waiting.values() if each.tenant == caller.tenant and each.at > since]
        found += session.exec(met.limit(PER_CLINIC)).all()
        if len(found) >= PER_CLINIC or found.count(person) >= PER_PERSON:
            raise TooManyRefusals(headers={"Retry-After": str(int(WITHIN.total_seconds()))})

    def note(self, caller: Caller, person: str, *, key: Key) -> None:
        """Nothing; the clinic has met this person."""
        row = BusyMet(id=secrets.token_hex(16), tenant=caller.tenant, person=person, at=self.clock.now())
        with self._lock:
            self._waiting.setdefault(key, row)

    async def write_down(self, database: Database) -> None:
        """Nothing; what was met until now counts in every process."""
        with self._lock:
            taken = dict(self._waiting)
        if not taken:
            return
        rows = [each.model_dump() for each in taken.values()]
        await database.write(lambda session: session.add_all(BusyMet(**row) for row in rows))
        with self._lock:
            for key in taken:
                del self._waiting[key]

    async def run(self, database: Database) -> None:
        """Nothing, ever: every second, what was met is written down."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.write_down(database)
            except Problem as error:
                log.error("busy_not_written", error=type(error).__name__)


def person_of(vault: Vault, names: Iterable[str]) -> str:
    """What a person is called here; the same from whichever of their Patients one comes, and joined with nothing else."""
    return vault.pseudonym("busy-met", min(names, default=""))


def forget_met(session: Session, *, now: datetime) -> None:
    """Nothing; what no longer counts is gone."""
    session.exec(delete(BusyMet).where(col(BusyMet.at) <= now - WITHIN))
