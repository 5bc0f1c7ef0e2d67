"""Making a backup while the service runs, and putting one back while it does not.

What comes back is checked, and freed of what was erased since, before it takes the place of what was there (SQLite) or before
anything is served from it (PostgreSQL, and every start).
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import inspect, select
from sqlmodel import Session

from fhir.rows import RESOURCE
from infra import migrate
from infra.backup import postgres_dump, sqlite_file
from infra.database import Database
from infra.database import sqlite_file as file_of
from infra.problems import Conflict
from infra.revision import present_revision
from infra.settings import Settings
from infra.vault import Vault, key_provider
from infra.vault.destroyed import DestroyedList
from infra.vault.state import require_all_fitting
from telemed.backups.checks import Whole, whole
from telemed.keys.erasing import eraser
from telemed.keys.replay import complete_list, replay
from telemed.startup import opened, refuse_settings, with_tables


class NotEmpty(Conflict):
    """The database holds a record. Add --replace to lose it for what is in the backup."""


class NoList(Conflict):
    """There is no list of destroyed keys, so whoever was erased since the backup would come back. Put your copy of it there."""


class Restored(NamedTuple):
    """What was put back, and how many records in it were erased again."""

    whole: Whole
    erased_again: int


class _May(NamedTuple):
    """What somebody has said may happen: a record is lost, and who was erased comes back."""

    over: bool
    without_list: bool


async def back_up(settings: Settings, file: Path) -> None:
    """Nothing; the file holds the database as it was at one moment, sealed as it is there; no keys."""
    async with with_tables(settings) as database:
        if (path := file_of(settings.database)) is not None:
            await asyncio.to_thread(sqlite_file.back_up, path, file)
            return
        server = await database.read(postgres_dump.server_version)
        await asyncio.to_thread(partial(postgres_dump.back_up, settings.database, file, server=server))


async def restore(settings: Settings, file: Path, *, over: bool, without_list: bool = False) -> Restored:
    """What was put back; `NotEmpty` if that would take the place of a record and nobody said so (`over`).

    `NoList` if there is no list of destroyed keys and nobody said that it may be done without (`without_list`).
    """
    refuse_settings(settings)
    vault = Vault(key_provider(settings))
    path = file_of(settings.database)
    may = _May(over, without_list)
    if path is not None:
        return await _restore_file(settings, vault, file, path=path, may=may)
    return await _restore_dump(settings, vault, file, may=may)


async def _restore_file(settings: Settings, vault: Vault, file: Path, *, path: Path, may: _May) -> Restored:
    await asyncio.to_thread(sqlite_file.require_backup, file)
    if await asyncio.to_thread(path.exists):
        await asyncio.to_thread(sqlite_file.require_alone, path)
        async with opened(settings.database) as database:
            await _leave(settings, vault, database, over=may.over)
    _require_list(settings, vault, without=may.without_list)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = sqlite_file.reserved(path)
    try:
        await asyncio.to_thread(sqlite_file.copy, file, made)
        async with opened(f"sqlite:///{made.resolve()}") as database:
            restored = await _made_sound(settings, vault, database)
        await asyncio.to_thread(sqlite_file.require_alone, made)
        await asyncio.to_thread(sqlite_file.put_in_place, made, path)
    finally:
        made.unlink(missing_ok=True)
    return restored


async def _restore_dump(settings: Settings, vault: Vault, file: Path, *, may: _May) -> Restored:
    async with opened(settings.database) as database:
        server = await database.read(postgres_dump.server_version)
        await asyncio.to_thread(partial(postgres_dump.require_backup, file, server=server))
        await database.read(postgres_dump.require_alone)
        await _leave(settings, vault, database, over=may.over)
        _require_list(settings, vault, without=may.without_list)
        await database.write(postgres_dump.drop_tables)
    await asyncio.to_thread(partial(postgres_dump.put_back, settings.database, file, server=server))
    async with opened(settings.database) as database:
        return await _made_sound(settings, vault, database)


async def _leave(settings: Settings, vault: Vault, database: Database, *, over: bool) -> None:
    """Nothing; the present database may be lost: it is empty or somebody said so, and all that it erased is in the list."""
    if not over and await database.read(_holds_a_record):
        raise NotEmpty
    if await present_revision(database) is not None and await database.read(_knows_destroyed):
        await complete_list(eraser(settings, database, vault))


def _require_list(settings: Settings, vault: Vault, *, without: bool) -> None:
    listed = DestroyedList(settings.destroyed_keys, vault.provider)
    if not without and not listed.is_there():
        raise NoList(
            f"There is no list of destroyed keys at {listed.path}: whoever was erased since the backup would come back. "
            "Put your copy of it there. If nobody was ever erased, or the list is lost for good, add --without-list."
        )


async def _made_sound(settings: Settings, vault: Vault, database: Database) -> Restored:
    await migrate.upgrade(database)
    await database.read(partial(require_all_fitting, vault=vault))
    replayed = await replay(eraser(settings, database, vault))
    return Restored(await whole(database, vault), replayed.again)


def _holds_a_record(session: Session) -> bool:
    if not inspect(session.connection()).has_table(RESOURCE.name):
        return False
    return session.execute(select(RESOURCE.c.rid).limit(1)).first() is not None


def _knows_destroyed(session: Session) -> bool:
    return inspect(session.connection()).has_table("key_change")
