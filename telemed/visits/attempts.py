"""Attempts at a code and its second factor, counted in the database, so that several processes can't be played off."""

from datetime import datetime
from typing import Protocol

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col

from infra.database import Session


class Attempts(Protocol):
    """A table of attempts: one row for each keyed hash of a code, whether that code exists or not."""

    hash: bytes
    failures: int
    last: datetime


def counted(session: Session, table: type[Attempts], key: bytes, *, now: datetime) -> int:
    """How many attempts there were at this code since the last right one, this one included.

    One statement that also locks the row, so that parallel attempts at one code queue up behind each other.
    """
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = insert(table).values(hash=key, failures=1, last=now)
    upsert = statement.on_conflict_do_update(
        index_elements=["hash"], set_={"failures": table.failures + 1, "last": now}
    ).returning(col(table.failures))
    return int(session.execute(upsert).scalar_one())
