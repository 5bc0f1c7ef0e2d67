"""What operators ask of a service: its tables and index brought up to date, and whether everything it needs is there."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import select

from fhir import reindex
from fhir.ledger.copies import Copies
from fhir.ledger.gap import Gap, gap
from fhir.ledger.models import CHECKPOINT
from fhir.reindex import Progress, Rebuild
from infra import memory, migrate
from infra.clock import SystemClock
from infra.database import sqlite_file
from infra.problems import Problem
from infra.queue import redis_pool
from infra.revision import newest_revision, present_revision
from infra.settings import Settings
from infra.vault import Vault, key_provider
from infra.vault.destroyed import DestroyedList
from infra.vault.destroying import destructions
from infra.vault.state import require_all_fitting
from telemed.access.net import is_bypassed
from telemed.calling import call
from telemed.joining import AllBusy, practise
from telemed.startup import (
    StartRefused,
    opened,
    placeholders,
    refuse_lost_keys,
    refuse_settings,
    require_tables,
    with_tables,
)

ROOM_WANTED = 1_000_000_000
# Seconds; the sequencer looks every second.
SIGNED_WITHIN = 60
ROBOT_SEEN: Final = 2.0
"""Seconds for which the robot of the practice room is looked at."""

BYPASSED = "The account is above PostgreSQL's row security. Give the service one without SUPERUSER and BYPASSRLS."


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
    async with with_tables(settings) as database:
        return await Rebuild(database, Vault(key_provider(settings)), tell).run(types)


async def findings(settings: Settings) -> list[Finding]:
    """The state of settings, memory, keys, database, tables, index, queue, disk, log and the second place, in this order."""
    checks: dict[str, Callable[[Settings], Awaitable[None]]] = {
        "settings": _check_settings,
        "memory": _check_memory,
        "keys": _check_keys,
        "database": _check_database,
        "index": _check_index,
        "queue": _check_queue,
        "disk": _check_disk,
    }
    found = [await _finding(part, check, settings) for part, check in checks.items()]
    found.append(await _log(settings, tables=next(each.good for each in found if each.part == "database")))
    if settings.checkpoints_dir is not None:
        found.append(await _finding("second place", _check_second_place, settings))
    if next(each.good for each in found if each.part == "database") and await _is_net_bypassed(settings):
        found.append(Finding("row security", good=True, advice=BYPASSED))
    if left := placeholders(settings):
        found.append(Finding("texts", good=True, advice=f"Patients would read placeholders. Set {' and '.join(left)}."))
    return found


async def called(settings: Settings) -> list[Finding]:
    """Whether a synthetic call through the running service comes about, sealed from end to end, and the practice room."""
    found = []
    tries = {"call": partial(call, settings), "practice room": partial(practise, settings.base_url, seconds=ROBOT_SEEN)}
    for part, trying in tries.items():
        try:
            found.append(Finding(part, good=True, figure=await trying()))
        except AllBusy as busy:
            found.append(Finding(part, good=True, advice=busy.text))
        except Problem as problem:
            found.append(Finding(part, good=False, advice=problem.text))
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


async def _check_memory(settings: Settings) -> None:
    memory.require_possible()


async def _check_keys(settings: Settings) -> None:
    if settings.key_provider == "file" and not settings.keys.exists():
        await refuse_lost_keys(settings)
        raise StartRefused("There is no key file yet. The first start makes one; back it up apart from the database.")
    vault = Vault(key_provider(settings))
    listed = DestroyedList(settings.destroyed_keys, vault.provider)
    known = {told.scope for told in listed.entries()}
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        return
    async with opened(settings.database) as database:
        if await present_revision(database) != newest_revision():
            return  # said of the database
        await database.read(partial(require_all_fitting, vault=vault))
        if {change.scope for change in await database.read(destructions)} - known:
            raise StartRefused(
                f"The database knows erasures that {listed.path} lacks. Put your copy of it there; the next start adds the rest."
            )


async def _check_database(settings: Settings) -> None:
    await require_tables(settings)


async def _check_index(settings: Settings) -> None:
    async with with_tables(settings) as database:
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


async def _check_second_place(settings: Settings) -> None:
    folder = settings.checkpoints_dir
    if folder is None or Copies(folder).is_there():
        return
    async with with_tables(settings) as database:
        if await database.read(
            lambda session: session.connection().execute(select(CHECKPOINT.c.size).limit(1)).first()
        ):
            raise StartRefused(f"No checkpoint of the log is in {folder}, though some are signed. Is it mounted?")


async def _is_net_bypassed(settings: Settings) -> bool:
    async with opened(settings.database) as database:
        return await database.read(is_bypassed)


async def _check_queue(settings: Settings) -> None:
    pool = await redis_pool(settings.redis_url)
    await pool.aclose()


async def _check_disk(settings: Settings) -> None:
    # The data folder is made by the first start; until then the disk is that of the nearest folder above.
    place = settings.data_dir.resolve()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if shutil.disk_usage(there).free < ROOM_WANTED:
        raise StartRefused("Less than 1 GB is free where the data lies. Make room.")
