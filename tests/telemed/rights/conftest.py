"""The privacy officer's desk, as the tests of this folder ask for it."""

import pytest

from tests.telemed.rights.desk import Desk, desk_of
from tests.telemed.visits.clinic import Clinic


@pytest.fixture
async def desk(clinic: Clinic) -> Desk:
    """A patient who may ask, and who answers."""
    return await desk_of(clinic)
