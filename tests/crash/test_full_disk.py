"""A disk that is full, with the database and the service's log on it: said clearly, nothing lost, gone when there is room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.server import Server, prepared, serving
from tests.fixtures.participants import Participants

DISK = "24m"
BLOCK = 16_384
# What fits into one patient so that the disk is full soon.
NOTE = "x" * 40_000
MOST_WRITES = 400


@pytest.fixture
def small_disk(tmp_path: Path, participants: Participants) -> Iterator[Path]:
    """A file system of its own, of a few megabytes, gone with the test."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        participants.excuse("small disk", "only root can mount one")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """The disk without a byte left."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"\0" * BLOCK):
            pass
    assert shutil.disk_usage(folder).free < BLOCK
    yield
    file.unlink()


async def test_a_full_disk_is_a_507_that_loses_nothing_and_passes(small_disk: Path) -> None:
    settings, client = await prepared(small_disk, f"sqlite:///{small_disk}/record.sqlite3")
    with serving(settings, client) as server:
        server.start()
        with connected(server) as http:
            kept = [made(create(http)) for _ in range(3)]
            with filled(small_disk):
                refused = None
                for _ in range(MOST_WRITES):
                    answer = create(http)
                    if answer.status_code != 201:
                        refused = answer
                        break
                    kept.append(made(answer))
                alive = http.get("/livez")
            after = create(http)

            found = http.get("/fhir/Patient", params={"_summary": "count"}).json()["total"]
            read = [http.get(f"/fhir/Patient/{id}").status_code for id in kept]
        os.kill(server.pid, 0)
        server.kill()
        server.reap()

    assert refused is not None, "the disk never was full"
    assert refused.status_code == 507 and refused.json()["issue"][0]["code"] == "no-store"
    assert (alive.status_code, after.status_code) == (200, 201)
    assert set(read) == {200}
    assert found == len(kept) + 1, "a refused write is there, or an acknowledged one is not"


@contextmanager
def connected(server: Server) -> Iterator[httpx.Client]:
    """A clinic's system."""
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/fhir+json"}
    with httpx.Client(base_url=server.base, headers=headers, timeout=30, trust_env=False) as http:
        yield http


def create(http: httpx.Client) -> httpx.Response:
    """What is said to a new patient."""
    body: dict[str, Any] = {"resourceType": "Patient", "contact": [{"name": {"text": NOTE}}]}
    return http.post("/fhir/Patient", json=body)


def made(answer: httpx.Response) -> str:
    """The id of what was written."""
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
