"""What tests of the service ask for; a folder whose clinic is another one has a fixture of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telemed.service import Service, demo_settings, running
from tests.telemed.visits.clinic import Clinic, clinic_on


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A running demo without people."""
    async with running(demo_settings(tmp_path, database_url)) as started:
        yield started


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic with one video appointment in a running service."""
    async with clinic_on(tmp_path, database_url) as made:
        yield made
