"""A disk that is full, with the database on it: said clearly, nothing lost, gone when there is room."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from infra.clock import SystemClock
from infra.lines import Lines
from infra.problems import DiskFull
from infra.statements import Form
from tests.crash.server import Server, prepared, serving
from tests.fixtures.participants import Participants
from tests.fixtures.postgres import PostgresServer

DISK = "24m"
BLOCK = 16_384
PAGE = 4_096
# What fits into one resource so that the disk is full soon.
CONTACT = [{"name": {"text": "x" * 40_000}}]
# The first is written in a unit, the second on PostgreSQL in a single statement (fhir/README.md, one round trip).
BODIES: dict[str, dict[str, Any]] = {"Patient": {"contact": CONTACT}, "Organization": {"name": "x", "contact": CONTACT}}
MOST_WRITES = 800


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own, of a few megabytes, and a database on it; where the service has its other files."""

    folder: Path
    database_url: str
    data_dir: Path


@pytest.fixture
def folder(participants: Participants) -> Iterator[Path]:
    """Where the small disk is, gone with the test."""
    made = Path(tempfile.mkdtemp(prefix="telemed-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(made)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        made.rmdir()
        participants.excuse("small disk", "only root can mount one")
    made.chmod(0o755)
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(made)], check=True)
        made.rmdir()


@pytest.fixture
def small_disk(folder: Path, database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    if database_kind == "sqlite":
        yield SmallDisk(folder, f"sqlite:///{folder}/record.sqlite3", folder)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    place = folder / "space"
    place.mkdir()
    shutil.chown(place, "nobody")  # whom the server runs as where we are root
    server.run(f"CREATE TABLESPACE small LOCATION '{place}'")
    server.run("CREATE DATABASE full_disk OWNER telemed TABLESPACE small")
    yield SmallDisk(folder, server.url("full_disk"), tmp_path)
    server.run("DROP DATABASE full_disk WITH (FORCE)")
    server.run("DROP TABLESPACE small")


@contextmanager
def filled(folder: Path, *, to: int = BLOCK) -> Iterator[None]:
    """The disk without room for so many bytes."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"\0" * to):
            pass
    assert shutil.disk_usage(folder).free < to
    yield
    file.unlink()


async def test_a_full_disk_is_a_507_that_loses_nothing_and_passes(small_disk: SmallDisk) -> None:
    settings, client = await prepared(small_disk.data_dir, small_disk.database_url)
    with serving(settings, client) as server:
        server.start()
        with connected(server) as http:
            kept = [made(create(http, type)) for type in BODIES]
            with filled(small_disk.folder):
                more, refused = written_until_full(http)
                alive = http.get("/livez")
            kept += [*more, made(create(http, "Patient"))]

            read = [http.get(f"/fhir/{reference}").status_code for reference in kept]
            found = sum(http.get(f"/fhir/{type}?_summary=count").json()["total"] for type in BODIES)
        os.kill(server.pid, 0)
        server.kill()
        server.reap()

    assert len(refused) == len(BODIES), "the disk never was full"
    for answer in refused:
        assert answer.status_code == 507 and answer.json()["issue"][0]["code"] == "no-store", answer.text
    assert (alive.status_code, set(read)) == (200, {200})
    assert found == len(kept), "a refused write is there, or an acknowledged one is not"


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_disk_too_full_for_a_connection_is_a_full_disk(small_disk: SmallDisk, postgres: PostgresServer) -> None:
    # Whoever connects first after a vacuum of the catalogue writes a copy of it.
    postgres.run("SELECT 1", database="full_disk")
    lines = Lines(make_url(small_disk.database_url), SystemClock(), most=1)
    (copy,) = small_disk.folder.rglob("pg_internal.init")
    copy.unlink()

    with filled(small_disk.folder, to=PAGE), pytest.raises(DiskFull):
        await lines.ask(Form("SELECT 1", [], []), {})

    assert await lines.ask(Form("SELECT 1", [], []), {}) is not None
    await lines.close()


def written_until_full(http: httpx.Client) -> tuple[list[str], list[httpx.Response]]:
    """What was written before each of the types was refused once, and what was said to those."""
    kept: list[str] = []
    refused: dict[str, httpx.Response] = {}
    for type in islice(cycle(BODIES), MOST_WRITES):
        answer = create(http, type)
        if answer.status_code == 201:
            kept.append(made(answer))
        else:
            refused.setdefault(type, answer)
        if len(refused) == len(BODIES):
            break
    return kept, list(refused.values())


@contextmanager
def connected(server: Server) -> Iterator[httpx.Client]:
    """A clinic's system."""
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/fhir+json"}
    with httpx.Client(base_url=server.base, headers=headers, timeout=30, trust_env=False) as http:
        yield http


def create(http: httpx.Client, type: str) -> httpx.Response:
    """What is said to a new resource."""
    return http.post(f"/fhir/{type}", json={"resourceType": type, **BODIES[type]})


def made(answer: httpx.Response) -> str:
    """The reference to what was written."""
    assert answer.status_code == 201, answer.text
    return "/".join(answer.headers["location"].split("/")[-4:-2])
