"""What deciding costs: the policy's answer, its part of a search, and PostgreSQL's row security in a read."""

import json
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import ColumnElement, true
from sqlmodel import Session

from fhir import trips
from fhir.codec import parse
from fhir.policy import Action, Opened, Permit, Protected
from fhir.search.parsing import parse as parsed_query
from fhir.store import Store
from infra.caller import Caller, Role
from infra.clock import SystemClock
from infra.database import Database, open_database
from infra.vault import FileKeyProvider, Vault
from telemed import schema
from telemed.access.policy import CarePolicy
from tests.bench import bars, contents, cpu
from tests.bench.figures import Figure, compared, limited, number, unmeasured
from tests.fixtures.postgres import postgres_running, programs

CALLER: Final = Caller("bench", "bench-client", Role.SYSTEM, frozenset({"system/*.cruds"}))
SEARCH: Final = "search Observation, 2 params, 20 hits, SQLite"
HITS: Final = 20
ROUNDS: Final = 9
DECISIONS: Final = 20_000
SEARCHES: Final = 100


class _Open:
    """A policy that decides nothing: everything is for everybody."""

    clause: ColumnElement[bool] = true()
    is_decided = True

    def permit(self, _caller: Caller, _action: Action, _type: str) -> Permit:
        """Itself."""
        return self

    def entitled(self, _session: Session, _caller: Caller, _compartment: str) -> bool:
        """Always."""
        return True

    def entry(self, _caller: Caller) -> ColumnElement[bool] | None:
        """Always."""
        return true()

    def admits(self, _session: Session, _caller: Caller, _row: Protected) -> bool:
        """Always."""
        return True

    def shows(self, _stored: Opened) -> bool:
        """Always."""
        return True


async def run(folder: Path, requests: Sequence[Figure], *, searches: int = SEARCHES) -> list[Figure]:
    """The lines of the policy; what it adds to a search is compared with the whole request, if that was measured."""
    assert schema.MODULES
    found = [_decision()]
    vault = Vault(FileKeyProvider(folder / "policy.json"))
    database = open_database(f"sqlite:///{folder / 'policy.sqlite3'}")
    await database.create_all()
    whole = min((figure.ours for figure in requests if figure.what == SEARCH), default=None)
    found.append(await _search(database, vault, searches, whole))
    await database.close()
    return [*found, await _net(folder, searches)]


def _decision() -> Figure:
    """Microseconds for a permit, of a caller as requests bring one: equal to an earlier one and not the same."""
    policy = CarePolicy(SystemClock())
    callers = [CALLER._replace(request_id=str(each), scopes=frozenset({"system/*.cruds"})) for each in range(DECISIONS)]
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for caller in callers:
            policy.permit(caller, Action.READ, "Observation")
        spent.append((time.process_time() - began) / DECISIONS * 1e6)
    return limited("policy, a decision", median(spent), "us CPU", most=bars.DECISION)


async def _search(database: Database, vault: Vault, searches: int, whole: float | None) -> Figure:
    """The part of a search that goes to the policy: the same search in the same process with one that decides nothing."""
    stores = [Store(vault, policy, SystemClock()) for policy in (CarePolicy(SystemClock()), _Open())]
    patient = await filled(database, stores[0])
    query = parsed_query("Observation", [("patient", patient), ("code", "8867-4")])
    spent: list[list[float]] = [[], []]
    for turn in range(ROUNDS + 1):
        for store, each in zip(stores, spent, strict=True):
            costs = await database.write(partial(_searched, store, query, searches))
            if turn:
                each.append(costs)
    ours, open = (min(each) for each in spent)
    note = f"the store's part: {number(ours)} us with policy, {number(open)} us without; {HITS} hits, own tenant"
    added = (ours - open) / (whole or open) * 100
    return limited("policy, of a search, SQLite", added, "%", most=bars.POLICY_OF_SEARCH, note=note)


def _searched(store: Store, query: Any, searches: int, session: Session) -> float:
    began = time.process_time()
    for _ in range(searches):
        assert len(store.search(session, CALLER, query).entries) == HITS
    return (time.process_time() - began) / searches * 1e6


async def filled(database: Database, store: Store) -> str:
    """The reference of a patient with as many Observations as a search finds."""
    new = parse(json.dumps({"resourceType": "Patient"}).encode(), type=None)
    patient = await database.write(lambda session: store.create(session, CALLER, new))
    about = parse(contents.observation(patient.id).encode(), type=None)
    for _ in range(HITS):
        await database.write(lambda session: store.create(session, CALLER, about))
    return patient.reference


async def _net(folder: Path, reads: int) -> Figure:
    """A read on PostgreSQL by an account that row security holds for, and by one above it."""
    what, binaries = "row security, a read, PostgreSQL", programs()
    if binaries is None:
        return unmeasured(what, against="the same above it", why="no PostgreSQL")
    with postgres_running(binaries) as server:
        server.run("CREATE DATABASE policy OWNER telemed")
        vault = Vault(FileKeyProvider(folder / "net.json"))
        store = Store(vault, CarePolicy(SystemClock()), SystemClock())
        under, above = open_database(server.url("policy")), open_database(server.url("policy", user="postgres"))
        await under.create_all()
        type, id = (await filled(under, store)).split("/")
        spent: list[list[float]] = [[], []]
        used = cpu.of_postgres(server)
        for turn in range(ROUNDS + 1):
            for database, each in zip((under, above), spent, strict=True):
                began = time.process_time() + used()
                for _ in range(10 * reads):
                    await _read(database, store, type, id)
                if turn:
                    each.append((time.process_time() + used() - began) / reads / 10 * 1e6)
        for database in (under, above):
            await database.close()
    ours, other = (median(each) for each in spent)
    note = "in one round trip; the client's and the server's part together"
    return compared(what, ours=ours, against="the same above it", other=other, unit="us CPU", note=note)


def _read(database: Database, store: Store, type: str, id: str) -> Awaitable[object]:
    return database.short(
        lambda session: store.read(session, CALLER, type, id), lambda: trips.read(store, CALLER, type, id)
    )
