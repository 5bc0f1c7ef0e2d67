"""Sealing: an inverse, bound to its place; tokens: equal for equal values, unrelated between parameters."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from infra.database import Database
from infra.problems import Problem
from infra.settings import Environment, Settings
from infra.vault import Binding, DataKey, FileKeyProvider, SealBroken, Sealed, Vault, key_provider
from infra.vault.keys import KeysUnusable
from infra.vault.sealing import FIRST_FORMAT, TOKEN, _first_bound, _prefixed

HERE = Binding(tenant="clinic", type="Patient", id="p1", version=3, compartment="aa")
SECRET = b"Musterfrau, Anke; 1950-02-03"
ELSEWHERE = [
    Binding(tenant="other", type="Patient", id="p1", version=3, compartment="aa"),
    Binding(tenant="clinic", type="Person", id="p1", version=3, compartment="aa"),
    Binding(tenant="clinic", type="Patient", id="p2", version=3, compartment="aa"),
    Binding(tenant="clinic", type="Patient", id="p1", version=2, compartment="aa"),
    Binding(tenant="clinic", type="Patient", id="p1", version=3, compartment="ab"),
]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault with new keys."""
    return Vault(FileKeyProvider(tmp_path / "keys.json"))


@pytest.fixture(scope="module")
def vault_of_all(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """One vault for all examples of a property."""
    return Vault(FileKeyProvider(tmp_path_factory.mktemp("keys") / "keys.json"))


async def sealed_in(database: Database, vault: Vault) -> Sealed:
    return await database.write(lambda session: vault.seal(session, SECRET, to=HERE))


async def test_what_was_sealed_opens_again(database: Database, vault: Vault) -> None:
    sealed = await sealed_in(database, vault)

    assert SECRET not in sealed.body
    assert await database.read(lambda session: vault.open_alone(session, sealed, to=HERE)) == SECRET


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_a_sealed_value_opens_nowhere_else(database: Database, vault: Vault, place: Binding) -> None:
    sealed = await sealed_in(database, vault)

    with pytest.raises(SealBroken):
        await database.read(lambda session: vault.open_alone(session, sealed, to=place))


async def test_without_the_binding_a_swapped_row_would_open(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.vault.sealing._bound", lambda to, key_id: b"")
    sealed = await sealed_in(database, vault)

    assert await database.read(lambda session: vault.open_alone(session, sealed, to=ELSEWHERE[2])) == SECRET


async def test_what_was_sealed_in_the_first_form_opens_there_and_nowhere_else(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("infra.vault.sealing.FORMAT", FIRST_FORMAT)
        before.setattr("infra.vault.sealing._bound", _first_bound)
        sealed = await sealed_in(database, vault)

    assert sealed.body[:1] == FIRST_FORMAT
    assert await database.read(lambda session: vault.open_alone(session, sealed, to=HERE)) == SECRET
    with pytest.raises(SealBroken):
        await database.read(lambda session: vault.open_alone(session, sealed, to=ELSEWHERE[0]))


async def test_each_changed_byte_is_noticed(database: Database, vault: Vault) -> None:
    sealed = await sealed_in(database, vault)
    key = await database.read(lambda session: session.exec(select(DataKey)).one())

    for at in range(len(sealed.body)):
        changed = Sealed(sealed.data_key, sealed.body[:at] + bytes([sealed.body[at] ^ 1]) + sealed.body[at + 1 :])
        with pytest.raises(SealBroken):
            vault.open(changed, key=key, to=HERE)


async def test_a_new_process_with_the_same_key_file_opens_it(database: Database, vault: Vault, tmp_path: Path) -> None:
    sealed = await sealed_in(database, vault)

    later = Vault(FileKeyProvider(tmp_path / "keys.json"))

    assert await database.read(lambda session: later.open_alone(session, sealed, to=HERE)) == SECRET
    assert later.token("name", "x") == vault.token("name", "x")


async def test_another_key_file_opens_nothing(database: Database, vault: Vault, tmp_path: Path) -> None:
    sealed = await sealed_in(database, vault)
    stranger = Vault(FileKeyProvider(tmp_path / "others.json"))

    with pytest.raises(KeysUnusable):
        await database.read(lambda session: stranger.open_alone(session, sealed, to=HERE))
    assert stranger.token("name", "x") != vault.token("name", "x")


async def test_one_compartment_has_one_key_and_another_has_another(database: Database, vault: Vault) -> None:
    def seal(session: Session, compartment: str) -> int:
        return vault.seal(session, SECRET, to=Binding("clinic", "Patient", "p", 1, compartment)).data_key

    first = [await database.write(lambda session: seal(session, "aa")) for _ in range(3)]
    second = await database.write(lambda session: seal(session, "bb"))

    assert len(set(first)) == 1
    assert second not in first


async def test_a_key_whose_write_was_rolled_back_is_not_used_again(database: Database, vault: Vault) -> None:
    def seal_then_fail(session: Session) -> None:
        vault.seal(session, SECRET, to=HERE)
        raise Problem

    with pytest.raises(Problem):
        await database.write(seal_then_fail)

    sealed = await sealed_in(database, vault)
    assert await database.read(lambda session: vault.open_alone(session, sealed, to=HERE)) == SECRET


async def test_keys_prepared_in_bulk_are_the_ones_used(database: Database, vault: Vault) -> None:
    scopes = [f"c:{number:032x}" for number in range(1200)]

    def bulk(session: Session) -> int:
        vault.prepare(session, scopes)
        vault.prepare(session, scopes)
        return vault.seal(session, SECRET, to=Binding("clinic", "Patient", "p", 1, scopes[7][2:])).data_key

    used = await database.write(bulk)
    keys = await database.read(lambda session: {key.scope: key.id for key in session.exec(select(DataKey))})

    assert len(keys) == 1200
    assert keys[scopes[7]] == used


@given(st.lists(st.text()), st.lists(st.text()))
def test_lists_of_parts_that_differ_are_encoded_differently(left: list[str], right: list[str]) -> None:
    assert (_prefixed(left) == _prefixed(right)) == (left == right)


def test_a_value_has_unrelated_tokens_in_different_parameters(vault: Vault) -> None:
    assert vault.token("name", "Muster") == vault.token("name", "Muster")
    assert vault.token("name", "Muster") != vault.token("family", "Muster")
    assert vault.token("name", "ab", "c") != vault.token("name", "a", "bc")


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_tokens_of_the_index_are_equal_only_for_equal_parts(
    vault_of_all: Vault, left: list[str], right: list[str]
) -> None:
    one, other = vault_of_all.index_tokens([tuple(left), tuple(right)])

    assert len(one) == len(other) == TOKEN
    assert (one == other) == (left == right)


def test_the_key_file_is_for_its_owner_alone(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.chmod(0o640)

    with pytest.raises(KeysUnusable, match="0600"):
        FileKeyProvider(path)


async def test_an_older_key_version_still_opens_after_a_new_one_is_added(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    sealed = await sealed_in(database, vault)
    path = tmp_path / "keys.json"
    content = json.loads(path.read_text())
    content["keys"]["2"] = json.loads((FileKeyProvider(tmp_path / "b.json"), tmp_path / "b.json")[1].read_text())[
        "keys"
    ]["1"]
    path.write_text(json.dumps(content | {"current": 2}))

    rotated = Vault(FileKeyProvider(path))

    assert await database.read(lambda session: rotated.open_alone(session, sealed, to=HERE)) == SECRET
    assert rotated.provider.current == 2


def test_production_refuses_a_key_file_unless_it_is_accepted(tmp_path: Path) -> None:
    refused = Settings(environment=Environment.PRODUCTION, data_dir=tmp_path)
    accepted = Settings(environment=Environment.PRODUCTION, data_dir=tmp_path, allow_file_keys=True)

    with pytest.raises(KeysUnusable, match="TELEMED_ALLOW_FILE_KEYS"):
        key_provider(refused)
    FileKeyProvider(accepted.keys)
    assert key_provider(accepted).current == 1


def test_asking_for_the_keys_makes_none(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="There is no key file"):
        key_provider(Settings(environment=Environment.DEMO, data_dir=tmp_path))

    assert list(tmp_path.iterdir()) == []
