"""The one sequencer: takes what requests have written into the log, at most every second, and signs what it has seen.

It runs where the jobs run: in `serve`, or in `worker` where the queue is on Redis. Several may run; a row becomes a leaf
once, as only one of them adds at a time.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from fhir.ids import first_after, made_at
from fhir.ledger import growth, leaves
from fhir.ledger.copies import Copies
from fhir.ledger.growth import NOTHING, Growth, LogBroken, State
from fhir.ledger.keys import SigningKey, key_count, make_signing_key, signing_keys
from fhir.ledger.retention import notes_of_retention
from infra import log as log_lines
from infra.clock import Clock
from infra.database import Database, Session
from infra.problems import Problem
from infra.vault import Vault

log = structlog.get_logger()

INTERVAL: Final = 1.0
AT_ONCE: Final = 1000
# A row is committed some time after its id was made, mostly within milliseconds. Each look goes back so far, one a minute
# further, and the first one to the beginning.
USUAL: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(minutes=15)
LONG_LOOK: Final = 60
FAREWELL: Final = 2.0


@dataclass(slots=True)
class Sequencer:
    """Makes leaves of the log's rows. `clock` is the machine's; `name` is what a new key's origins begin with."""

    database: Database
    vault: Vault
    clock: Clock
    name: str
    copies: Copies | None = None
    _keys: Sequence[SigningKey] = ()
    # What it has seen of each log: never again less than this.
    _known: dict[str, State] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    # Checkpoints that are not in the second place yet, the newest of each log.
    _uncopied: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Nothing, ever: every second, what waits becomes leaves."""
        try:
            await self._keep_up()
        except asyncio.CancelledError:
            # What was answered until now is signed before the process ends.
            with suppress(Problem, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self.catch_up(since=first_after(self.clock.now() - USUAL))
            raise

    async def _keep_up(self) -> None:
        turn, since = 0, 0
        while True:
            began = self.clock.now()
            try:
                if turn == 0:
                    await self.remember()
                await self.catch_up(since=since)
            except Problem as error:
                log.error("audit_not_sequenced", error=type(error).__name__)
            else:
                turn += 1
                since = first_after(began - (USUAL if turn % LONG_LOOK else LONGEST))
                if turn % LONG_LOOK == 0:
                    self._broken.clear()
            await asyncio.sleep(INTERVAL)

    async def catch_up(self, *, since: int = 0) -> int:
        """How many rows became leaves; none of those that were committed before waits any longer."""
        done = 0
        while (taken := await self._step(since)) is not None:
            done += taken
        await self._copy()
        return done

    async def remember(self) -> None:
        """Nothing; what the logs are is known, and goes to the second place: the last process may have died before."""
        keys = await self.database.read(lambda session: signing_keys(session, self.vault))
        states = await self.database.read(
            lambda session: {each: growth.newest(session, each) for each in growth.tenants(session)}
        )
        self._keys = keys
        if states and self.copies is not None:
            # What was signed before this process began was copied, too (`telemed audit copy` begins a place later).
            self.copies.expect()
            if not self.copies.is_there():
                log.error("second_place_lost")
        for tenant, state in states.items():
            try:
                self._known[tenant] = growth.confirmed(tenant, state, keys)
                self._uncopied[tenant] = state.note
            except LogBroken:
                self._break(tenant)
        await self._copy_retained()

    async def _step(self, since: int) -> int | None:
        """How many rows became leaves; None if none waits, or another sequencer is at it."""
        rows, states, keys = await self.database.read(partial(self._waiting, since=since))
        self._keys = keys
        if not rows:
            return None
        if not self._keys:
            now = self.clock.now()
            make = partial(make_signing_key, vault=self.vault, name=self.name, now=now)
            self._keys = await self.database.write(make)
        # Hashing and signing hold up neither the writer nor the event loop.
        growths = await asyncio.to_thread(self._grown, rows, states)
        if not growths:
            return 0  # all of broken logs, which are left out next time
        now = self.clock.now()
        if not await self.database.write(lambda session: growth.add(session, growths, now=now)):
            return None
        self._remember(growths)
        count = sum(len(each.leaves) for each in growths)
        self._tell(count, oldest=made_at(leaves.event_of(rows[0])), now=now)
        return count

    def _waiting(
        self, session: Session, *, since: int
    ) -> tuple[list[leaves.Row], dict[str, State], Sequence[SigningKey]]:
        # In one snapshot: what waits is what is not in exactly these logs.
        rows = growth.waiting(session, since=since, limit=AT_ONCE, without=sorted(self._broken))
        states = {each: growth.newest(session, each) for each in {leaves.tenant_of(row) for row in rows}}
        # A command may have handed over to another key.
        known = key_count(session) == len(self._keys)
        return rows, states, self._keys if known else signing_keys(session, self.vault)

    def _grown(self, rows: Sequence[leaves.Row], states: Mapping[str, State]) -> list[Growth]:
        growths = []
        for group in growth.by_tenant(rows):
            tenant = leaves.tenant_of(group[0])
            try:
                growths.append(growth.grown(group, self._trusted(tenant, states[tenant]), self._keys[0]))
            except LogBroken:
                self._break(tenant)
        return growths

    def _break(self, tenant: str) -> None:
        log.error("audit_log_broken", tenant=tenant)
        self._broken.add(tenant)

    def _trusted(self, tenant: str, state: State) -> State:
        known = self._known.get(tenant, NOTHING)
        if state == known:
            return state
        if state.size <= known.size:
            raise LogBroken
        return growth.confirmed(tenant, state, self._keys)

    def _remember(self, growths: Sequence[Growth]) -> None:
        for each in growths:
            self._known[each.tenant] = each.after
            self._uncopied[each.tenant] = each.after.note

    def _tell(self, count: int, *, oldest: datetime, now: datetime) -> None:
        # How long the oldest of them stood in the log without a signature.
        log_lines.line("audit_sequenced", count=count, seconds=round((now - oldest).total_seconds(), 3))

    async def _copy_retained(self) -> None:
        """Nothing; what was forgotten while there was no second place, or while it was away, is said there, too."""
        notes = await self.database.read(notes_of_retention)
        if self.copies is None or not notes or not self.copies.is_there():
            return
        try:
            await asyncio.to_thread(self.copies.add_forgotten, notes)
        except OSError as error:
            log.error("retention_not_copied", error=type(error).__name__)

    async def _copy(self) -> None:
        if self.copies is None or not self._uncopied:
            return
        copied = dict(self._uncopied)
        try:
            await asyncio.to_thread(self.copies.add, list(copied.values()), now=self.clock.now())
        except OSError as error:
            log.error("checkpoints_not_copied", error=type(error).__name__, count=len(copied))
            return
        self._uncopied = {tenant: note for tenant, note in self._uncopied.items() if copied.get(tenant) != note}
