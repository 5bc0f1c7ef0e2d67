"""A network that is gone for a minute: the seats are kept, the pages say so meanwhile, the call is back by itself.

Everything is really lost: no datagram crosses, checks and handshakes included, and no byte reaches the server or comes
from it. The minute is the pages' own: their timers run through all sixty seconds of it (playwright's clock), the server
does by hand what it does after sixty silent seconds, and its clock is moved on. What only the browser's ICE counts stays
real, so it is away for as long as it takes to notice; `make soak` waits for the whole minute.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest
from playwright.async_api import Page

from infra.clock import FixedClock, SystemClock
from tests.effort import EFFORT
from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.video.crossing import Crossing, Gate
from tests.video.site import open_site, until
from tests.video.stage import LOCKED, UNREACHABLE, Call, Stage
from video.messages import Close
from video.room import Stage as RoomStage

GONE: Final = timedelta(seconds=60)
DIRECT: Final = "globalThis.call?.state === 'live' && seen.path === 'direct' && seen.words"
NOTICED: Final = "call.state === 'reconnecting'"


@dataclass
class Network:
    """The way between all of them, and the stage on which they stand."""

    crossing: Crossing
    gate: Gate
    clock: FixedClock
    stage: Stage

    async def call(self, room: str, *, script: str = "") -> Call:
        """Physician and patient on pages whose clocks can be moved."""
        pages: dict[str, Page] = {}
        for who in ("doctor", "patient"):
            pages[who] = await self.stage.enter(room, who, script=script, clock=True)
        return Call(room, pages)

    async def lose(self, call: Call) -> None:
        """Lose everything for a minute."""
        self.crossing.dark = True
        self.gate.shut()
        await call.all(NOTICED)
        if EFFORT > 1:
            for page in call.pages.values():
                gone = await page.evaluate("performance.now()")
                await until(page, f"performance.now() > {gone + GONE.total_seconds() * 1000}", within=120)
        else:
            await asyncio.gather(
                *(page.clock.run_for(GONE // timedelta(milliseconds=1)) for page in call.pages.values())
            )
            for line in list(self.stage.site.rooms._rooms[call.room].lines.values()):
                line.close(Close.SILENT)
        self.clock.advance(GONE)

    def find(self) -> None:
        """Have everything back."""
        self.gate.open()
        self.crossing.dark = False


@pytest.fixture
async def network(participants: Participants) -> AsyncIterator[Network]:
    """A server, and between it and the pages and between the pages a way that can be taken away."""
    crossing, gate, clock = Crossing(), Gate(), FixedClock(SystemClock().now())
    async with open_browsers(participants) as browsers, open_site(gate=gate) as site:
        site.rooms._clock = clock
        async with crossing.between(site.rooms):
            yield Network(crossing, gate, clock, Stage(site, browsers, await browsers.chromium()))
            gate.open()


async def meanwhile(network: Network, call: Call) -> None:
    """What holds in the middle of it: both know, nobody was given up, no seat is lost."""
    for page in call.pages.values():
        assert await page.evaluate("[call.state, seen.events.includes('offline')]") == ["reconnecting", True]
        assert await page.evaluate("seen.states.filter((one) => ['failed', 'closed', 'left'].includes(one))") == []
    view = network.stage.site.rooms.view(call.room)
    assert {(seat.participant, seat.admitted) for seat in view.seats} == {("doctor", True), ("patient", True)}
    assert view.stage is not RoomStage.ENDED


async def test_call_between_two_is_back_by_itself_after_a_minute_without_network(network: Network) -> None:
    call = await network.call("minute")
    await call.all(DIRECT)
    await call.see_each_other()

    await network.lose(call)
    await meanwhile(network, call)
    network.find()

    await call.all(DIRECT)
    await call.see_each_other()
    assert await call.pages["doctor"].evaluate("seen.words") == await call.pages["patient"].evaluate("seen.words")


async def test_call_through_the_unit_is_back_by_itself_with_the_same_words(network: Network) -> None:
    call = await network.call("minute", script=UNREACHABLE)
    await call.all(LOCKED)
    await call.see_each_other()
    words = await call.pages["doctor"].evaluate("seen.words.digits")

    await network.lose(call)
    await meanwhile(network, call)
    for page in call.pages.values():
        await page.evaluate("seen.words = null")  # as a page does where a call seems lost
    network.find()

    await call.all(LOCKED)
    await call.see_each_other()
    assert [await page.evaluate("seen.words.digits") for page in call.pages.values()] == [words, words]
