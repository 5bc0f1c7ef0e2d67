"""`telemed call` and `telemed doctor --call` against a running service, with its unit inside and in processes beside it."""

import asyncio
import sys
from pathlib import Path

import pytest

from infra.database import open_database
from infra.migrate import upgrade
from infra.settings import Settings
from telemed.calling import CallFailed, call
from telemed.operators import called
from telemed.visits import standing
from telemed.warming import warm
from tests.fixtures.processes import free_port, scrubbed
from tests.telemed.service import demo_settings, listening


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    """Settings of a service on a port of its own, with its tables made."""
    warm()  # else the service does it in the first seconds of the first call
    database = open_database(empty_database_url)
    await upgrade(database)
    await database.close()
    own = {"base_url": f"http://localhost:{free_port()}", "ice_loopback": True}
    return demo_settings(tmp_path, empty_database_url).model_copy(update=own)


async def test_doctor_tells_that_the_call_works_and_what_to_do_if_not(settings: Settings) -> None:
    async with listening(settings) as service:
        found = await called(service.services.settings)
    nobody = await called(settings)

    assert [(one.good, one.part) for one in found] == [(True, "call"), (True, "practice room")], found
    assert all(one.figure.endswith("all sealed") for one in found)
    assert service.services.rooms.held() == {}
    assert not any(one.good for one in nobody)
    assert all(one.advice.startswith("The call failed.") for one in nobody)


async def test_call_goes_through_a_media_process_where_there_is_a_redis(settings: Settings, redis_url: str) -> None:
    settings = settings.model_copy(update={"redis_url": redis_url})
    async with listening(settings) as service:
        with pytest.raises(CallFailed, match="unit"):
            await call(service.services.settings, seconds=1)
        process = await _media(settings)
        try:
            while not service.services.media.alive:  # type: ignore[attr-defined]  # noqa: ASYNC110  it starts in its own time
                await asyncio.sleep(0.05)
            said = await call(service.services.settings, seconds=1)
        finally:
            process.terminate()
            assert await process.wait() == 0

    assert said.endswith("all sealed")


async def test_only_rooms_of_synthetic_calls_and_robots_stand_without_a_visit(settings: Settings) -> None:
    async with listening(settings) as service:
        holds = standing.holds(service.services)

        found = [
            await holds(*one)
            for one in (
                ("probe-1", "probe"),
                ("practice-1", "practice"),
                ("practice-1", "probe"),
                ("room", "probe"),
                ("probe-1", ":a"),
            )
        ]

    assert found == [True, True, False, False, False]


async def _media(settings: Settings) -> asyncio.subprocess.Process:
    names = ("environment", "data_dir", "redis_url", "ice_loopback")
    environment = {f"TELEMED_{name.upper()}": str(getattr(settings, name)) for name in names}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemed", "media"), env=scrubbed(**environment)
    )
