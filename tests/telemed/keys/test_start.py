"""What a start and the doctor ask of the keys, and what a service does whose key server falls silent."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from infra import migrate
from infra.database import open_database
from infra.problems import Problem
from infra.settings import Settings
from infra.vault import FileKeyProvider, KeysUnusable
from telemed.keys.erasing import erase
from telemed.keys.service import shredded, state
from telemed.ledger.service import verified
from telemed.operators import findings
from telemed.startup import StartRefused, preflight
from tests.infra.vault_server import VaultServer, vault_running
from tests.telemed.keys.patients import order, registered, status
from tests.telemed.service import demo_settings, running


@pytest.fixture
def server() -> Iterator[VaultServer]:
    """A Vault server of this test alone."""
    with vault_running() as started:
        yield started


@pytest.fixture
async def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    """A demo whose tables are made."""
    database = open_database(empty_database_url)
    await migrate.upgrade(database)
    await database.close()
    return demo_settings(tmp_path, empty_database_url)


async def said_of_the_keys(settings: Settings) -> str:
    """What the doctor advises about the keys."""
    (found,) = (finding for finding in await findings(settings) if finding.part == "keys")
    assert found.good == (not found.advice)
    return found.advice


async def test_keys_of_another_service_do_not_start_and_the_doctor_says_so(settings: Settings) -> None:
    async with running(settings) as service:
        await registered(await service.system("a"), "Muster")
    await preflight(settings)
    assert await said_of_the_keys(settings) == ""
    elsewhere = settings.model_copy(update={"key_file": settings.data_dir / "others.json"})
    FileKeyProvider(elsewhere.keys)

    with pytest.raises(KeysUnusable, match="do not open what is stored"):
        await preflight(elsewhere)
    assert "others.json do not open what is stored" in await said_of_the_keys(elsewhere)


async def test_a_key_file_that_is_gone_is_told_and_no_new_one_is_made(settings: Settings, tmp_path: Path) -> None:
    assert "The first start makes one" in await said_of_the_keys(settings)
    async with running(settings) as service:
        id = await registered(await service.system("a"), "Muster")
    kept = settings.keys.rename(tmp_path / "copy.json")

    for command in (
        preflight,
        partial(verified, tell=print),
        state,
        partial(shredded, patient=id, reason="asked for it"),
    ):
        with pytest.raises(Problem, match=r"key file .* is gone|no key file"):
            await command(settings)
    with pytest.raises(StartRefused, match="is gone"):
        async with running(settings):
            pass
    assert "is gone" in await said_of_the_keys(settings)
    assert not settings.keys.exists()
    kept.rename(settings.keys)
    async with running(settings) as service:
        assert await status(await service.system("a"), id) == 200


async def test_a_list_of_destroyed_keys_that_was_changed_does_not_start(settings: Settings) -> None:
    async with running(settings) as service:
        http = await service.system("a")
        for _ in range(2):
            await erase(service.services.eraser, order(await registered(http, "Muster")))
    content = settings.destroyed_keys.read_bytes()
    settings.destroyed_keys.write_bytes(content.replace(b'"tenant": "a"', b'"tenant": "b"', 1))

    with pytest.raises(KeysUnusable, match="list of destroyed keys was changed"):
        await preflight(settings)
    with pytest.raises(KeysUnusable):
        async with running(settings):
            pass
    assert "list of destroyed keys" in await said_of_the_keys(settings)


async def test_the_doctor_misses_lines_and_the_next_start_adds_them(settings: Settings) -> None:
    async with running(settings) as service:
        await erase(service.services.eraser, order(await registered(await service.system("a"), "Muster")))
    settings.destroyed_keys.unlink()

    before = await said_of_the_keys(settings)
    async with running(settings) as service:
        lines = service.services.eraser.listed.lines()

    assert "knows erasures that" in before and len(lines) == 1
    assert await said_of_the_keys(settings) == ""


async def test_a_service_whose_key_server_falls_silent_says_so_and_serves_what_is_open(
    settings: Settings, server: VaultServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(server.token)
    changed = {"key_provider": "vault", "vault_url": server.url, "vault_token_file": token}
    async with running(settings.model_copy(update=changed)) as service:
        http = await service.system("a")
        known, other = await registered(http, "Muster", treated=True), await registered(http, "Muster")

        server.sealed = True

        assert [await status(http, id) for id in (known, other)] == [200, 503]
        ready = await service.http.get("/readyz")
        assert (ready.status_code, ready.json()["failing"]) == (503, ["keys"])
        service.services.vault.provider.close()  # type: ignore[attr-defined]  # the key server's has connections
