"""What tests of visits ask for."""

from pathlib import Path

import pytest

from infra.database import Database
from tests.telemed.visits.builders import Desk, make_vault


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    """A desk on an empty database."""
    return Desk(database, make_vault(tmp_path))
