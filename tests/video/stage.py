"""A stage for calls of several: one server and one browser for a whole file of tests, a page for each participant."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.fixtures.browsers import Browsers, open_browsers
from tests.fixtures.participants import Participants
from tests.video.site import Site, open_site, until

COLORS: Final = {"doctor": "red", "patient": "green", "daughter": "blue", "nurse": "yellow", "interpreter": "pink"}
"""What the camera of each participant shows."""

UNREACHABLE: Final = "RTCPeerConnection.prototype.addIceCandidate = async () => {};"
"""A script for pages that do not reach each other directly, and so meet in the unit."""

LOCKED: Final = "globalThis.seen?.path === 'unit' && seen.lock && seen.words && call.state === 'live'"
_rooms = count(1)


@dataclass
class Stage:
    """The server, the browsers, and what is needed to put people on it."""

    site: Site
    browsers: Browsers
    browser: Browser
    pages: list[Page] = field(default_factory=list)
    _named: dict[str, Browser] = field(default_factory=dict)

    async def named(self, name: str) -> Browser:
        """One browser of a kind for all tests of the file: `chromium`, `firefox`, `chromium without devices`."""
        if name not in self._named:
            opening = {"firefox": self.browsers.firefox, "chromium": self.browsers.chromium}
            self._named[name] = await opening.get(name, partial(self.browsers.chromium, camera=False))()
        return self._named[name]

    async def open(
        self,
        room: str,
        who: str,
        *,
        browser: Browser | None = None,
        script: str = "",
        query: str = "",
        clock: bool = False,
        camera: bool = False,
    ) -> Page:
        """A page of this participant; `script` runs before any of ours.

        `clock`: its time can be moved on. `camera`: the browser's made-up camera in place of a pattern.
        """
        page = await (await (browser or self.browser).new_context()).new_page()
        self.pages.append(page)
        if clock:
            await page.clock.install()
        if script:
            await page.add_init_script(script)
        pattern = "" if camera else COLORS[who]
        address = f"http://{self.site.host}/page/call?room={room}&participant={who}&pattern={pattern}&places=4{query}"
        await page.goto(address)
        return page

    async def enter(self, room: str, who: str, **how: Any) -> Page:
        """The same, admitted."""
        page = await self.open(room, who, **how)
        await until(page, "globalThis.seen?.events.includes('welcome')")
        if who != "doctor":
            self.site.rooms.admit(room, who)
        return page

    async def call(self, *who: str, room: str = "", script: str = "") -> "Call":
        """These participants in a call through the unit, all of them with the lock on."""
        room = room or f"stage-{next(_rooms)}"
        pages = {one: await self.enter(room, one, script=script) for one in who}
        for page in pages.values():
            await until(page, f"{LOCKED} && seen.words.participants.length === {len(who)}")
        return Call(room, pages)

    async def clear(self) -> None:
        """Close all pages, so that they cost nothing more."""
        for page in self.pages:
            await page.context.close()
        self.pages.clear()
        self.site.rooms._rooms.clear()


@dataclass
class Call:
    """The pages of one call by participant."""

    room: str
    pages: dict[str, Page]

    async def all(self, expression: str) -> None:
        """Wait until this is true on every page."""
        await asyncio.gather(*(until(page, expression) for page in self.pages.values()))

    async def see_each_other(self) -> None:
        """Wait until every page shows every other's own picture, in that one's place, and it moves."""
        for viewer, page in self.pages.items():
            for who in self.pages.keys() - {viewer}:
                await until(page, f"look('{who}').color === '{COLORS[who]}' && look('{who}').bar >= 0")
                before = await page.evaluate(f"look('{who}').bar")
                await until(
                    page, f"look('{who}').color === '{COLORS[who]}' && ![-1, {before}].includes(look('{who}').bar)"
                )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(participants: Participants) -> AsyncIterator[Stage]:
    """The stage; tests that use it run in the loop of their module."""
    async with open_browsers(participants) as browsers, open_site() as site:
        chromium = await browsers.chromium()
        yield Stage(site, browsers, chromium, _named={"chromium": chromium})


@pytest_asyncio.fixture(loop_scope="module")
async def empty(stage: Stage) -> AsyncIterator[Stage]:
    """The stage without anybody, before and after a test."""
    yield stage
    await stage.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trio(stage: Stage) -> Call:
    """Physician, patient and daughter, for tests that leave them in the call."""
    return await stage.call("doctor", "patient", "daughter")
