"""kill -9 of `telemed keys rewrap` beside a mixed load: the next one goes on, and every key opens what it sealed."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from functools import partial
from pathlib import Path

import pytest

from infra.database import Database, Session, open_database
from infra.settings import Settings
from infra.vault import FileKeyProvider, Vault
from infra.vault.state import KeyState, key_state
from tests.architecture.tree import ROOT
from tests.crash.ledger import Ledger
from tests.crash.load import until_killed
from tests.crash.server import environment, prepared, serving
from tests.crash.test_crash import wrong

REQUESTS = 30
KEYS = 10_000


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_killed_rewrap_is_gone_on_with(empty_database_url: str, tmp_path: Path) -> None:
    settings, client = await prepared(tmp_path, empty_database_url)
    ledger, draw = Ledger(), random.Random(4)
    database, vault = open_database(empty_database_url), Vault(FileKeyProvider(settings.keys))
    with serving(settings, client) as server:
        server.start()
        token = await asyncio.to_thread(server.token)
        await database.write(partial(many_keys, vault=vault))
        vault.provider.rotate()

        first = await rewrapping(settings)
        while first.returncode is None and len((await state(database, vault)).wrapped) < 2:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.001)
        first.kill()
        await first.wait()
        killed = await state(database, vault)
        second = await rewrapping(settings)
        await until_killed(server.base, token, ledger, draw=draw, after=REQUESTS, kill=lambda: None)
        said, _ = await second.communicate()

        assert len(killed.wrapped) == 2
        assert second.returncode == 0 and f"{killed.older} data keys are wrapped anew." in said.decode()
        assert (await state(database, vault)).older == 0 and await wrong(settings, ledger) == []
        server.kill()
        server.reap()
    await database.close()


def many_keys(session: Session, *, vault: Vault) -> None:
    """Nothing; there are data keys of many patients."""
    vault.prepare(session, [f"c:{number:032x}" for number in range(KEYS)])


async def state(database: Database, vault: Vault) -> KeyState:
    """The state of all keys."""
    return await database.read(partial(key_state, vault=vault))


async def rewrapping(settings: Settings) -> Process:
    """The command, under way."""
    command = (sys.executable, "-m", "telemed", "keys", "rewrap")
    return await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, cwd=ROOT, env=environment(settings)
    )
