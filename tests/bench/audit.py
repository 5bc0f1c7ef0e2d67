"""What the line in the log adds to a read: the same reads in the same process, with it and without, on both databases."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final
from unittest.mock import patch

from sqlalchemy import ColumnElement, bindparam, select

from fhir import audit, trips
from fhir.rows import HEAD, RESOURCE
from fhir.store import Store
from infra.clock import SystemClock
from infra.database import Database, open_database
from infra.statements import Statement
from infra.vault import FileKeyProvider, Vault
from telemed.access.policy import CarePolicy
from tests.bench import bars, cpu
from tests.bench.figures import Figure, limited, number, unmeasured
from tests.bench.policy import CALLER, filled
from tests.fixtures.postgres import postgres_running, programs

ROUNDS: Final = 7
CLIENTS: Final = 8
READS: Final = 250  # of each client
Used = Callable[[], float]


async def run(folder: Path, requests: Sequence[Figure], *, reads: int = READS) -> list[Figure]:
    """A line for each database; what the log adds is compared with the whole request, if that was measured."""
    found = [await _added(f"sqlite:///{folder / 'audit.sqlite3'}", folder, requests, reads, name="SQLite")]
    if (binaries := programs()) is None:
        return [*found, unmeasured(_what("PostgreSQL"), against="", why="no PostgreSQL")]
    with postgres_running(binaries) as server:
        server.run("CREATE DATABASE audit OWNER telemed")
        backend = cpu.of_postgres(server)
        name = f"PostgreSQL {server.version}"
        return [*found, await _added(server.url("audit"), folder, requests, reads, name=name, backend=backend)]


async def _added(
    url: str, folder: Path, requests: Sequence[Figure], reads: int, *, name: str, backend: Used = lambda: 0.0
) -> Figure:
    database = open_database(url)
    store = Store(Vault(FileKeyProvider(folder / "audit.json")), CarePolicy(SystemClock()), SystemClock())
    await database.create_all()
    type, id = (await filled(database, store)).split("/")
    # Of this process and of the database's, as for whole requests: the one decides, the other stands beside it.
    spent: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for turn in range(ROUNDS + 1):
        for logged, each in spent.items():
            with nullcontext() if logged else _without_log():
                here, there = time.process_time(), backend()
                await asyncio.gather(*(_client(database, store, type, id, reads) for _ in range(CLIENTS)))
                each += [(time.process_time() - here, backend() - there)] if turn else []
    await database.close()
    each_read = reads * CLIENTS / 1e6
    ours, bare = (median(here for here, _ in spent[logged]) / each_read for logged in (True, False))
    beside = [median(there for _, there in spent[logged]) / each_read for logged in (True, False)]
    whole = min((figure.ours for figure in requests if figure.what == f"read Observation, {name}"), default=ours)
    note = f"the store's part: {number(ours)} us with the line, {number(bare)} us without; {CLIENTS} at once"
    note += f"; backend {number(beside[0])} and {number(beside[1])} us" if beside[0] else ""
    return limited(_what(name), (ours - bare) / whole * 100, "%", most=bars.AUDIT_OF_READ, note=note)


def _what(name: str) -> str:
    return f"the line in the log, of a read, {name}"


async def _client(database: Database, store: Store, type: str, id: str, reads: int) -> None:
    for _ in range(reads):
        await database.short(
            lambda session: store.read(session, CALLER, type, id), lambda: trips.read(store, CALLER, type, id)
        )


@contextmanager
def _without_log() -> Iterator[None]:
    with patch.object(audit, "record", _nothing), patch.object(trips, "_reading", _reading_alone):
        yield


def _nothing(*_: object, **__: object) -> None:
    return None


@cache
def _reading_alone(clause: ColumnElement[bool]) -> Statement:
    found = HEAD.where(clause, RESOURCE.c.tenant == bindparam("log_tenant")).cte("found")
    return Statement(select(found))
