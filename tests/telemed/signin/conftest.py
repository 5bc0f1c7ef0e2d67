"""Both identity providers behind one set of tests: what is theirs is how a person is made to prove themselves."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from infra.clock import FixedClock, SystemClock
from infra.database import Database
from infra.vault import FileKeyProvider, Vault
from telemed.signin import external
from telemed.signin.external import CALLBACK, ExternalProvider, House
from telemed.signin.passkeys import EmbeddedProvider
from telemed.signin.provider import IdentityProvider
from tests.fixtures.openid import CLIENT, SECRET, OpenId, Start
from tests.telemed.signin.people import PARTY, clinician, passkey_of, registered


@dataclass(frozen=True)
class Rig:
    """An identity provider, its clock, and what a browser does between `begin` and `finish`."""

    provider: IdentityProvider
    clock: FixedClock
    database: Database
    # The answer of a clinician's browser to what `begin` gave it.
    prove: Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


@pytest.fixture
def database_kind() -> str:
    """SQLite will do; what several do at once names both databases itself."""
    return "sqlite"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(FileKeyProvider(tmp_path / "keys.json"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture(params=["embedded", "external"])
async def rig(request: pytest.FixtureRequest, database: Database, vault: Vault, clock: FixedClock) -> Rig:
    """Either provider, with three clinicians: anke, bert, and gone, who has left."""
    people = (clinician("anke"), clinician("bert"), clinician("gone", active=False))
    await registered(database, *people)
    if request.param == "embedded":
        return await _embedded(database, vault, clock)
    return await _external(database, vault, clock, request.getfixturevalue("openid"))


async def _embedded(database: Database, vault: Vault, clock: FixedClock) -> Rig:
    devices = {id: await passkey_of(database, vault, id, now=clock.now()) for id in ("anke", "bert", "gone")}
    provider = EmbeddedProvider(database, vault, party=PARTY, clock=clock)

    async def prove(who: str, begun: Mapping[str, Any]) -> dict[str, Any]:
        if who not in devices:
            devices[who] = type(devices["anke"])(PARTY.origin)
        return devices[who].get(begun["publicKey"])

    return Rig(provider, clock, database, prove)


async def _external(database: Database, vault: Vault, clock: FixedClock, start: Start) -> Rig:
    redirect_uri = PARTY.origin + CALLBACK
    server = start(redirect_uri)
    house = House(server.issuer, CLIENT, SECRET, redirect_uri, "staff", "")
    for id in ("anke", "bert", "gone"):
        unit = partial(external.connect, vault=vault, house=house, clinician_id=id, subject=f"staff-{id}")
        await database.write(unit)
    provider = ExternalProvider(database, vault, house=house, clock=clock)

    async def prove(who: str, begun: Mapping[str, Any]) -> dict[str, Any]:
        server.user(who)
        return await walk(server, str(begun["location"]))

    return Rig(provider, clock, database, prove)


async def walk(server: OpenId, location: str) -> dict[str, Any]:
    """What the provider sends a browser back to us with."""
    async with httpx.AsyncClient() as browser:
        while location.startswith(server.issuer):
            answer = await browser.get(location)
            assert answer.status_code in (302, 303), answer.text
            location = str(answer.next_request.url) if answer.next_request else ""
    return dict(parse_qsl(urlsplit(location).query))
