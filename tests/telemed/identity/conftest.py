"""A token endpoint on a real database, and a client that is registered with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from infra.clock import FixedClock, SystemClock
from infra.database import Database
from infra.vault import FileKeyProvider, Vault
from telemed.identity import clients
from telemed.identity.server import Answer, TokenEndpoint
from telemed.identity.tokens import TokenIssuer
from tests.telemed.identity.asking import Asking, asking, people_alone
from tests.telemed.identity.signing import ISSUER, TOKEN_URL, Client, ec_key

Ask = Callable[[dict[str, str]], Awaitable[Answer]]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(FileKeyProvider(tmp_path / "keys.json"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def issuer(database: Database, vault: Vault, clock: FixedClock) -> TokenIssuer:
    made = TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock)
    await made.load(database)
    return made


@pytest.fixture
async def client(database: Database, clock: FixedClock) -> Client:
    made = Client("clinic-a-system", ec_key())
    await register(database, made, clock=clock)
    return made


@pytest.fixture
def ask(database: Database, issuer: TokenIssuer, vault: Vault, clock: FixedClock) -> Ask:
    endpoint = TokenEndpoint(issuer, frozenset({TOKEN_URL, ISSUER}), TOKEN_URL, clock.now, vault)

    async def ask(form: dict[str, str]) -> Answer:
        return await database.write(lambda session: endpoint.answer(session, form))

    return ask


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """Apps of a clinic, and its doctor, signed in."""
    async with people_alone(tmp_path, database_url) as clinic:
        yield await asking(clinic)


async def register(
    database: Database, client: Client, *, clock: FixedClock, scope: str = "system/*.cruds", tenant: str = "clinic-a"
) -> None:
    """Register a test client."""
    await database.write(
        lambda session: (
            clients.register(
                session, client_id=client.client_id, tenant=tenant, jwks=client.jwks, scope=scope, now=clock.now()
            )
            and None
        )
    )
    await asyncio.sleep(0)
