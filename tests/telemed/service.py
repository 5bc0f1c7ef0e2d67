"""A running service inside the test: the real app on a real database, asked over HTTP with or without a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import FastAPI

from infra.clock import SystemClock
from infra.settings import Settings
from telemed.app import create_app
from telemed.identity import clients
from telemed.identity.models import Clinician
from telemed.identity.sessions import make_sign_in_link
from telemed.services import Services
from tests.telemed.identity.signing import Client, ec_key

BASE = "http://localhost:8000"
FHIR = "application/fhir+json"


@dataclass(frozen=True, repr=False)
class Service:
    """The app, its services, and a browser without cookies."""

    app: FastAPI
    services: Services
    http: httpx.AsyncClient

    def __repr__(self) -> str:
        """Its name; all that it is made of would fill pages."""
        return "Service"

    def _repr_pretty_(self, printer: Any, cycle: object) -> None:
        """The same for hypothesis, which looks into data classes itself."""
        printer.text(repr(self))

    def browser(self) -> httpx.AsyncClient:
        """Another browser with cookies of its own."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE)

    async def system(self, tenant: str, *, scope: str = "system/*.cruds") -> httpx.AsyncClient:
        """A clinic's system with a token for the scope."""
        headers = {"Authorization": f"Bearer {await self.token(tenant, scope=scope)}", "Content-Type": FHIR}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE, headers=headers)

    async def token(self, tenant: str, *, scope: str = "system/*.cruds") -> str:
        """An access token of a clinic's new system."""
        client = Client(f"{tenant}-system", ec_key())
        unit = partial(
            clients.register,
            client_id=client.client_id,
            tenant=tenant,
            jwks=client.jwks,
            scope="system/*.cruds",
            now=SystemClock().now(),
        )
        await self.services.database.write(lambda session: unit(session) and None)
        audience = f"{self.services.settings.base_url}/oauth/token"
        form = client.form(scope=scope, assertion=client.assertion(aud=audience))
        answer = await self.http.post("/oauth/token", data=form)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    async def sign_in_link(self, tenant: str, *, role: str = "physician", practitioner: str = "p-1") -> str:
        """The path of a one-click sign-in for a new clinician."""
        name = f"{tenant}-{practitioner}"

        def unit(session: Any) -> str:
            session.add(Clinician(id=name, tenant=tenant, practitioner_id=practitioner, role=role))
            return make_sign_in_link(session, self.services.vault, clinician_id=name)

        return f"/console/sign-in/{await self.services.database.write(unit)}"


def demo_settings(folder: Path, database_url: str) -> Settings:
    """Settings of a demo in this folder."""
    return Settings(environment="demo", data_dir=folder, database_url=database_url, base_url=BASE)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The service, started and stopped."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            yield Service(app, app.state.services, http)


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Service]:
    """The service on a real socket on loopback, at the address that its settings name."""
    app, port = create_app(settings), urlsplit(settings.base_url).port
    assert port is not None
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=settings.base_url) as http:
        yield Service(app, app.state.services, http)
    server.should_exit = True
    await task
