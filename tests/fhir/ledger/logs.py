"""A log to test: rows as requests write them, a sequencer, and a look at what it has made of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select, text
from sqlmodel import Session

from fhir.audit import AUDIT, INSERT_AUDIT, Access, row
from fhir.ledger import leaves
from fhir.ledger.copies import Copies
from fhir.ledger.models import CHECKPOINT, HANDOVER, KEY, LEAF, NODE
from fhir.ledger.sequencer import Sequencer
from fhir.policy import Action
from infra.clock import SystemClock
from infra.database import Database
from infra.merkle import leaf_hash
from tests.fhir import record
from tests.fhir.record import NOON, caller
from tests.fixtures.trees import root_of

NAME = "telemed.example"


def sequencer(database: Database, folder: Path, *, copies: bool = True) -> Sequencer:
    """A sequencer that has just started."""
    place = Copies(folder / "copies") if copies else None
    (folder / "copies").mkdir(exist_ok=True)
    return Sequencer(database, record.vault(folder), SystemClock(), NAME, place)


def read_of(id: str, *, tenant: str = "north", **changed: Any) -> dict[str, Any]:
    """The row of a read."""
    return row(caller(tenant), Access(Action.READ, "Patient", id, 1), recorded=NOON) | changed


async def write(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    """Nothing; the rows stand in the log."""
    await database.write(lambda session: INSERT_AUDIT.run_each(session, rows))


async def reads(database: Database, count: int, *, tenant: str = "north") -> list[dict[str, Any]]:
    """So many rows, written."""
    made = [read_of(f"p-{number}", tenant=tenant) for number in range(count)]
    await write(database, made)
    return made


async def every(database: Database, table: Table) -> list[dict[str, Any]]:
    """All rows of a table, by its primary key."""

    def unit(session: Session) -> list[dict[str, Any]]:
        found = session.connection().execute(select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]

    return await database.read(unit)


async def events(database: Database, tenant: str = "north") -> list[int]:
    """The rows of a tenant's log in the order of its leaves."""
    return [leaf["event"] for leaf in await every(database, LEAF) if leaf["tenant"] == tenant]


async def newest(database: Database, tenant: str = "north") -> str:
    """The newest checkpoint's text."""
    return [str(each["note"]) for each in await every(database, CHECKPOINT) if each["tenant"] == tenant][-1]


async def hashes(database: Database) -> dict[int, bytes]:
    """The leaf hash of each row of the log, by its id."""

    def unit(session: Session) -> dict[int, bytes]:
        found = session.connection().execute(select(*leaves.columns()))
        return {leaves.event_of(row): leaf_hash(leaves.leaf(row)) for row in found}

    return await database.read(unit)


async def root(database: Database, tenant: str = "north") -> bytes:
    """The root of a tenant's log, from its rows."""
    hashed = await hashes(database)
    return root_of([hashed[event] for event in await events(database, tenant)])


async def run(database: Database, *statements: str) -> None:
    """Nothing; the statements are carried out by somebody who may write to the database, triggers or not."""

    def unit(session: Session) -> None:
        drop_triggers(session)
        for statement in statements:
            session.connection().execute(text(statement))

    await database.write(unit)


def drop_triggers(session: Session) -> None:
    """Nothing; the database refuses nothing any more."""
    connection = session.connection()
    postgres = connection.dialect.name == "postgresql"
    for table in (AUDIT.name, LEAF.name, CHECKPOINT.name, NODE.name, KEY.name, HANDOVER.name):
        for what in ("",) if postgres else ("_UPDATE", "_DELETE"):
            where = f" ON {table}" if postgres else ""
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_append_only{what}{where}"))
