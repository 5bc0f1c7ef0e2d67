"""What tests of visits ask for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.database import Database
from tests.telemed.visits.builders import Desk, make_vault
from tests.telemed.visits.clinic import Clinic, clinic_on


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    """A desk on an empty database."""
    return Desk(database, make_vault(tmp_path))


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic with one video appointment in a running service."""
    async with clinic_on(tmp_path, database_url) as made:
        yield made
