"""The demo's folder: whole files, and a fresh start after a seeding that broke off."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telemed.demo.files import Folder, Made, write_whole
from telemed.demo.options import Options, PortTaken, environment_of
from tests.fixtures.processes import free_port

MADE = Made(200, datetime(2026, 11, 23, tzinfo=UTC))


def test_what_was_made_is_remembered(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.made() is None

    folder.mark_seeded(MADE)

    assert folder.made() == MADE


def test_clearing_removes_published_releases_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    release = folder.releases / "slug" / "2026-Q3"
    release.mkdir(parents=True)
    (release / "data.csv").touch(mode=0o444)
    release.chmod(0o555)
    folder.mark_seeded(MADE)

    folder.clear()

    assert not folder.releases.exists()
    assert folder.made() is None


def test_a_file_is_replaced_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"

    write_whole(file, b"one")
    write_whole(file, b"two")

    assert file.read_bytes() == b"two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        with pytest.raises(PortTaken, match=str(taken)):
            Options(port=taken, portal_port=free_port()).require_free_ports()


def test_children_get_settings_and_no_secret(tmp_path: Path) -> None:
    options = Options(folder=tmp_path, now=datetime(2027, 1, 5, tzinfo=UTC))

    environment = environment_of(options.settings())

    assert environment["TELEMED_ENVIRONMENT"] == "demo"
    assert environment["TELEMED_DEMO_NOW"] == "2027-01-05T00:00:00+00:00"
    assert not [name for name in environment if "KEY" in name or "SECRET" in name]
