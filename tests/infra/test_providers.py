"""What every key provider promises, and what the one on a Vault server does when that is not well."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.database import Database
from infra.settings import Environment, Settings
from infra.vault import Binding, FileKeyProvider, KeyProvider, KeysUnusable, Vault, Wrap, key_provider
from infra.vault.rewrap import rewrap
from infra.vault.state import key_state
from infra.vault.transit import KeyServerSilent, TransitKeyProvider
from tests.infra.vault_server import VaultServer, vault_running

Made = Callable[[], KeyProvider]
HERE = Binding("clinic", "Patient", "p", 1, "aa")


@pytest.fixture
def server() -> Iterator[VaultServer]:
    """A Vault server of this test alone."""
    with vault_running() as running:
        yield running


@pytest.fixture
def token_file(server: VaultServer, tmp_path: Path) -> Path:
    """The file with the server's token."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(f"{server.token}\n")
    return path


@pytest.fixture
def transit(server: VaultServer, token_file: Path) -> Iterator[Made]:
    """What makes a provider for the server: one for each process."""
    made: list[TransitKeyProvider] = []

    def make() -> KeyProvider:
        made.append(TransitKeyProvider(server.url, token_file=token_file, mount="transit", key="telemed"))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["file", "vault"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """What makes a provider for the same keys each time."""
    if request.param == "vault":
        made: Made = request.getfixturevalue("transit")
        return made
    return lambda: FileKeyProvider(tmp_path / "keys.json")


def test_a_wrapped_key_unwraps_in_every_process_and_only_in_its_context(make: Made) -> None:
    wrap = make().wrap(b"key", context=b"here")

    assert b"key" not in wrap.wrapped and wrap.version == 1
    assert make().unwrap(wrap.wrapped, version=1, context=b"here") == b"key"
    for version, context, wrapped in ((1, b"there", wrap.wrapped), (2, b"here", wrap.wrapped), (1, b"here", b"x" * 60)):
        with pytest.raises(KeysUnusable):
            make().unwrap(wrapped, version=version, context=context)


def test_each_purpose_has_a_secret_that_no_rotation_changes(make: Made) -> None:
    provider = make()
    first = provider.secret("index")
    provider.rotate()

    assert len(first) == 32 and first != provider.secret("other")
    assert make().secret("index") == provider.secret("index") == first


def test_a_rotation_is_seen_by_a_running_process_and_old_wraps_open(make: Made) -> None:
    running, other = make(), make()
    old = running.wrap(b"key", context=b"here")

    assert other.rotate() == running.current == 2

    new = running.wrap(b"key", context=b"here")
    assert new.version == 2
    assert [running.unwrap(w.wrapped, version=w.version, context=b"here") for w in (old, new)] == [b"key"] * 2


def test_many_are_wrapped_anew_at_once_and_a_foreign_one_is_refused(make: Made) -> None:
    provider = make()
    contexts = [b"%d" % number for number in range(300)]
    wraps = [provider.wrap(b"key", context=context) for context in contexts[:2]] * 150
    provider.rotate()

    again = provider.rewrap(wraps, contexts=contexts[:2] * 150)

    assert {wrap.version for wrap in again} == {2} and len(again) == 300
    assert provider.unwrap(again[-1].wrapped, version=2, context=contexts[1]) == b"key"
    with pytest.raises(KeysUnusable):
        provider.rewrap([*wraps[:2], wraps[0]], contexts=contexts[:3])


def test_it_says_where_the_keys_are_and_nothing_secret(make: Made) -> None:
    assert make().place.startswith(("the file /", "the key telemed of transit at http://127.0.0.1:"))


async def test_the_record_is_sealed_and_rotated_with_a_key_server(database: Database, transit: Made) -> None:
    vault = Vault(transit())
    sealed = await database.write(lambda session: vault.seal(session, b"secret", to=HERE))
    vault.provider.rotate()

    assert await rewrap(database, vault.provider) == 1

    state = await database.read(partial(key_state, vault=vault))
    fresh = Vault(transit())
    assert (state.current, dict(state.wrapped), state.older) == (2, {2: 1}, 0)
    assert await database.read(lambda session: fresh.open_alone(session, sealed, to=HERE)) == b"secret"


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_is_open_serves_on_while_the_key_server_is_silent(
    database: Database, transit: Made, server: VaultServer
) -> None:
    vault, cold = Vault(transit()), Vault(transit())
    sealed = await database.write(lambda session: vault.seal(session, b"secret", to=HERE))
    await database.read(lambda session: vault.open_alone(session, sealed, to=HERE))
    server.sealed, before = True, server.asked

    opened = await database.read(lambda session: vault.open_alone(session, sealed, to=HERE))
    for _ in range(3):
        with pytest.raises(KeyServerSilent) as silent:
            await database.read(lambda session: cold.open_alone(session, sealed, to=HERE))

    assert opened == b"secret" and silent.value.status == 503
    assert server.asked == before + 1, "after no answer, the next ones are refused without asking"


def test_a_key_server_that_is_not_there_is_said(token_file: Path) -> None:
    with pytest.raises(KeyServerSilent):
        TransitKeyProvider("http://127.0.0.1:1", token_file=token_file, mount="transit", key="telemed")


def test_a_token_that_an_agent_renewed_is_read_again(transit: Made, server: VaultServer, token_file: Path) -> None:
    provider = transit()
    wrap = provider.wrap(b"key", context=b"here")
    server.token = "s.second"
    token_file.write_text("s.second")

    assert provider.unwrap(wrap.wrapped, version=1, context=b"here") == b"key"
    server.token = "s.third"
    with pytest.raises(KeysUnusable, match="refuses the token"):
        provider.unwrap(wrap.wrapped, version=1, context=b"here")


def test_missing_keys_are_named_with_the_commands_that_make_them(transit: Made, server: VaultServer) -> None:
    del server.keys["telemed-root"]

    with pytest.raises(KeysUnusable, match="vault write transit/keys/telemed derived=true"):
        transit()


def test_a_token_file_that_others_can_read_or_that_is_not_there_is_refused(transit: Made, token_file: Path) -> None:
    token_file.chmod(0o644)
    with pytest.raises(KeysUnusable, match="0600"):
        transit()
    token_file.unlink()
    with pytest.raises(KeysUnusable, match="can't be read"):
        transit()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"key_provider": "other"}, "'file' or 'vault'"),
        ({"vault_url": "vault.example"}, "TELEMED_VAULT_URL"),
        ({"vault_url": "http://vault.example:8200"}, "https://"),
        ({"vault_url": "https://vault.example:8200"}, "TELEMED_VAULT_TOKEN_FILE"),
    ],
)
def test_settings_that_can_reach_no_key_server_are_refused_by_name(changed: dict[str, Any], named: str) -> None:
    settings = Settings(**({"environment": Environment.PRODUCTION, "key_provider": "vault"} | changed))

    with pytest.raises(KeysUnusable, match=named):
        key_provider(settings)


def test_the_settings_name_the_key_server(server: VaultServer, token_file: Path) -> None:
    provider = key_provider(Settings(key_provider="vault", vault_url=server.url, vault_token_file=token_file))

    assert isinstance(provider, TransitKeyProvider) and isinstance(provider.wrap(b"key", context=b"x"), Wrap)
    provider.close()
