"""Rotation while the service goes on: data keys wrapped anew, data keys renewed, and what the status says of it."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from infra.database import Database
from infra.vault import Binding, DataKey, FileKeyProvider, KeysUnusable, Sealed, Vault
from infra.vault.renewal import NoSuchKey, RenewedMeanwhile, renew
from infra.vault.rewrap import Rewrapped, rewrap
from infra.vault.state import KeyState, key_state, require_fitting

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE = Binding("clinic", "Patient", "p", 1, "aa")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault with new keys."""
    return Vault(FileKeyProvider(tmp_path / "keys.json"))


async def many(database: Database, vault: Vault, count: int) -> None:
    """So many data keys, wrapped by the version in use."""
    await database.write(lambda session: vault.prepare(session, [f"c:{number:032x}" for number in range(count)]))


async def state(database: Database, vault: Vault) -> KeyState:
    return await database.read(partial(key_state, vault=vault))


async def sealed(database: Database, vault: Vault) -> Sealed:
    return await database.write(lambda session: vault.seal(session, b"secret", to=HERE))


async def opened(database: Database, vault: Vault, value: Sealed) -> bytes:
    return await database.read(lambda session: vault.open_alone(session, value, to=HERE))


async def test_after_wrapping_anew_no_data_key_needs_an_older_version(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    value = await sealed(database, vault)
    await many(database, vault, 25)
    vault.provider.rotate()
    before, steps = await state(database, vault), list[Rewrapped]()

    done = await rewrap(database, vault.provider, tell=steps.append, batch=10)

    after = await state(database, vault)
    assert (before.wrapped, before.older) == ({1: 26}, 26)
    assert (done, after.wrapped, after.older) == (26, {2: 26}, 0)
    assert steps == [Rewrapped(10, 26), Rewrapped(20, 26), Rewrapped(26, 26)]
    assert await opened(database, Vault(FileKeyProvider(tmp_path / "keys.json")), value) == b"secret"


async def test_wrapping_anew_goes_on_where_it_stopped(database: Database, vault: Vault) -> None:
    await many(database, vault, 30)
    vault.provider.rotate()

    def stop(of: Rewrapped) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rewrap(database, vault.provider, tell=stop, batch=10)

    assert (await state(database, vault)).wrapped == {1: 20, 2: 10}
    assert await rewrap(database, vault.provider, batch=10) == 20


async def test_others_write_and_read_while_data_keys_are_wrapped_anew(database: Database, vault: Vault) -> None:
    await many(database, vault, 40)
    vault.provider.rotate()

    values, done = await asyncio.gather(
        asyncio.gather(*(sealed(database, vault) for _ in range(10))), rewrap(database, vault.provider, batch=5)
    )

    vault.forget()
    assert done >= 40
    assert [await opened(database, vault, value) for value in values] == [b"secret"] * 10


async def test_new_writes_use_a_renewed_data_key_and_old_values_open(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    other = Vault(FileKeyProvider(tmp_path / "keys.json"))
    old, known = await sealed(database, vault), await sealed(database, vault)  # the second use is remembered

    assert await database.write(partial(renew, vault=other, scope="c:aa", now=NOW)) == 2

    lagging = await sealed(database, vault)
    vault.forget_newest(["c:aa"])
    new = await sealed(database, vault)
    assert old.data_key == known.data_key == lagging.data_key != new.data_key
    assert [await opened(database, vault, value) for value in (old, new)] == [b"secret"] * 2


async def test_of_two_renewals_at_the_same_moment_each_makes_a_version_or_is_refused(
    database: Database, vault: Vault
) -> None:
    await sealed(database, vault)
    units = (database.write(partial(renew, vault=vault, scope="c:aa", now=NOW)) for _ in range(4))

    results = await asyncio.gather(*units, return_exceptions=True)

    made = sorted(result for result in results if isinstance(result, int))
    assert made == list(range(2, 2 + len(made))) and made
    assert all(isinstance(result, int | RenewedMeanwhile) for result in results)


async def test_a_data_key_that_is_not_there_is_not_renewed(database: Database, vault: Vault) -> None:
    with pytest.raises(NoSuchKey):
        await database.write(partial(renew, vault=vault, scope="c:aa", now=NOW))


async def test_keys_that_do_not_open_what_is_stored_are_refused_by_name(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    stranger = Vault(FileKeyProvider(tmp_path / "others.json"))
    await database.read(partial(require_fitting, vault=stranger))
    await sealed(database, vault)

    await database.read(partial(require_fitting, vault=vault))
    with pytest.raises(KeysUnusable, match=r"others\.json"):
        await database.read(partial(require_fitting, vault=stranger))


async def test_a_data_key_that_was_changed_meanwhile_is_left_alone(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(database, vault, 1)
    vault.provider.rotate()
    wrapping, again = vault.provider.rewrap, list[bytes]()

    def meanwhile(session: Session) -> None:
        key = session.exec(select(DataKey).where(col(DataKey.version) == 1)).one()
        key.provider_version, key.wrapped = 2, b"of somebody else"
        session.add(key)

    async def read(_: object) -> None:
        await database.write(meanwhile)

    loop = asyncio.get_running_loop()

    def slow(*arguments: object, **others: object) -> object:
        asyncio.run_coroutine_threadsafe(read(None), loop).result()
        again.append(b"")
        return wrapping(*arguments, **others)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(vault.provider, "rewrap", slow)
    await rewrap(database, vault.provider)

    assert again
    assert await database.read(lambda s: s.exec(select(DataKey.wrapped)).one()) == b"of somebody else"
