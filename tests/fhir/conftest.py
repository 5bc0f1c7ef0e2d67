"""Fixtures of the record: a store on each database and a client of one clinic."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session

from fhir.store import Store
from infra.database import Database, PostgresDatabase
from tests.fhir import record


@pytest.fixture
async def database(database: Database) -> Database:
    """A database without the platform's row security: policies of these tests know grants of their own."""

    def unit(session: Session) -> None:
        for table in ("resource", "resource_history", "audit_event"):
            session.connection().exec_driver_sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    if isinstance(database, PostgresDatabase):
        await database.write(unit)
    return database


@pytest.fixture
def policy() -> record.LocalPolicy:
    return record.LocalPolicy()


@pytest.fixture
def store(tmp_path: Path, policy: record.LocalPolicy) -> Store:
    return record.store(tmp_path, policy=policy)


@pytest.fixture
async def north(database: Database, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with record.client(record.app(database, store)) as http:
        yield http


@pytest.fixture
async def south(database: Database, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with record.client(record.app(database, store), "south") as http:
        yield http
