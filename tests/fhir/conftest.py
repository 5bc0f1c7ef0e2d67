"""Fixtures of the record: a store on each database and a client of one clinic."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fhir.store import Store
from infra.database import Database
from tests.fhir import record


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
