"""Media workers as processes of their own on a real Redis: a room has one at a time, and a call survives its worker."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from tests.video.calling import Calls, Camera, Person
from tests.video.killing import alive, holder, processes, serving
from video.messages import Again, Close, FromUnit, Outgoing
from video.placement import Placed
from video.room import Role
from video.rooms import Rooms
from video.tickets import Tickets


class Line:
    """A participant's socket that hands what the unit says to the test."""

    def __init__(self, calls: Calls, who: str) -> None:
        self.calls, self.who = calls, who

    def send(self, message: Outgoing) -> None:
        if isinstance(message, FromUnit):
            self.calls.tell("r", self.who, message)

    def close(self, reason: Close) -> None:
        pass


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


async def _both_again(calls: Calls, anna: Person, bert: Person) -> None:
    camera = Camera(anna, bert)
    await anna.until(lambda: anna.heard(Again) and bert.heard(Again), doing=camera)
    for person in (anna, bert):
        person.frames.clear()
        await calls.again(person, call="c2")
    await anna.until(lambda: anna.got("audio", "bert") and bert.got("audio", "anna"), doing=camera)


async def test_call_goes_on_with_another_worker_when_its_own_is_killed(redis_url: str, tmp_path: Path) -> None:
    async with processes(redis_url, tmp_path, 2) as running, _office(redis_url) as (calls, placed):
        await alive(placed, workers=2)
        anna, bert = await _talking(calls)
        before, killed = await holder(redis_url, "r"), await serving(redis_url, "r", among=running)
        await killed.end(signal.SIGKILL)

        await _both_again(calls, anna, bert)

        after = await holder(redis_url, "r")
        assert after.partition(":")[0] != before.partition(":")[0]
        assert int(after.partition(":")[2]) > int(before.partition(":")[2])


async def test_drained_worker_hands_its_calls_over_and_ends(redis_url: str, tmp_path: Path) -> None:
    async with processes(redis_url, tmp_path, 2) as running, _office(redis_url) as (calls, placed):
        await alive(placed, workers=2)
        anna, bert = await _talking(calls)
        draining = await serving(redis_url, "r", among=running)
        draining.process.send_signal(signal.SIGTERM)

        await _both_again(calls, anna, bert)

        assert await draining.process.wait() == 0
        assert len(placed.alive) == 1
