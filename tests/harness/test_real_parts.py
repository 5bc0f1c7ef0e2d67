"""The databases, servers and browsers of the tests are real and fresh for each test."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from infra.database import Database, Session
from tests.fixtures.browsers import Browsers
from tests.fixtures.processes import scrubbed


@asynccontextmanager
async def _page_server(html: str) -> AsyncIterator[str]:
    """The address of a server that answers everything with one page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(html)}\r\nConnection: close\r\n\r\n"
        writer.write((head + html).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"


def _leave_a_table(session: Session) -> None:
    session.execute(text("CREATE TABLE leftover (id INTEGER)"))


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_what_one_test_wrote_the_next_does_not_find(database: Database, turn: str) -> None:
    await database.write(_leave_a_table)  # would fail the second time if the table were still there

    rows = await database.read(lambda session: session.execute(text("SELECT count(*) FROM leftover")).scalar_one())

    assert rows == 0


async def test_an_empty_database_has_no_tables(empty_database_url: str, database_kind: str) -> None:
    assert empty_database_url.startswith(database_kind)


async def test_redis_is_real_and_empty(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        info = await redis.info("server")

        assert info["redis_mode"] == "standalone"
        assert await redis.dbsize() == 0


@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_browser_shows_a_page_and_gives_a_made_up_camera(browsers: Browsers, name: str) -> None:
    browser = await browsers.named(name)
    page = await browser.new_page()
    async with _page_server("<title>Warteraum</title>") as address:
        await page.goto(address)

        kinds = await page.evaluate(
            "async () => (await navigator.mediaDevices.getUserMedia({video: true, audio: true})).getTracks().map(t => t.kind)"
        )

        assert await page.title() == "Warteraum"
        assert sorted(kinds) == ["audio", "video"]


def test_child_processes_see_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMED_DATABASE_URL", "postgresql://elsewhere")

    environment = scrubbed(PORT="1")

    assert set(environment) <= {"PATH", "COVERAGE_PROCESS_CONFIG", "LC_ALL", "TZ", "PORT"}
    assert os.environ["PATH"] == environment["PATH"]
