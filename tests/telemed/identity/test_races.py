"""Fifty at once, over several real server processes on one database: one redemption wins, of a code and of a token."""

import asyncio
import base64
import hashlib
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session

from infra import migrate
from infra.caller import Role
from infra.clock import SystemClock
from infra.database import open_database
from infra.settings import Environment, Settings
from infra.vault import FileKeyProvider, Vault
from telemed.identity import grants
from telemed.identity.clients import App, register
from telemed.identity.grants import Allowed
from telemed.identity.models import Clinician
from telemed.identity.users import User, UserKind
from tests.architecture.tree import ROOT
from tests.crash.server import environment
from tests.fixtures.processes import answers, free_port, running

BACK = "https://app.example/cb"
SERVERS = 2
AT_ONCE = 50


@dataclass(frozen=True)
class Place:
    """Several servers on one database, and a vault with their keys."""

    bases: list[str]
    settings: Settings
    vault: Vault

    async def code(self, verifier: str) -> str:
        """A code for which somebody has just allowed the app something."""
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        allowed = Allowed("app", BACK, made, "user/Patient.rs offline_access")
        user = User(UserKind.CLINICIAN, "c-1", "a", Role.PHYSICIAN, "p-1")
        database, now = open_database(self.settings.database), SystemClock().now()
        code = await database.write(lambda session: grants.allow(session, self.vault, allowed, user=user, now=now))
        await database.close()
        return code

    async def all_at_once(self, form: dict[str, str]) -> list[httpx.Response]:
        """The answers to fifty of this form, spread over the servers."""
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(timeout=60, limits=limits) as http:
            asked = (
                http.post(f"{self.bases[n % SERVERS]}/oauth/token", data=form | {"client_id": "app"})
                for n in range(AT_ONCE)
            )
            return list(await asyncio.gather(*asked))


@pytest.fixture
async def place(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    """The servers, started; a public app and a clinician are registered."""
    settings = Settings(environment=Environment.DEMO, data_dir=tmp_path, database_url=empty_database_url)
    vault = Vault(FileKeyProvider(settings.keys))
    database, now = open_database(settings.database), SystemClock().now()

    def unit(session: Session) -> None:
        register(
            session, client_id="app", tenant="a", scope="user/*.rs offline_access", now=now, app=App("App", (BACK,))
        )
        session.add(Clinician(id="c-1", tenant="a", practitioner_id="p-1", role="physician"))

    await migrate.upgrade(database)
    await database.write(unit)
    await database.close()
    told = [f"{name}={value}" for name, value in environment(settings).items()]
    with ExitStack() as servers:
        ports = [free_port() for _ in range(SERVERS)]
        for port in ports:
            command = [
                "env",
                *told,
                f"PYTHONPATH={ROOT}",
                sys.executable,
                "-m",
                "telemed",
                "serve",
                "--port",
                str(port),
            ]
            servers.enter_context(
                running(command, tmp_path / f"{port}.log", ready=lambda port=port: answers(port), limit=60)  # type: ignore[misc]  # mypy gives up on the default
            )
        yield Place([f"http://127.0.0.1:{port}" for port in ports], settings, vault)


async def test_of_fifty_uses_over_two_processes_one_wins_of_a_code_and_of_a_refresh_token(place: Place) -> None:
    verifier = secrets.token_urlsafe(48)
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": verifier, "client_id": "app"}
    async with httpx.AsyncClient(timeout=60) as http:
        first = await http.post(f"{place.bases[0]}/oauth/token", data=form | {"code": await place.code(verifier)})

    of_code = await place.all_at_once(form | {"code": await place.code(verifier)})
    of_token = await place.all_at_once(refreshing(first))

    for told in (of_code, of_token):
        assert sorted(answer.status_code for answer in told) == [200] + [400] * (AT_ONCE - 1)
        assert {answer.json()["error"] for answer in told if answer.status_code == 400} == {"invalid_grant"}
        winner = next(answer for answer in told if answer.status_code == 200)
        async with httpx.AsyncClient(timeout=60) as http:
            after = await http.post(f"{place.bases[1]}/oauth/token", data=refreshing(winner) | {"client_id": "app"})
        assert after.json()["error"] == "invalid_grant", "the family has ended"


def refreshing(answer: httpx.Response) -> dict[str, str]:
    """The form that uses the refresh token of an answer."""
    return {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
