"""The jobs' own process beside the service, on a real Redis: it does them, and `/readyz` tells when it is dead."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from fhir.ledger.gap import gap
from infra.database import open_database
from infra.migrate import upgrade
from infra.queue.worker import HEARTBEAT, HEARTBEAT_SECONDS
from infra.settings import Settings
from tests.fixtures.processes import scrubbed
from tests.telemed.booking.test_http import open_front, outbox, reference
from tests.telemed.service import Service, demo_settings, running

SOON = 30


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def settings(empty_database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a service whose queue is on Redis, with its tables made."""
    database = open_database(empty_database_url)
    await upgrade(database)
    await database.close()
    return demo_settings(tmp_path, empty_database_url).model_copy(update={"redis_url": redis_url})


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """The service without a worker."""
    async with running(settings) as started:
        yield started


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[Process]:
    """`telemed worker` with the same settings."""
    names = ("environment", "data_dir", "database_url", "redis_url", "base_url")
    environment = {f"TELEMED_{name.upper()}": str(getattr(settings, name)) for name in names}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemed", "worker"), env=scrubbed(**environment)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(service: Service) -> None:
    """Nothing, once `/readyz` is 200; another process has no event for us."""
    async with asyncio.timeout(SOON):
        while not (await service.http.get("/readyz")).is_success:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_worker_beside_the_service_does_its_jobs(service: Service, settings: Settings) -> None:
    front = await open_front(service)
    booked = (await front.call("book", reference(front.slots[0]["id"]))).json()

    async with worker(settings):
        sent = await outbox(service, booked["id"], count=2)

    assert {message["channel"] for message in sent} == {"mail", "letter"}


async def test_a_worker_signs_what_the_service_writes_into_its_log(service: Service, settings: Settings) -> None:
    async with await service.system("north") as http:
        assert (await http.get("/fhir/Patient")).status_code == 200
    database, now = service.services.database, service.services.system_clock.now()
    before = await database.read(lambda session: gap(session, now=now))

    async with worker(settings), asyncio.timeout(SOON):
        while (await database.read(lambda session: gap(session, now=now))).waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    assert before.waiting == 1


async def test_a_worker_that_was_killed_makes_the_service_unready(service: Service, settings: Settings) -> None:
    before = await service.http.get("/readyz")
    async with Redis.from_url(settings.redis_url) as redis, worker(settings) as process:
        await until_ready(service)
        await redis.delete(HEARTBEAT)
        await until_ready(service)  # a living worker shows itself again

        process.kill()
        await process.wait()
        lease = await redis.ttl(HEARTBEAT)
        await redis.delete(HEARTBEAT)  # as its lease does, some seconds later
        after = await service.http.get("/readyz")

    assert 0 < lease <= HEARTBEAT_SECONDS
    assert [answer.status_code for answer in (before, after)] == [503, 503]
    assert after.json() == {"status": "unavailable", "failing": ["worker"]}
