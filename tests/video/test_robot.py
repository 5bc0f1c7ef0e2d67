"""The robot of the practice room without a browser: when it comes, what it says, and when it goes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.video.office import KEY
from tests.video.site import LOOPBACK, PATIENCE
from video.desk import Desk
from video.embedded import Embedded
from video.headless import robot
from video.headless.camera import Camera
from video.headless.participant import Participant, Watch
from video.headless.seat import Seat, seated
from video.ice import Ice
from video.room import Role, Stage
from video.rooms import Rooms
from video.tickets import Tickets

ROOM = "practice-1"
PHRASES = robot.Phrases("Hello", "You wrote: %t")


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Rooms and a forwarding unit; a robot comes at once."""
    monkeypatch.setattr(robot, "COMES_AFTER", 0.0)
    rooms = Rooms()
    unit = Embedded(rooms, Ice(), addresses=LOOPBACK)
    async with unit.running():
        yield Desk(rooms, Tickets(KEY), Ice(), frozenset(), unit=unit)


async def _invited(desk: Desk) -> tuple[asyncio.Task[None], str]:
    """A robot that waits, and the ticket of its guest."""
    own = desk.tickets.mint(ROOM, "robot", role=Role.PHYSICIAN)
    meeting = asyncio.create_task(robot.meet(ROOM, own, desk=desk, phrases=PHRASES, addresses=LOOPBACK))
    await asyncio.sleep(0)  # so that it watches
    return meeting, desk.tickets.mint(ROOM, "guest", role=Role.PATIENT)


async def _over(meeting: asyncio.Task[None], desk: Desk) -> None:
    async with asyncio.timeout(PATIENCE):
        await meeting
    assert desk.rooms.view(ROOM).stage is Stage.ENDED


async def test_robot_says_hello_writes_back_and_goes_when_its_guest_does(desk: Desk) -> None:
    meeting, ticket = await _invited(desk)
    heard: asyncio.Queue[str] = asyncio.Queue()
    with seated(ROOM, ticket, desk=desk) as seat:
        watch = Watch(said=lambda _, text: heard.put_nowait(text))
        guest = Participant(seat, ROOM, source=Camera(), addresses=LOOPBACK, watch=watch)
        running = asyncio.create_task(guest.run())
        async with asyncio.timeout(PATIENCE):
            assert await heard.get() == "Hello"
            guest.write("Moin")
            assert await heard.get() == "You wrote: Moin"
            while not any(one.pictures for one in guest.seen.values()):  # noqa: ASYNC110  a picture has no event
                await asyncio.sleep(0.02)
        guest.say("bye")

        await _over(meeting, desk)
        await running


@pytest.mark.parametrize("limit", ["KEPT", "LASTS"])
async def test_robot_goes_when_its_time_is_over_or_its_guest_does_not_come_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(robot, limit, 1.0)
    meeting, ticket = await _invited(desk)
    seat = Seat(ROOM, desk=desk)
    seat.take(ticket)
    async with asyncio.timeout(PATIENCE):
        while (await seat.hear())["type"] != "admitted":
            pass

    if limit == "KEPT":
        desk.rooms.drop(ROOM, "guest", line=seat)

    await _over(meeting, desk)


async def test_robot_meets_whoever_was_quicker_than_it(desk: Desk) -> None:
    with seated(ROOM, desk.tickets.mint(ROOM, "guest", role=Role.PATIENT), desk=desk) as seat:
        assert desk.rooms.view(ROOM).stage is Stage.WAITING

        own = desk.tickets.mint(ROOM, "robot", role=Role.PHYSICIAN)
        meeting = asyncio.create_task(robot.meet(ROOM, own, desk=desk, phrases=PHRASES, addresses=LOOPBACK))

        async with asyncio.timeout(PATIENCE):
            while (await seat.hear())["type"] != "admitted":
                pass
        await seat.say("bye")
        await _over(meeting, desk)
