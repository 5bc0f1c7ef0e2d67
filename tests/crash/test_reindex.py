"""kill -9 of `telemed reindex` beside a mixed load: the next one goes on, and in the end index and bodies agree."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import pytest
from sqlalchemy import text

from infra.database import Database, Session, open_database
from infra.settings import Settings
from tests.architecture.tree import ROOT
from tests.crash import load
from tests.crash.ledger import Ledger
from tests.crash.load import until_killed
from tests.crash.server import environment, prepared, serving
from tests.crash.test_crash import wrong

REQUESTS = 30


async def test_a_killed_reindex_is_gone_on_with(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a damaged index criteria don't find what is there.
    monkeypatch.setattr(load, "CHANGES", tuple(kind for kind in load.CHANGES if kind != "matched"))
    settings, client = await prepared(tmp_path, empty_database_url)
    ledger, draw = Ledger(), random.Random(3)
    database = open_database(empty_database_url)
    with serving(settings, client) as server:
        server.start()
        token = await asyncio.to_thread(server.token)
        await until_killed(server.base, token, ledger, draw=draw, after=REQUESTS, kill=lambda: None)
        await database.write(damage)
        assert any(fault.startswith("index of") for fault in await wrong(settings, ledger))

        while not await killed_on_its_way(settings, database):
            await database.write(damage)
        second = await reindexing(settings)
        await until_killed(server.base, token, ledger, draw=draw, after=REQUESTS, kill=lambda: None)
        said, _ = await second.communicate()

        assert second.returncode == 0, said.decode()
        assert not await begun(database)
        assert await wrong(settings, ledger) == []
        server.kill()
        server.reap()
    await database.close()


def damage(session: Session) -> None:
    """Nothing; a part of the index is gone."""
    session.connection().execute(text("DELETE FROM token WHERE rid % 3 = 0"))


async def begun(database: Database) -> bool:
    """True while a rebuild is not finished."""
    statement = text("SELECT count(*) FROM index_state WHERE target IS NOT NULL")
    left: int = await database.read(lambda session: session.connection().execute(statement).scalar_one())
    return left > 0


async def killed_on_its_way(settings: Settings, database: Database) -> bool:
    """True if the command was killed while it rebuilt; False if it was done before anybody saw it begin."""
    first = await reindexing(settings)
    while first.returncode is None and not await begun(database):  # noqa: ASYNC110 - another process has no event
        await asyncio.sleep(0.001)
    if first.returncode is None:
        first.kill()
    return await first.wait() != 0


async def reindexing(settings: Settings) -> Process:
    """The command, under way."""
    command = (sys.executable, "-m", "telemed", "reindex")
    return await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, cwd=ROOT, env=environment(settings)
    )
