"""Wrapping the data keys of a region's patients anew, while others write."""

import asyncio
import time
from pathlib import Path
from typing import Final

from infra.database import Database, open_database
from infra.vault import Binding, FileKeyProvider, Vault
from infra.vault.rewrap import rewrap
from tests.bench import bars
from tests.bench.figures import Figure, limited, number
from tests.fixtures.postgres import postgres_running, programs

PATIENTS: Final = 100_000
AT_ONCE: Final = 10_000
PAUSE: Final = 0.005  # between two writes of others: a hundred and more a second


async def run(folder: Path, *, patients: int = PATIENTS) -> list[Figure]:
    """A line about rotation on each database: seconds for all data keys, and the slowest write beside it."""
    found = [await _rotated(folder, f"sqlite:///{folder / 'rotation.sqlite3'}", name=bars.SQLITE, patients=patients)]
    binaries = programs()
    if binaries is not None:
        with postgres_running(binaries) as server:
            server.run("CREATE DATABASE rotation OWNER telemed")
            found.append(await _rotated(folder, server.url("rotation"), name=bars.POSTGRES, patients=patients))
    return found


async def _rotated(folder: Path, url: str, *, name: str, patients: int) -> Figure:
    vault = Vault(FileKeyProvider(folder / f"rotation-{name}.json"))
    database = open_database(url)
    await database.create_all()
    for start in range(0, patients, AT_ONCE):
        scopes = [f"c:{each:032x}" for each in range(start, min(start + AT_ONCE, patients))]
        await database.write(lambda session, scopes=scopes: vault.prepare(session, scopes))  # type: ignore[misc]  # mypy gives up on the default
    vault.provider.rotate()
    began = time.perf_counter()
    writing = asyncio.create_task(_slowest_write(database, vault))
    done = await rewrap(database, vault.provider)
    seconds = time.perf_counter() - began
    writing.cancel()
    slowest = await writing
    await database.close()
    note = f"{done} keys; others' writes meanwhile {number(slowest * 1000)} ms at most"
    return limited(f"all data keys wrapped anew, {name}", seconds, "s", most=bars.REWRAP, note=note)


async def _slowest_write(database: Database, vault: Vault) -> float:
    """Seconds that the slowest of many writes took, until it is cancelled."""
    slowest, to = 0.0, Binding("bench", "Observation", "1", 1, f"{0:032x}")
    try:
        while True:
            began = time.perf_counter()
            await database.write(lambda session: vault.seal(session, b"value", to=to))
            slowest = max(slowest, time.perf_counter() - began)
            await asyncio.sleep(PAUSE)
    except asyncio.CancelledError:
        return slowest
