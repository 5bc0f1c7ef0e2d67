"""Calls between two real browsers under the strict content security policy."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from playwright.async_api import Page

from tests.fixtures.browsers import Browsers
from tests.video.conftest import KEY, Office, bound, origins, serving
from video import WEB
from video.ice import Ice
from video.rooms import Rooms
from video.routes import router
from video.tickets import Tickets

PAGES = WEB.parents[1] / "tests" / "video" / "pages"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAIRS = [("chromium", "chromium"), ("chromium", "firefox"), ("firefox", "chromium")]
PATIENCE = 30.0


@pytest.fixture
async def site() -> AsyncIterator[Office]:
    """A running server with rooms, modules and test pages."""
    listening = bound()
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    office = Office(Rooms(), Tickets(KEY), host)
    app = FastAPI()
    app.include_router(router(office.rooms, office.tickets, ice=Ice(), origins=origins(host)))
    app.mount("/video-web", StaticFiles(directory=WEB))
    app.mount("/pages", StaticFiles(directory=PAGES))

    @app.middleware("http")
    async def strict(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        return response

    @app.get("/call")
    def call() -> FileResponse:
        return FileResponse(PAGES / "call.html")

    @app.get("/ticket/{room}/{participant}")
    def ticket(room: str, participant: str) -> PlainTextResponse:
        return PlainTextResponse(office.ticket(participant, room=room))

    async with serving(app, listening):
        yield office


async def until(page: Page, expression: str, *, within: float = PATIENCE) -> Any:
    """The value of an expression as soon as it is true; polled, because waiting inside the page needs eval."""
    end = time.monotonic() + within
    while not (value := await page.evaluate(expression)):
        if time.monotonic() > end:
            raise TimeoutError(f"{expression}: {await page.evaluate('globalThis.seen')}")
        await asyncio.sleep(0.05)  # a page has no event for what only a poll may ask
    return value


async def open_page(browsers: Browsers, site: Office, *, browser: str, participant: str) -> Page:
    """A page of this participant in a browser of its own."""
    page = await (await browsers.named(browser)).new_page()
    await page.goto(f"http://{site.host}/call?room=room-1&participant={participant}")
    await until(page, "globalThis.seen?.events.includes('welcome')")
    return page


async def connected(browsers: Browsers, site: Office, *, pair: tuple[str, str]) -> tuple[Page, Page]:
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
async def test_two_browsers_see_hear_and_read_each_other(
    browsers: Browsers, site: Office, pair: tuple[str, str]
) -> None:
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
