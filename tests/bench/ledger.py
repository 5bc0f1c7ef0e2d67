"""The log that proves itself: what signing costs, how long verifying takes, how long the proof of one event."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sqlmodel import Session

from fhir.audit import INSERT_AUDIT, Access, row
from fhir.audit_lookup import PREFIX
from fhir.ids import encode
from fhir.ledger.proof import prove
from fhir.ledger.sequencer import Sequencer
from fhir.ledger.verify import Report, verify
from fhir.policy import Action
from infra.caller import Caller, Role
from infra.clock import SystemClock
from infra.database import Database, open_database
from infra.vault import FileKeyProvider, Vault
from tests.bench import bars
from tests.bench.figures import Figure, limited

EVENTS = 100_000
ALL_EVENTS = 1_000_000
AT_ONCE = 10_000
PROOFS = 50
CALLER = Caller("bench", "bench-client", Role.SYSTEM, request_id="0123456789abcdef")


def size() -> int:
    """How many events: a million with FULL=1 in the environment."""
    return ALL_EVENTS if os.environ.get("FULL") else EVENTS


async def run(folder: Path, *, events: int | None = None) -> list[Figure]:
    """The lines over a log of so many reads."""
    events = size() if events is None else events
    database = open_database(f"sqlite:///{folder / 'ledger.sqlite3'}")
    await database.create_all()
    vault = Vault(FileKeyProvider(folder / "ledger.json"))
    sequencer = Sequencer(database, vault, SystemClock(), "bench.example")
    signing, ids = 0.0, list[int]()
    for _ in range(0, events, AT_ONCE):
        ids += await _written(database, min(AT_ONCE, events - len(ids)))
        began = time.perf_counter()
        await sequencer.catch_up(since=ids[-AT_ONCE:][0])
        signing += time.perf_counter() - began
    began = time.perf_counter()
    report = await database.read(lambda session: _verified(session, vault))
    verifying = time.perf_counter() - began
    assert (report.events, report.waiting) == (events, 0)
    proofs = await database.read(lambda session: _proofs(session, vault, ids))
    await database.close()
    return [
        Figure("signing the log, an event", signing / events * 1e6, "us", note="beside the requests, never in them"),
        limited(
            f"verify {events:,} events",
            verifying,
            "s",
            most=bars.VERIFY * events / ALL_EVENTS,
            note="rows, roots, record",
        ),
        limited(f"proof of an event among {events:,}", median(proofs), "ms", most=bars.PROOF),
    ]


async def _written(database: Database, count: int) -> Sequence[int]:
    now = SystemClock().now()
    made: list[dict[str, Any]] = [
        row(CALLER, Access(Action.READ, "Observation", encode(at) * 2, 1, "c" * 32), recorded=now)
        for at in range(count)
    ]
    await database.write(lambda session: INSERT_AUDIT.run_each(session, made))
    return [each["id"] for each in made]


def _verified(session: Session, vault: Vault) -> Report:
    # The reads of resources that are not there are no writes, so that the record agrees with its log.
    return verify(session, vault, notes=None, now=SystemClock().now(), tell=lambda _done, _all: None)


def _proofs(session: Session, vault: Vault, ids: Sequence[int]) -> list[float]:
    """Milliseconds of each."""
    spent = []
    for event in ids[:: max(1, len(ids) // PROOFS)]:
        began = time.perf_counter()
        prove(session, vault, PREFIX + encode(event))
        spent.append((time.perf_counter() - began) * 1e3)
    return spent
