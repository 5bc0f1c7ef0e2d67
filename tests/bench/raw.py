"""The raw route: the same FastAPI, a route that speaks to the driver itself and stores and returns the bytes untouched.

No token, no rules, no keys, no index, no history, no log, and no session between route and driver.
`python -m tests.bench.raw DATABASE_URL MODE PORT`.
"""

import asyncio
import queue
import secrets
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Protocol

import aiosqlite
import asyncpg  # type: ignore[import-untyped]  # has no stubs
import uvicorn
from fastapi import FastAPI, Request, Response

TABLE = "CREATE TABLE IF NOT EXISTS raw (id TEXT PRIMARY KEY, body {binary} NOT NULL)"
INSERT = "INSERT INTO raw (id, body) VALUES (?, ?)"
SELECT = "SELECT body FROM raw WHERE id = ?"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL")
GROUP = 128
MEDIA_TYPE = "application/fhir+json"


class Mode(StrEnum):
    """How the bytes reach the disk."""

    EACH = "each"  # SQLite, a commit for each request
    GROUP = "group"  # SQLite, one writer thread whose commits are shared, as ours
    POSTGRES = "postgres"


class Bytes(Protocol):
    """A place for bytes."""

    async def open(self) -> None:
        """Nothing; the table exists."""
        ...

    async def add(self, id: str, body: bytes) -> None:
        """Nothing; the bytes are durable."""
        ...

    async def get(self, id: str) -> bytes | None:
        """The bytes, if they are there."""
        ...

    async def close(self) -> None:
        """Nothing; everything is closed."""
        ...


class EachCommit:
    """SQLite through aiosqlite, one commit a request."""

    def __init__(self, file: str) -> None:
        self.file = file

    async def open(self) -> None:
        """Nothing; the table exists."""
        self.connection = await aiosqlite.connect(self.file, isolation_level=None)
        for pragma in PRAGMAS:
            await self.connection.execute(f"PRAGMA {pragma}")
        await self.connection.execute(TABLE.format(binary="BLOB"))

    async def add(self, id: str, body: bytes) -> None:
        """Nothing; the bytes are committed."""
        await self.connection.execute(INSERT, (id, body))

    async def get(self, id: str) -> bytes | None:
        """The bytes, if they are there."""
        found = await self.connection.execute_fetchall(SELECT, (id,))
        return next((bytes(row[0]) for row in found), None)

    async def close(self) -> None:
        """Nothing; the connection is closed."""
        await self.connection.close()


class GroupCommit(EachCommit):
    """The same reads; writes of all requests share the commits of one thread."""

    async def open(self) -> None:
        """Nothing; the table exists and the writer runs."""
        await super().open()
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    async def add(self, id: str, body: bytes) -> None:
        """Nothing; the group that holds the bytes is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.put((id, body, done))
        await done

    async def close(self) -> None:
        """Nothing; the writer has ended."""
        self.waiting.put(None)
        self.thread.join()
        await super().close()

    def _write(self) -> None:
        connection = sqlite3.connect(self.file, isolation_level=None)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        while (first := self.waiting.get()) is not None:
            group = [first]
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(INSERT, first[:2])
            while len(group) < GROUP and not self.waiting.empty() and (ticket := self.waiting.get()) is not None:
                connection.execute(INSERT, ticket[:2])
                group.append(ticket)
            connection.execute("COMMIT")
            for *_, done in group:
                done.get_loop().call_soon_threadsafe(done.set_result, None)
        connection.close()


class Postgres:
    """PostgreSQL through asyncpg, one statement a request."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> None:
        """Nothing; the table exists."""
        self.pool = await asyncpg.create_pool(self.url, min_size=10, max_size=10)
        await self.pool.execute(TABLE.format(binary="BYTEA"))

    async def add(self, id: str, body: bytes) -> None:
        """Nothing; the bytes are committed."""
        await self.pool.execute("INSERT INTO raw (id, body) VALUES ($1, $2)", id, body)

    async def get(self, id: str) -> bytes | None:
        """The bytes, if they are there."""
        found: bytes | None = await self.pool.fetchval("SELECT body FROM raw WHERE id = $1", id)
        return found

    async def close(self) -> None:
        """Nothing; the pool is closed."""
        await self.pool.close()


def create_app(store: Bytes) -> FastAPI:
    """Two routes: store bytes, return bytes."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await store.open()
        yield
        await store.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.post("/{type}")
    async def create(request: Request, type: str) -> Response:
        id, body = secrets.token_hex(16), await request.body()
        await store.add(id, body)
        return Response(body, 201, headers={"Location": f"/{type}/{id}"}, media_type=MEDIA_TYPE)

    @app.get("/{type}/{id}")
    async def read(type: str, id: str) -> Response:
        body = await store.get(id)
        return Response(body or b"", 200 if body else 404, media_type=MEDIA_TYPE)

    return app


def store_of(url: str, mode: Mode) -> Bytes:
    """The place for bytes at this address."""
    match mode:
        case Mode.EACH:
            return EachCommit(url.removeprefix("sqlite:///"))
        case Mode.GROUP:
            return GroupCommit(url.removeprefix("sqlite:///"))
        case Mode.POSTGRES:
            return Postgres(url)


if __name__ == "__main__":
    url, mode, port = sys.argv[1:]
    app = create_app(store_of(url, Mode(mode)))
    uvicorn.run(app, port=int(port), log_config=None, access_log=False, server_header=False, loop="uvloop")
