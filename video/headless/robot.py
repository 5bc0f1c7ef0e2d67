"""The robot of the practice room: it comes, shows its face, says hello, writes back what it is told, and looks at nothing.

Its picture is encoded once and its sound is silence, so a call with one costs less than a fiftieth of a core, the unit
included. It takes part through the unit, encrypted like anybody; a browser that can't encrypt frames gets it the direct way.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from av import VideoFrame

from video.desk import Desk
from video.headless.camera import RATE, Recorded
from video.headless.participant import Participant, Watch
from video.headless.seat import seated
from video.room import Stage
from video.rooms import Event, Kind

LASTS: Final = 300.0
"""Seconds after which a robot goes home, whoever is there."""

WAITS: Final = 60.0
"""Seconds in which somebody has to come."""

KEPT: Final = 60.0
"""Seconds for which it stays with somebody whose connection is lost, as long as their seat is kept."""

COMES_AFTER: Final = 2.0
"""Seconds in which whoever came sees the waiting room first, as before a real call."""

LONGEST: Final = 2000
"""Characters that it writes back, as many as a page sends of one line."""

SIZE: Final = 320, 240
SECONDS: Final = 6
NIGHT, SKY, DARK = (0x12, 0x32, 0x4F), (0x9C, 0xC7, 0xFF), (0x06, 0x22, 0x3F)


@dataclass(frozen=True, slots=True)
class Phrases:
    """What it says, in the language of whom it meets; `%t` in `echo` is what they wrote."""

    hello: str
    echo: str


async def meet(room: str, ticket: str, *, desk: Desk, phrases: Phrases, addresses: Sequence[str] = ()) -> None:
    """Nothing, once whoever came has left again, nobody came, or the time is over; the room has ended then."""
    try:
        async with asyncio.timeout(LASTS), desk.rooms.watch() as events:
            async with asyncio.timeout(WAITS):
                await _come(events, room, desk=desk)
            await asyncio.sleep(COMES_AFTER)
            await _talk(room, ticket, desk=desk, phrases=phrases, addresses=addresses)
    except TimeoutError:
        return
    finally:
        desk.rooms.end(room)


async def _come(events: AsyncIterator[Event], room: str, *, desk: Desk) -> None:
    """Nothing, once somebody waits: from now on, or already while this process got its first robot ready."""
    if desk.rooms.view(room).stage is Stage.WAITING:
        return
    async for event in events:
        if event.room == room and event.kind is Kind.WAITING:
            return


async def _talk(room: str, ticket: str, *, desk: Desk, phrases: Phrases, addresses: Sequence[str]) -> None:
    recorded = await asyncio.to_thread(face)
    greeted: set[str] = set()

    def met(id: str) -> None:
        if id not in greeted:
            greeted.add(id)
            robot.write(phrases.hello)

    def said(_id: str, text: str) -> None:
        robot.write(phrases.echo.replace("%t", text[:LONGEST]))

    with seated(room, ticket, desk=desk) as seat:
        robot = Participant(
            seat, room, source=recorded.player(), addresses=addresses, through_unit=True, watch=Watch(said, met)
        )
        async with desk.rooms.watch() as events:
            running = asyncio.create_task(robot.run())
            left = asyncio.create_task(_left(events, room, seat.welcome["you"]["id"]))
            try:
                await asyncio.wait((running, left), return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
            finally:
                for task in (running, left):
                    task.cancel()
                await asyncio.gather(running, left, return_exceptions=True)


async def _left(events: AsyncIterator[Event], room: str, own: str) -> None:
    """Nothing, once the guest has left, or has been without a connection for so long that a seat is kept no more."""
    deadline: float | None = None
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout_at(deadline):
                event = await anext(events)
            if event.room != room or event.participant == own:
                continue
            if event.kind is Kind.GONE:
                return
            if event.kind is Kind.LEFT:
                deadline = asyncio.get_running_loop().time() + KEPT
            elif event.kind is Kind.JOINED:
                deadline = None


@cache
def face() -> Recorded:
    """The robot's face for a few seconds: it nods, blinks and moves its mouth."""
    return Recorded(_frames())


def _frames() -> Iterator[VideoFrame]:
    width, height = SIZE
    for turn in range(SECONDS * RATE):
        up = round(4 * math.sin(2 * math.pi * turn / (2 * RATE)))
        blink = turn % (3 * RATE) < 3
        picture = np.empty((height, width, 3), np.uint8)

        def box(
            colour: tuple[int, int, int], x: int, y: int, *, size: tuple[int, int], on: np.ndarray = picture
        ) -> None:
            on[y : y + size[1], x : x + size[0]] = colour

        box(NIGHT, 0, 0, size=SIZE)
        box(SKY, 100, 60 + up, size=(120, 110))
        box(SKY, 156, 36 + up, size=(8, 24))
        for x in (125, 175):
            box(DARK, x, (99 if blink else 90) + up, size=(20, 3 if blink else 20))
        box(DARK, 130, 135 + up, size=(60, 8 + 4 * (turn // 4 % 3)))
        yield VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
