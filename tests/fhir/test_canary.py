"""Nothing that was planted in the record can be read in the database's files or the logs."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from fhir.store import Store
from infra.clock import SystemClock
from infra.database import Database
from infra.vault import Binding, DataKey, FileKeyProvider, Sealed, Vault, WrappedKey
from tests.fhir.record import LocalPolicy, app, client, created, observation, patient
from tests.fixtures.postgres import PostgresServer

FAMILY, BIRTH, CODE, NUMBER = "Qxkanarienvogel", "1907-03-09", "QX99.7-canary", "Q987650321"
BEGINNING = FAMILY[:8]  # as much of a name as the index holds
PLANTED = (FAMILY, BEGINNING, BIRTH, CODE, NUMBER)


class UnsealedVault(Vault):
    """A vault that seals nothing."""

    def seal(self, session: Session, plaintext: bytes, *, to: Binding) -> Sealed:
        return Sealed(super().seal(session, plaintext, to=to).data_key, plaintext)

    def open(self, sealed: Sealed, *, key: DataKey | WrappedKey, to: Binding) -> bytes:
        return sealed.body

    def open_known(self, body: bytes, key_id: int, *, to: Binding) -> bytes | None:
        return body


class PlainIndexVault(Vault):
    """A vault whose tokens show what they stand for."""

    def token(self, parameter: str, *parts: str) -> bytes:
        is_pseudonym = parameter.startswith("pseudonym:")
        return super().token(parameter, *parts) if is_pseudonym else "|".join((parameter, *parts)).encode()

    def index_tokens(self, tokens: Iterable[tuple[str, ...]]) -> list[bytes]:
        return ["|".join(token).encode() for token in tokens]


def forms(text: str) -> Iterator[bytes]:
    """The ways in which a text could lie in a file."""
    yield text.encode()
    yield text.lower().encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield text.encode().hex().encode()
    for shift in range(3):
        # Base64 depends on where the text begins; its edges mix with the neighbours and are left out.
        yield base64.b64encode(b"x" * shift + text.encode())[4:-4]


def stores(kind: str, database_url: str, request: pytest.FixtureRequest) -> list[Path]:
    """All files of the database, its log of writes among them."""
    if kind == "sqlite":
        return sorted(Path(database_url.removeprefix("sqlite:///")).parent.glob("telemed.sqlite3*"))
    server: PostgresServer = request.getfixturevalue("postgres")
    server.run("CHECKPOINT")
    number = server.run(f"SELECT oid FROM pg_database WHERE datname = '{database_url.rpartition('/')[2]}'")
    folder = Path(server.run("SHOW data_directory"))
    return [path for part in (f"base/{number}", "pg_wal") for path in (folder / part).rglob("*") if path.is_file()]


def readable(files: list[Path]) -> set[str]:
    contents = [path.read_bytes() for path in files]
    return {text for text in PLANTED if any(form in content for form in forms(text) for content in contents)}


async def written(database: Database, vault: Vault) -> None:
    """A patient and an observation, written, changed, searched and deleted."""
    store = Store(vault, LocalPolicy(), SystemClock())
    identifier = [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": NUMBER}]
    person = patient(name=[{"family": FAMILY}], birthDate=BIRTH, identifier=identifier)
    async with client(app(database, store)) as http:
        id = await created(http, person)
        await created(http, observation(id, code={"coding": [{"system": "http://loinc.org", "code": CODE}]}))
        for query in (f"family={FAMILY}", f"birthdate={BIRTH}", f"identifier={NUMBER}"):
            assert (await http.get(f"/Patient?{query}")).json()["total"] == 1
        assert (await http.get(f"/Observation?patient={id}&code={CODE}")).json()["total"] == 1
        assert (await http.get(f"/Patient/{FAMILY}")).status_code == 404
        await http.post("/Patient", content=json.dumps(person), headers={"if-none-exist": f"identifier=|{NUMBER}"})
        await http.put(f"/Patient/{id}", content=json.dumps(person | {"id": id}))
        await http.post("/Patient", content=json.dumps(person | {"colour": FAMILY}))
        await http.delete(f"/Patient/{id}")


async def test_nothing_planted_can_be_read_in_the_files_or_the_logs(
    database: Database,
    database_kind: str,
    database_url: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    await written(database, Vault(FileKeyProvider(tmp_path / "keys.json")))

    of_the_server = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    logs = "".join((*capsys.readouterr(), *of_the_server))
    files = stores(database_kind, database_url, request)

    assert "route=/fhir/{type}/{id}" in logs
    assert [text for text in PLANTED if text in logs] == []
    assert sum(path.stat().st_size for path in files) > 0
    assert readable(files) == set()


@pytest.mark.parametrize("broken", [UnsealedVault, PlainIndexVault])
async def test_the_same_search_of_the_files_finds_what_is_not_sealed(
    database: Database,
    database_kind: str,
    database_url: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    broken: type[Vault],
) -> None:
    await written(database, broken(FileKeyProvider(tmp_path / "keys.json")))

    found = readable(stores(database_kind, database_url, request))

    assert found >= {BEGINNING, BIRTH, NUMBER}
