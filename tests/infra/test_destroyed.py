"""The list of destroyed keys: added to, never changed; nobody without the keys can make a line of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.database import Database
from infra.vault import Binding, Destroyed, FileKeyProvider, KeysUnusable, Vault
from infra.vault.destroyed import DestroyedList, DestroyedScope
from infra.vault.destroying import destroy, destruction

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE = DestroyedScope("c:aa", "clinic", (1, 2), AT)
HERE = Binding("clinic", "Patient", "p", 1, "aa")


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    """New keys in a file."""
    return FileKeyProvider(tmp_path / "keys.json")


@pytest.fixture
def listed(tmp_path: Path, provider: FileKeyProvider) -> DestroyedList:
    """An empty list."""
    return DestroyedList(tmp_path / "destroyed.jsonl", provider)


@pytest.fixture(scope="module")
def list_of_all(tmp_path_factory: pytest.TempPathFactory) -> DestroyedList:
    """One list for all examples of a property."""
    folder = tmp_path_factory.mktemp("keys")
    return DestroyedList(folder / "destroyed.jsonl", FileKeyProvider(folder / "keys.json"))


def test_what_was_added_is_told_once_and_by_every_process(listed: DestroyedList, provider: FileKeyProvider) -> None:
    line = listed.line(ONE)
    listed.add([line])
    provider.rotate()
    listed.add([line])

    assert DestroyedList(listed.path, provider).entries() == [ONE]
    assert listed.path.stat().st_mode & 0o077 == 0


@given(st.text(min_size=1), st.text(), st.lists(st.integers(0, 2**62)), st.datetimes(timezones=st.just(UTC)))
def test_a_line_tells_what_it_was_made_of(
    list_of_all: DestroyedList, scope: str, tenant: str, keys: list[int], at: datetime
) -> None:
    told = DestroyedScope(scope, tenant, tuple(keys), at)

    assert list_of_all.read(list_of_all.line(told)) == told


def test_each_changed_byte_of_a_line_is_noticed(listed: DestroyedList) -> None:
    line = listed.line(ONE)

    for at in range(len(line)):
        with pytest.raises(KeysUnusable):
            listed.read(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :])


def test_a_line_of_other_keys_is_not_believed_and_not_added(listed: DestroyedList, tmp_path: Path) -> None:
    stranger = DestroyedList(listed.path, FileKeyProvider(tmp_path / "others.json"))

    with pytest.raises(KeysUnusable, match="list of destroyed keys"):
        listed.add([stranger.line(ONE)])
    assert listed.lines() == []


def test_half_a_line_does_not_count_and_is_written_over(listed: DestroyedList) -> None:
    first, second = listed.line(ONE), listed.line(ONE._replace(scope="c:bb"))
    listed.add([first])
    with listed.path.open("ab") as file:
        file.write(second[:20])
    assert listed.lines() == [first]

    listed.add([second])

    assert listed.lines() == [first, second]


def test_several_add_at_the_same_moment(listed: DestroyedList) -> None:
    lines = [listed.line(ONE._replace(scope=f"c:{number}")) for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: listed.add([line]), lines))

    assert sorted(listed.lines()) == sorted(lines)


def test_a_list_that_can_not_be_written_is_said(listed: DestroyedList) -> None:
    line = listed.line(ONE)
    listed.path.mkdir()

    for use in (lambda: listed.add([line]), listed.lines):
        with pytest.raises(KeysUnusable, match=r"destroyed\.jsonl can't be read or written"):
            use()


async def test_a_destroyed_scope_gets_no_new_key_in_any_way(
    database: Database, listed: DestroyedList, provider: FileKeyProvider
) -> None:
    vault = Vault(provider)

    async def refused(process: Vault) -> None:
        with pytest.raises(Destroyed):
            await database.write(lambda session: process.seal(session, b"more", to=HERE))
        with pytest.raises(Destroyed):
            await database.write(lambda session: process.prepare(session, ["c:bb", "c:aa"]))

    await database.write(lambda session: vault.seal(session, b"secret", to=HERE))
    await database.write(lambda session: destroy(session, listed, "c:aa", tenant="clinic", at=AT))

    vault.forget()
    await refused(vault)
    await refused(Vault(provider))
    found = await database.read(lambda session: destruction(session, "c:aa"))
    assert found is not None and len(listed.read(found.line).keys) == 1
