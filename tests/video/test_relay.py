"""Calls of those who hide their address, over a real coturn: every packet goes through it, or none does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page

from tests.effort import EFFORT
from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.fixtures.processes import free_port
from tests.fixtures.turn import SECRET, relaying
from tests.video.site import PATIENCE, open_site
from tests.video.stage import LOCKED, UNREACHABLE, Call, Stage
from video.ice import Ice

HIDDEN: Final = "&relay=1"
DIRECT: Final = "globalThis.call?.state === 'live' && seen.path === 'direct' && seen.words"
PAIR: Final = """(async () => {
    const used = [];
    for (const pc of connections.filter((one) => one.connectionState === "connected")) {
        const stats = await pc.getStats(), pair = [...stats.values()].find((one) => one.nominated && one.state === "succeeded");
        if (pair) used.push(stats.get(pair.localCandidateId).candidateType);
    }
    return used;
})()"""
"""Of each connection, by which kind of candidate this page is reached."""


@asynccontextmanager
async def standing(participants: Participants, port: int) -> AsyncIterator[Stage]:
    """A stage whose pages are told of a TURN server on this port, whether there is one or not."""
    ice = Ice(turn=(f"turn:127.0.0.1:{port}",), secret=SECRET)
    async with open_browsers(participants) as browsers, open_site(ice=ice) as site:
        yield Stage(site, browsers, await browsers.chromium())


async def hidden(stage: Stage, room: str, *, script: str = "", clock: bool = False) -> dict[str, Page]:
    """Physician and patient, both reached through the TURN server alone."""
    return {
        who: await stage.enter(room, who, query=HIDDEN, script=script, clock=clock) for who in ("doctor", "patient")
    }


async def hurried(page: Page, expression: str) -> None:
    """Wait until this is true on a page whose own time runs faster meanwhile: what it waits for, it waits for less."""
    async with asyncio.timeout(PATIENCE):
        while not await page.evaluate(expression):
            await page.clock.run_for(2000)


async def test_two_who_hide_their_addresses_meet_through_coturn_alone(
    participants: Participants, tmp_path: Path
) -> None:
    port = free_port()
    with relaying(tmp_path, participants, port=port):
        async with standing(participants, port) as stage:
            call = Call("hidden", await hidden(stage, "hidden"))

            await call.all(DIRECT)
            await call.see_each_other()

            for page in call.pages.values():
                assert await page.evaluate(PAIR) == ["relay"]
                assert await page.evaluate("seen.errors") == []


async def test_the_way_through_the_unit_hides_the_address_as_well(participants: Participants, tmp_path: Path) -> None:
    port = free_port()
    with relaying(tmp_path, participants, port=port):
        async with standing(participants, port) as stage:
            call = Call("unit", await hidden(stage, "unit", script=UNREACHABLE))

            await call.all(LOCKED)
            await call.see_each_other()

            for page in call.pages.values():
                assert set(await page.evaluate(PAIR)) == {"relay"}


@pytest.mark.skipif(EFFORT < 2, reason="takes a minute of offers in vain; done by make soak")
async def test_without_coturn_who_hides_is_told_and_gets_through_once_it_is_back(
    participants: Participants, tmp_path: Path
) -> None:
    port = free_port()
    async with standing(participants, port) as stage:
        open_ones = Call("open", {who: await stage.enter("open", who) for who in ("doctor", "patient")})
        await open_ones.all(DIRECT)  # who hides nothing needs no TURN server
        await stage.clear()
        call = Call("down", await hidden(stage, "down", clock=True))
        for page in call.pages.values():
            await hurried(page, "seen.states.includes('failed')")
            assert await page.evaluate(PAIR) == []

        with relaying(tmp_path, participants, port=port):
            await call.all("call.state === 'live'")
            await call.see_each_other()
            for page in call.pages.values():
                assert set(await page.evaluate(PAIR)) == {"relay"}
            await stage.clear()
