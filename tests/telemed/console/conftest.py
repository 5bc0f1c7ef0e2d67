"""What tests of the console ask for."""

import pytest


@pytest.fixture
def database_kind() -> str:
    """The console does not depend on the database; SQLite will do."""
    return "sqlite"
