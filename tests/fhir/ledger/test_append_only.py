"""The database itself refuses to change or remove what stands in the log."""

from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from fhir.audit import AUDIT, Access, row
from fhir.ledger.models import CHECKPOINT, HANDOVER, KEY, LEAF, NODE
from fhir.policy import Action
from infra.database import Database, open_database
from infra.migrate import upgrade
from tests.fhir.record import NOON, caller

TABLES = [table.name for table in (AUDIT, LEAF, NODE, CHECKPOINT, KEY, HANDOVER)]
# What a table's rows could be changed by, with the column that it is tried on.
CHANGES = ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}")
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname || ' ' || tgtype FROM pg_trigger WHERE NOT tgisinternal",
}
# 58: before an update, a delete or a truncation, once for the statement.
WANTED = {
    "sqlite": {f"{table}_append_only_{what}" for table in TABLES for what in ("UPDATE", "DELETE")},
    "postgresql": {f"{table}_append_only 58" for table in TABLES},
}


async def run(database: Database, statement: str) -> int:
    """How many rows the statement touched."""
    return await database.write(lambda session: session.connection().execute(text(statement)).rowcount)


async def triggers(database: Database, kind: str) -> set[str]:
    return set(await database.read(lambda s: s.connection().execute(text(TRIGGERS[kind])).scalars().all()))


async def fill(database: Database) -> None:
    """Nothing; each of the tables has a row."""
    access = row(caller(), Access(Action.READ, "Patient", "p-1", 1), recorded=NOON)
    rows = {
        AUDIT: access,
        LEAF: {"tenant": "north", "place": 0, "event": access["id"], "hash": b"h"},
        NODE: {"tenant": "north", "height": 8, "place": 0, "hash": b"h"},
        CHECKPOINT: {"tenant": "north", "size": 1, "note": "n", "peaks": b"h", "made": NOON},
        KEY: {"id": "k", "name": "n", "data_key": 1, "private": b"p", "created": NOON},
        HANDOVER: {"key": "k", "note": "n", "made": NOON},
    }

    def unit(session: Session) -> None:
        for table, values in rows.items():
            session.connection().execute(insert(table).values(values))

    await database.write(unit)


async def test_no_row_of_the_log_is_changed_or_removed(database: Database) -> None:
    await fill(database)

    for table, change in product(TABLES, CHANGES):
        column = {"audit_key": "name", "audit_handover": "note"}.get(table, "tenant")
        with pytest.raises(DBAPIError, match=f"{table} is append-only"):
            await run(database, change.format(table=table, column=column))


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_the_log_is_not_emptied(database: Database) -> None:
    with pytest.raises(DBAPIError, match="audit_event is append-only"):
        await run(database, "TRUNCATE audit_event")


async def test_without_the_trigger_a_row_is_removed(database: Database, database_kind: str) -> None:
    await fill(database)
    on = " ON audit_event" if database_kind == "postgresql" else "_DELETE"

    await run(database, f"DROP TRIGGER audit_event_append_only{on}")

    assert await run(database, "DELETE FROM audit_event") == 1


async def test_models_and_migrations_refuse_the_same(
    database: Database, empty_database_url: str, database_kind: str, tmp_path: Path
) -> None:
    of_models = await triggers(database, database_kind)
    migrated = open_database(f"sqlite:///{tmp_path / 'other'}" if database_kind == "sqlite" else empty_database_url)
    await upgrade(migrated)

    of_migrations = await triggers(migrated, database_kind)
    await migrated.close()

    assert of_models == of_migrations == WANTED[database_kind]
