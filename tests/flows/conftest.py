"""What flows through real browsers ask for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.axe import Axe
from tests.fixtures.participants import Participants
from tests.flows.looking import Looking
from tests.flows.server import serving
from tests.telemed.visits.clinic import Clinic


@pytest.fixture
def database_kind() -> str:
    """The embedded default; both databases have their own tests."""
    return "sqlite"


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic on a real server."""
    async with serving(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def looking(participants: Participants, pytestconfig: pytest.Config, tmp_path: Path) -> Looking:
    """What looks for barriers, and the folder in which pictures of pages stay after the run."""
    return Looking(
        Axe.ready(participants), Path(pytestconfig.cache.mkdir("screens")) if pytestconfig.cache else tmp_path
    )
