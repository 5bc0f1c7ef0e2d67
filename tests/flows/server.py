"""The real app behind a real socket on loopback, as browsers reach it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from infra.settings import Environment, Settings
from tests.fixtures.processes import free_port
from tests.telemed.service import listening
from tests.telemed.visits.clinic import VIDEO, Clinic, furnish

MAIL_WITHIN = 60.0


@asynccontextmanager
async def serving(folder: Path, database_url: str) -> AsyncIterator[Clinic]:
    """A demo clinic with one video appointment; `code` is what the mail in the sink said."""
    port = free_port()
    base = f"http://localhost:{port}"
    settings = Settings(
        environment=Environment.DEMO, data_dir=folder, database_url=database_url, base_url=base, ice_loopback=True
    )
    async with listening(settings) as service:
        await service.services.database.write(lambda session: furnish(session, service.services))
        yield Clinic(service, await mailed_code(service.http))


async def mailed_code(http: httpx.AsyncClient) -> str:
    """The code in the link of the mail that the worker delivered to the sink."""
    async with asyncio.timeout(MAIL_WITHIN):
        while True:
            messages = (await http.get(f"/dev/outbox.json?appointment={VIDEO}")).json()["messages"]
            links = [message["join_url"] for message in messages if message["channel"] == "mail"]
            if links:
                return str(links[0]).partition("#")[2]
            await asyncio.sleep(0.05)
