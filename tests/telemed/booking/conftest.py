"""The `clinic` fixture."""

from pathlib import Path

import pytest

from infra.database import Database
from tests.telemed.booking.clinic import Clinic, open_clinic


@pytest.fixture
async def clinic(database: Database, tmp_path: Path) -> Clinic:
    """A clinic with a practitioner, slots and a patient, on SQLite and on PostgreSQL."""
    return await open_clinic(database, tmp_path)
