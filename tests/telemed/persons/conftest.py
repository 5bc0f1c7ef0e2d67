"""The `people` fixture."""

from pathlib import Path

import pytest

from infra.clock import FixedClock
from infra.database import Database
from tests.telemed.booking.clinic import MONDAY, make_desk
from tests.telemed.persons.people import People


@pytest.fixture
async def people(database: Database, tmp_path: Path) -> People:
    """Two clinics without patients, on SQLite and on PostgreSQL."""
    made = People(database, make_desk(database, tmp_path, FixedClock(MONDAY)).store)
    await made.open("north", "south")
    return made
