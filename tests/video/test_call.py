"""Calls between two real browsers under the strict content security policy."""

import asyncio

import pytest
from playwright.async_api import Page

from tests.fixtures.browsers import Browsers
from tests.video.site import Site, until

PAIRS = [("chromium", "chromium"), ("chromium", "firefox"), ("firefox", "chromium")]


async def open_page(browsers: Browsers, site: Site, *, browser: str, participant: str) -> Page:
    """A page of this participant in a browser of its own."""
    page = await (await browsers.named(browser)).new_page()
    await page.goto(f"http://{site.host}/page/call?room=room-1&participant={participant}")
    await until(page, "globalThis.seen?.events.includes('welcome')")
    return page


async def connected(browsers: Browsers, site: Site, *, pair: tuple[str, str]) -> tuple[Page, Page]:
    """Physician and patient in a live call."""
    doctor, patient = await asyncio.gather(
        open_page(browsers, site, browser=pair[0], participant="doctor"),
        open_page(browsers, site, browser=pair[1], participant="patient"),
    )
    site.rooms.admit("room-1")
    for page in (doctor, patient):
        await until(page, "seen.states.includes('live') && seen.words")
    return doctor, patient


@pytest.mark.parametrize("pair", PAIRS)
async def test_two_browsers_see_hear_and_read_each_other(browsers: Browsers, site: Site, pair: tuple[str, str]) -> None:
    doctor, patient = await connected(browsers, site, pair=pair)

    for page in (doctor, patient):
        first = await until(page, "seen.stats.framesDecoded")
        assert await until(page, f"seen.stats.framesDecoded > {first} && seen.stats.framesDecoded")
        assert await until(page, "document.getElementById('remote').currentTime > 0.5")
        assert await until(page, "seen.media?.audio && seen.media?.video")
        assert await page.evaluate("seen.errors") == []
    words = await doctor.evaluate("seen.words")
    assert words == await patient.evaluate("seen.words")
    assert len(set(words["words"])) > 1
    for writer, reader, text in ((doctor, patient, "Grüß Gott 👩‍⚕️"), (patient, doctor, "Mir geht’s schön")):
        await writer.locator("#text").press_sequentially(text)
        assert await until(reader, f"Object.values(seen.lines).some(l => l.from === 'peer' && l.text === '{text}')")
