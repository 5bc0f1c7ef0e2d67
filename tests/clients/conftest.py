"""A server on loopback and a clinic's token, as foreign clients get them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.settings import Environment, Settings
from tests.fixtures.processes import free_port
from tests.telemed.service import listening


@dataclass(frozen=True)
class Server:
    """Where the record is, and what opens it."""

    base: str
    token: str


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """The real service on both databases."""
    address = f"http://localhost:{free_port()}"
    settings = Settings(environment=Environment.DEMO, data_dir=tmp_path, database_url=database_url, base_url=address)
    async with listening(settings) as service:
        yield Server(f"{address}/fhir", await service.token("clinic"))
