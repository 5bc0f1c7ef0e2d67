"""Browsers at the console's door: how they get in over HTTP."""

from functools import partial
from typing import Any

import httpx

from infra.clock import SystemClock
from telemed.signin import invitations
from tests.telemed.service import BASE, Service
from tests.telemed.signin.authenticator import Authenticator
from tests.telemed.signin.people import clinician, registered

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


def browser(service: Service, *, agent: str = FIREFOX) -> httpx.AsyncClient:
    """Another browser, on one of our own pages."""
    made = service.browser()
    made.headers.update(OWN_PAGE | {"User-Agent": agent, "Accept-Language": "en"})
    return made


async def invitation(service: Service, id: str, *, role: str = "physician") -> str:
    """The token of an invitation for a new clinician."""
    await registered(service.services.database, clinician(id, role=role))
    unit = partial(invitations.invite, vault=service.services.vault, clinician_id=id, now=SystemClock().now())
    return await service.services.database.write(unit)


async def enrolled(
    service: Service, id: str, *, role: str = "physician"
) -> tuple[httpx.AsyncClient, Authenticator, list[str]]:
    """A signed-in browser of a new clinician, their authenticator, and their recovery codes."""
    token, made, device = await invitation(service, id, role=role), browser(service), Authenticator(BASE)
    asked = (await made.post("/console/enrol/options", json={"token": token})).raise_for_status().json()
    sent = {"token": token, "name": "Phone", "credential": device.create(asked["publicKey"])}
    answer = (await made.post("/console/enrol", json=sent)).raise_for_status()
    return made, device, answer.json()["codes"]


async def sign_in(made: httpx.AsyncClient, device: Authenticator) -> httpx.Response:
    """The answer to a passkey shown in this browser."""
    return await made.post("/console/passkey", json=await asked(made, device))


async def asked(made: httpx.AsyncClient, device: Authenticator) -> dict[str, Any]:
    """What the authenticator says to a challenge for this browser."""
    options = (await made.post("/console/passkey/options", json={})).raise_for_status().json()
    return device.get(options["publicKey"])


async def step_up(made: httpx.AsyncClient, device: Authenticator) -> httpx.Response:
    """The answer to a passkey shown again."""
    options = (await made.post("/console/step-up/options", json={})).raise_for_status().json()
    return await made.post("/console/step-up", json=device.get(options["publicKey"]))
