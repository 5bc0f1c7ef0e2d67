"""Calls of those who hide their address, over a real coturn: every packet goes through it, or none does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.fixtures.processes import free_port
from tests.fixtures.turn import SECRET, relaying
from tests.video.site import open_site, until
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


async def hidden(stage: Stage, room: str, *, script: str = "") -> dict[str, Page]:
    """Physician and patient, both reached through the TURN server alone."""
    return {who: await stage.enter(room, who, query=HIDDEN, script=script) for who in ("doctor", "patient")}


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


async def test_without_coturn_who_hides_is_told_and_gets_through_once_it_is_back(
    participants: Participants, tmp_path: Path
) -> None:
    port = free_port()
    async with standing(participants, port) as stage:
        open_ones = Call("open", {who: await stage.enter("open", who) for who in ("doctor", "patient")})
        await open_ones.all(DIRECT)  # who hides nothing needs no TURN server
        await stage.clear()
        call = Call("down", await hidden(stage, "down"))
        for page in call.pages.values():
            await until(page, "seen.states.includes('failed')", within=90)
            assert await page.evaluate(
                "Object.keys(seen.remotes).length === 0 || look(Object.keys(seen.remotes)[0]).color"
            ) in (True, "")
            assert await page.evaluate(PAIR) == []

        with relaying(tmp_path, participants, port=port):
            await call.all("call.state === 'live'")
            await call.see_each_other()
            for page in call.pages.values():
                assert set(await page.evaluate(PAIR)) == {"relay"}
            await stage.clear()
