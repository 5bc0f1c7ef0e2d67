"""What tests of pages ask for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telemed.visits.clinic import Clinic, clinic_on


@pytest.fixture
def database_kind() -> str:
    """Pages do not depend on the database; SQLite will do."""
    return "sqlite"


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic with one video appointment in a running service."""
    async with clinic_on(tmp_path, database_url) as made:
        yield made
