"""The real app behind a real socket on loopback, as browsers reach it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn

from infra.settings import Settings
from telemed.app import create_app
from tests.fixtures.processes import free_port
from tests.telemed.service import Service
from tests.telemed.visits.clinic import Clinic, furnish


@asynccontextmanager
async def serving(folder: Path, database_url: str) -> AsyncIterator[Clinic]:
    """A demo clinic with one video appointment, served at `clinic.services.settings.base_url`."""
    port = free_port()
    base = f"http://localhost:{port}"
    settings = Settings(
        environment="demo", data_dir=folder, database_url=database_url, base_url=base, ice_loopback=True
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=base) as http:
            service = Service(app, app.state.services, http)
            code = await service.services.database.write(lambda session: furnish(session, service.services))
            yield Clinic(service, code)
        server.should_exit = True
