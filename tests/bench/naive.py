"""The naive route: what the same stack does without us, as its own tutorials write it. It stores and returns the bytes.

FastAPI, SQLModel's AsyncSession as a dependency, a row and a commit for each request. No token, no rules, no keys, no
index, no history, no log. `python -m tests.bench.naive DATABASE_URL PORT`.
"""

import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.bench.raw import MEDIA_TYPE, PRAGMAS

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Kept(SQLModel, table=True):
    """The bytes of a request."""

    id: str = Field(primary_key=True)
    body: bytes


def create_app(url: str) -> FastAPI:
    """Two routes: store bytes, return bytes."""
    scheme, _, rest = url.partition("://")
    engine = create_async_engine(f"{DRIVERS[scheme]}://{rest}", pool_size=10)
    if scheme == "sqlite":
        event.listen(engine.sync_engine, "connect", _durable)

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine, expire_on_commit=False) as opened:
            yield opened

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        yield
        await engine.dispose()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.post("/{type}")
    async def create(
        request: Request, type: str, session: Annotated[AsyncSession, Depends(session, scope="function")]
    ) -> Response:
        kept = Kept(id=secrets.token_hex(16), body=await request.body())
        session.add(kept)
        await session.commit()
        return Response(kept.body, 201, headers={"Location": f"/{type}/{kept.id}"}, media_type=MEDIA_TYPE)

    @app.get("/{type}/{id}")
    async def read(
        type: str, id: str, session: Annotated[AsyncSession, Depends(session, scope="function")]
    ) -> Response:
        kept = await session.get(Kept, id)
        return Response(kept.body if kept else b"", 200 if kept else 404, media_type=MEDIA_TYPE)

    return app


def _durable(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (*PRAGMAS, "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


if __name__ == "__main__":
    url, port = sys.argv[1:]
    uvicorn.run(create_app(url), port=int(port), log_config=None, access_log=False, server_header=False, loop="uvloop")
