"""Media workers as processes of their own on a real Redis: a room has one at a time, and a call survives its worker."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from tests.video.calling import Calls, Camera, Person
from video import wire
from video.messages import Again, Close, FromUnit, Outgoing
from video.placement import Placed
from video.room import Role
from video.rooms import Rooms
from video.tickets import Tickets

BEAT = 0.02


class Line:
    """A participant's socket that hands what the unit says to the test."""

    def __init__(self, calls: Calls, who: str) -> None:
        self.calls, self.who = calls, who

    def send(self, message: Outgoing) -> None:
        if isinstance(message, FromUnit):
            self.calls.tell("r", self.who, message)

    def close(self, reason: Close) -> None:
        pass


class Process:
    """One `telemed media`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def end(self, number: signal.Signals) -> int:
        """Its exit status after a signal."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def _processes(redis_url: str, folder: Path, count: int) -> AsyncIterator[Sequence[Process]]:
    own = {"TELEMED_REDIS_URL": redis_url, "TELEMED_ICE_LOOPBACK": "true", "TELEMED_DATA_DIR": str(folder)}
    environment = {"PATH": os.environ["PATH"], "TELEMED_ENVIRONMENT": "demo", **own}
    command = [sys.executable, "-m", "telemed", "media"]
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(Process(await asyncio.create_subprocess_exec(*command, env=environment)))
            stack.push_async_callback(found[-1].end, signal.SIGKILL)
        yield found


@asynccontextmanager
async def _office(redis_url: str) -> AsyncIterator[tuple[Calls, Placed]]:
    calls, rooms = Calls(), Rooms()
    calls.unit = placed = Placed(rooms, Redis.from_url(redis_url))
    tickets = Tickets(bytes(range(32)))
    for who in ("anna", "bert"):
        rooms.enter(tickets.check(tickets.mint("r", who, role=Role.PHYSICIAN)), Line(calls, who))
    async with placed.running():
        yield calls, placed
        await calls.close()


async def _talking(calls: Calls) -> tuple[Person, Person]:
    anna, bert = await calls.call("anna"), await calls.call("bert")
    await anna.until(lambda: anna.got("audio", "bert") and bert.got("audio", "anna"), doing=Camera(anna, bert))
    return anna, bert


async def _until(placed: Placed, *, workers: int) -> None:
    async with asyncio.timeout(60):
        while len(placed.alive) != workers:  # noqa: ASYNC110  processes start in their own time
            await asyncio.sleep(BEAT)


async def _both_again(calls: Calls, anna: Person, bert: Person) -> None:
    camera = Camera(anna, bert)
    await anna.until(lambda: anna.heard(Again) and bert.heard(Again), doing=camera)
    for person in (anna, bert):
        person.frames.clear()
        await calls.again(person, call="c2")
    await anna.until(lambda: anna.got("audio", "bert") and bert.got("audio", "anna"), doing=camera)


async def _holder(redis_url: str) -> str:
    async with Redis.from_url(redis_url) as redis:
        held: bytes = await redis.get(wire.lease("r"))
    return held.decode()


async def _serving(redis_url: str, processes: Sequence[Process]) -> Process:
    pid = int((await _holder(redis_url)).partition("-")[0])
    return next(one for one in processes if one.process.pid == pid)


async def test_call_goes_on_with_another_worker_when_its_own_is_killed(redis_url: str, tmp_path: Path) -> None:
    async with _processes(redis_url, tmp_path, 2) as processes, _office(redis_url) as (calls, placed):
        await _until(placed, workers=2)
        anna, bert = await _talking(calls)
        before, killed = await _holder(redis_url), await _serving(redis_url, processes)
        await killed.end(signal.SIGKILL)

        await _both_again(calls, anna, bert)

        after = await _holder(redis_url)
        assert after.partition(":")[0] != before.partition(":")[0]
        assert int(after.partition(":")[2]) > int(before.partition(":")[2])


async def test_drained_worker_hands_its_calls_over_and_ends(redis_url: str, tmp_path: Path) -> None:
    async with _processes(redis_url, tmp_path, 2) as processes, _office(redis_url) as (calls, placed):
        await _until(placed, workers=2)
        anna, bert = await _talking(calls)
        draining = await _serving(redis_url, processes)
        draining.process.send_signal(signal.SIGTERM)

        await _both_again(calls, anna, bert)

        assert await draining.process.wait() == 0
        assert len(placed.alive) == 1
