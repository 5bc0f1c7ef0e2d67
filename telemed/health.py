"""Health for those who run the service: `/livez` for the process, `/readyz` for everything it needs."""

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from fhir import reindex
from infra.problems import Unavailable
from telemed.services import Services, services_of

router = APIRouter()

PATIENCE = 5.0
ROOM = 4_194_304  # bytes: about what the database writes at once before it makes room


@router.get("/livez")
async def livez() -> Response:
    """For everybody: the process answers."""
    return Response(b'{"status":"alive"}', media_type="application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """For everybody: 200 if database, keys, disk and worker are there, 503 with the names of those that are not.

    `due` names what an operator should do while the service goes on.
    """
    services = services_of(request)
    failing = await failing_parts(services)
    if failing:
        body = {"status": "unavailable", "failing": failing}
    elif await services.database.read(reindex.due):
        body = {"status": "ready", "due": ["reindex"]}
    else:
        body = {"status": "ready"}
    return Response(msgspec.json.encode(body), 503 if failing else 200, media_type="application/json")


async def failing_parts(services: Services) -> list[str]:
    """The names of the parts that do not work now."""
    parts: dict[str, Callable[[Services], Awaitable[bool]]] = {
        "database": _database,
        "disk": _disk,
        "keys": _keys,
        "worker": _worker,
    }
    answers = await asyncio.gather(*(_patiently(check, services) for check in parts.values()))
    return [name for name, works in zip(parts, answers, strict=True) if not works]


async def _patiently(check: Callable[[Services], Awaitable[bool]], services: Services) -> bool:
    try:
        return await asyncio.wait_for(check(services), PATIENCE)
    except (TimeoutError, Unavailable, OSError):
        return False


async def _database(services: Services) -> bool:
    return await services.database.read(lambda session: session.connection().execute(select(1)).scalar_one() == 1)


async def _disk(services: Services) -> bool:
    # Nothing is read without a line in the log, so that a full disk ends reading, too.
    return shutil.disk_usage(services.settings.data_dir).free >= ROOM


async def _keys(services: Services) -> bool:
    # In a thread: a key server is asked over the network.
    return await asyncio.to_thread(_wraps_and_unwraps, services)


def _wraps_and_unwraps(services: Services) -> bool:
    provider, key = services.vault.provider, secrets.token_bytes(32)
    wrap = provider.wrap(key, context=b"readyz")
    return provider.unwrap(wrap.wrapped, version=wrap.version, context=b"readyz") == key


async def _worker(services: Services) -> bool:
    return await services.queue.alive()
