"""What tests of pages ask for."""

import pytest


@pytest.fixture
def database_kind() -> str:
    """Pages do not depend on the database; SQLite will do."""
    return "sqlite"
