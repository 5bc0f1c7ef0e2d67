"""A record is erased by one real process while others serve it: none of them shows anything of it from then on."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from infra import migrate
from infra.database import open_database
from infra.settings import Settings
from telemed.keys.watching import EVERY_SECONDS
from tests.fixtures.processes import answers, free_port, running, scrubbed
from tests.telemed import service
from tests.telemed.keys.patients import found, registered, status
from tests.telemed.service import demo_settings

# What an erased record may still be there for, in any process.
ALLOWED = 60.0


@pytest.fixture
async def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    """A demo whose tables are made."""
    database = open_database(empty_database_url)
    await migrate.upgrade(database)
    await database.close()
    return demo_settings(tmp_path, empty_database_url)


def environment(settings: Settings) -> dict[str, str]:
    """The variables that a process of its own gets."""
    names = ("environment", "data_dir", "database_url", "base_url")
    return {f"TELEMED_{name.upper()}": str(getattr(settings, name)) for name in names} | {"TELEMED_LOG_LEVEL": "ERROR"}


@asynccontextmanager
async def serving(settings: Settings, token: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """`telemed serve` as a process, and a clinic's system at it."""
    port = free_port()
    variables = [f"{name}={value}" for name, value in environment(settings).items()]
    command = ["env", *variables, sys.executable, "-m", "telemed", "serve", "--port", str(port)]
    with running(command, folder / "serve.log", ready=lambda: answers(port)):
        headers = {"Authorization": token, "Content-Type": service.FHIR}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
            yield http


async def shred(settings: Settings, id: str) -> None:
    """Nothing; the command has erased the record and has ended."""
    command = (sys.executable, "-m", "telemed", "keys", "shred", id, "--reason", "asked for it", "--confirm")
    process = await asyncio.create_subprocess_exec(
        *command,
        env=scrubbed(**environment(settings)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_what_one_process_erases_every_other_one_shows_no_more(settings: Settings, tmp_path: Path) -> None:
    async with service.running(settings) as here, await here.system("a") as one:
        id, token = await registered(one, "Muster"), one.headers["Authorization"]
        async with serving(settings, token, tmp_path) as other:
            # Both have opened the record, and hold its key.
            assert [await status(http, id) for http in (one, other)] == [200, 200]
            assert [await found(http, "Muster") for http in (one, other)] == [[id], [id]]

            await shred(settings, id)

            for http in (one, other):
                assert await status(http, id) == 404
                assert (await http.get(f"/fhir/Patient/{id}/_history/1")).status_code == 404
                assert await found(http, "Muster") == []
                assert (await http.get(f"/fhir/Patient/{id}/$everything")).status_code == 404


def test_the_keys_themselves_leave_every_process_within_a_minute() -> None:
    """How long a look may be late: a process that is busy for one round still drops them in time."""
    assert 2 * EVERY_SECONDS < ALLOWED
