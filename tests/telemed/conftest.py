"""What tests of the service ask for; a folder whose clinic is another one has a fixture of its own."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemed.__main__ import main
from tests.telemed.commanding import Run, Said
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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line of a production service on one machine."""
    settings = {"TELEMED_DATA_DIR": str(tmp_path), "TELEMED_ALLOW_FILE_KEYS": "1", "TELEMED_LOG_LEVEL": "ERROR"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["telemed", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(int(str(ended.value.code or 0)), *capsys.readouterr())

    assert command("migrate").status == 0
    return command
