"""What operators ask of a service: its tables and index brought up to date, and whether everything it needs is there."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fhir import reindex
from fhir.ledger.gap import Gap, gap
from fhir.reindex import Progress, Rebuild
from infra import migrate
from infra.clock import SystemClock
from infra.database import sqlite_file
from infra.problems import Problem
from infra.queue import redis_pool
from infra.revision import present_revision
from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.startup import StartRefused, opened, placeholders, refuse_other_tables, refuse_settings, require_tables

ROOM_WANTED = 1_000_000_000
# Seconds; the sequencer looks every second.
SIGNED_WITHIN = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the service: whether it is good, what to do if not, and what was measured."""

    part: str
    good: bool
    advice: str = ""
    figure: str = ""

    @property
    def mark(self) -> str:
        """The word before it: good, wrong, or look for what works but needs somebody's eye."""
        return "wrong" if not self.good else "look" if self.advice else "good"


async def migrated(settings: Settings) -> str | None:
    """The revision the database is at, after every one it lacked has been applied."""
    async with opened(settings.database) as database:
        await migrate.upgrade(database)
        return await present_revision(database)


async def reindexed(settings: Settings, types: Sequence[str], *, tell: Callable[[Progress], None]) -> tuple[str, ...]:
    """The types whose index was rebuilt while the service went on; `tell` hears how far it is."""
    refuse_settings(settings)
    async with opened(settings.database) as database:
        await refuse_other_tables(database)
        return await Rebuild(database, Vault(key_provider(settings)), tell).run(types)


async def findings(settings: Settings) -> list[Finding]:
    """The state of settings, keys, database, tables, index, queue, disk and log, in this order."""
    checks: dict[str, Callable[[Settings], Awaitable[None]]] = {
        "settings": _check_settings,
        "keys": _check_keys,
        "database": _check_database,
        "index": _check_index,
        "queue": _check_queue,
        "disk": _check_disk,
    }
    found = [await _finding(part, check, settings) for part, check in checks.items()]
    found.append(await _log(settings, tables=next(each.good for each in found if each.part == "database")))
    if left := placeholders(settings):
        found.append(Finding("texts", good=True, advice=f"Patients would read placeholders. Set {' and '.join(left)}."))
    return found


async def _finding(part: str, check: Callable[[Settings], Awaitable[None]], settings: Settings) -> Finding:
    try:
        await check(settings)
    except Problem as problem:
        return Finding(part, good=False, advice=problem.text)
    except (OSError, ValueError) as error:
        return Finding(part, good=False, advice=f"Does not answer ({type(error).__name__}). Check its address.")
    return Finding(part, good=True)


async def _check_settings(settings: Settings) -> None:
    refuse_settings(settings)


async def _check_keys(settings: Settings) -> None:
    if not settings.keys.exists():
        raise StartRefused("There is no key file yet. The first start makes one; back it up apart from the database.")
    key_provider(settings)


async def _check_database(settings: Settings) -> None:
    _require_file(settings)
    await require_tables(settings)


def _require_file(settings: Settings) -> None:
    """Nothing; raises `StartRefused` where there is no SQLite file yet: opening one makes it."""
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        raise StartRefused(
            f"There is no database at {file}. Is TELEMED_DATA_DIR set? If so, run `telemed migrate` to make one."
        )


async def _check_index(settings: Settings) -> None:
    _require_file(settings)
    async with opened(settings.database) as database:
        await refuse_other_tables(database)
        stale = await database.read(reindex.due)
    if stale:
        raise StartRefused(f"The index of {', '.join(stale)} is of another version. Run `telemed reindex`.")


async def _log(settings: Settings, *, tables: bool) -> Finding:
    """How far the signatures are behind the log of accesses."""
    if not tables:
        return Finding("log", good=False, advice="There is no log without a database.")
    async with opened(settings.database) as database:
        now = SystemClock().now()
        found: Gap = await database.read(lambda session: gap(session, now=now))
    figure = f"{found.waiting} events wait for their signature, the oldest for {found.seconds:.1f} s"
    if found.seconds > SIGNED_WITHIN:
        advice = (
            f"{figure}. Start `telemed serve`, with a Redis `telemed worker`, and look for audit_log_broken in its log."
        )
        return Finding("log", good=False, advice=advice)
    return Finding("log", good=True, figure=figure)


async def _check_queue(settings: Settings) -> None:
    pool = await redis_pool(settings.redis_url)
    await pool.aclose()


async def _check_disk(settings: Settings) -> None:
    # The data folder is made by the first start; until then the disk is that of the nearest folder above.
    place = settings.data_dir.resolve()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if shutil.disk_usage(there).free < ROOM_WANTED:
        raise StartRefused("Less than 1 GB is free where the data lies. Make room.")
