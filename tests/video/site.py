"""A site for the browser tests: the routes, the modules and the test pages under the strict content security policy."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from playwright.async_api import Page

from infra.web import Application, install
from tests.video.crossing import Gate
from tests.video.office import KEY, Office, bound, origins, serving
from video import WEB
from video.embedded import Embedded
from video.ice import Ice
from video.link import Link, straight
from video.media import Media
from video.messages import Close
from video.precheck import Precheck
from video.rooms import Rooms
from video.routes import router
from video.tickets import Tickets
from video.unit import ForwardingUnit

PAGES = WEB.parents[1] / "tests" / "video" / "pages"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PATIENCE = 30.0
LOOPBACK = ("127.0.0.1",)


@dataclass
class Site(Office):
    """A running server with pages, and its pre-call check."""

    precheck: Precheck
    media: Media

    @property
    def embedded(self) -> Embedded:
        """The forwarding unit of the process itself."""
        assert isinstance(self.media, Embedded)
        return self.media

    async def another_unit(self) -> None:
        """End the forwarding unit with all calls, as a killed worker does, and have another in its place."""
        before = self.embedded.unit
        self.embedded.unit = ForwardingUnit(Ice(), tell=before._tell, addresses=LOOPBACK)
        await before.close()

    def drop(self, room: str) -> None:
        """Lose the signalling connections of a room, as a network that changes does."""
        for line in list(self.rooms._rooms[room].lines.values()):
            line.close(Close.BUSY)


@asynccontextmanager
async def open_site(
    link: Link = straight,
    *,
    ice: Ice | None = None,
    gate: Gate | None = None,
    placed: Callable[[Rooms], Media] | None = None,
    port: int = 0,
) -> AsyncIterator[Site]:
    """A running server with rooms, modules and test pages; pages come through `gate`, media of its unit cross `link`,
    unless they are `placed`."""
    listening, ice = bound(port), ice or Ice()
    port = listening.getsockname()[1]
    async with AsyncExitStack() as stack:
        if gate is not None:
            port = await stack.enter_async_context(gate.before(port))
        host = f"127.0.0.1:{port}"
        rooms = Rooms()
        media = placed(rooms) if placed else Embedded(rooms, ice, addresses=LOOPBACK, link=link)
        office = Site(rooms, Tickets(KEY), host, Precheck(Ice(), addresses=LOOPBACK), media)
        await stack.enter_async_context(media.running())
        await stack.enter_async_context(serving(_app(office, ice), listening))
        yield office
        await office.precheck.close()


def _app(office: Site, ice: Ice) -> Application:
    app = Application()
    install(app, limits={"": 100_000}, renders={})
    app.include_router(
        router(
            office.rooms,
            office.tickets,
            ice=ice,
            precheck=office.precheck,
            origins=origins(office.host),
            unit=office.media,
        )
    )
    app.mount("/video-web", StaticFiles(directory=WEB))
    app.mount("/pages", StaticFiles(directory=PAGES))

    @app.middleware("http")
    async def strict(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        return response

    @app.get("/page/{name}")
    def page(name: str) -> FileResponse:
        return FileResponse(PAGES / f"{name}.html")

    @app.get("/ticket/{room}/{participant}")
    def ticket(room: str, participant: str) -> PlainTextResponse:
        return PlainTextResponse(office.ticket(participant, room=room))

    return app


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A running server for one test."""
    async with open_site() as running:
        yield running


async def until(page: Page, expression: str, *, within: float = PATIENCE) -> Any:
    """The value of an expression as soon as it is true; polled, because waiting inside the page needs eval."""
    end = time.monotonic() + within
    while not (value := await page.evaluate(expression)):
        if time.monotonic() > end:
            raise TimeoutError(f"{expression}: {await page.evaluate('globalThis.seen')}")
        await asyncio.sleep(0.05)  # a page has no event for what only a poll may ask
    return value
