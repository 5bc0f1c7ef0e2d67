"""The guards of the record, each shown to be needed: without it the same test sees red."""

from pathlib import Path

import pytest
from sqlalchemy import delete, true, update
from sqlmodel import Session

from fhir import store as stores
from fhir import trips
from fhir.policy import Action
from fhir.rows import DATA_KEY, RESOURCE
from fhir.search import candidates
from fhir.store import Store
from infra.caller import Caller
from infra.clock import SystemClock
from infra.database import Database
from infra.problems import Forbidden, NotFound
from infra.vault import SealBroken, sealing
from tests.fhir.record import LocalPermit, LocalPolicy, caller, parsed, patient, vault


class EverythingInSql(LocalPolicy):
    """A policy whose SQL filter lets everything through."""

    def permit(self, caller: Caller, action: Action, type: str) -> LocalPermit:
        return LocalPermit(true(), self.grants)


def without_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stores, candidates, trips):
        monkeypatch.setattr(module, "admits", lambda *_, **__: True)


async def reads_a_strangers_patient(database: Database, store: Store) -> bool:
    made = await database.write(lambda s: store.create(s, caller("north"), parsed(patient())))
    try:
        await database.write(lambda s: store.read(s, caller("south"), "Patient", made.id))
    except NotFound:
        return False
    return True


async def test_either_look_at_the_policy_is_enough(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = vault(tmp_path)

    assert not await reads_a_strangers_patient(database, Store(keys, EverythingInSql(), SystemClock()))
    without_second_look(monkeypatch)
    assert not await reads_a_strangers_patient(database, Store(keys, LocalPolicy(), SystemClock()))


async def test_without_both_looks_a_stranger_reads(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_second_look(monkeypatch)

    assert await reads_a_strangers_patient(database, Store(vault(tmp_path), EverythingInSql(), SystemClock()))


def swap_bodies(session: Session, first: int, second: int) -> None:
    bodies = {row.rid: (row.body, row.data_key) for row in session.connection().execute(RESOURCE.select()).fetchall()}
    for rid, other in ((first, second), (second, first)):
        body, key = bodies[other]
        session.connection().execute(update(RESOURCE).where(RESOURCE.c.rid == rid).values(body=body, data_key=key))


async def test_a_body_that_was_moved_to_another_row_does_not_open(database: Database, store: Store) -> None:
    first = await database.write(lambda s: store.create(s, caller(), parsed(patient())))
    second = await database.write(lambda s: store.create(s, caller(), parsed(patient(gender="other"))))
    await database.write(lambda s: swap_bodies(s, first.rid, second.rid))

    with pytest.raises(SealBroken):
        await database.write(lambda s: store.read(s, caller(), "Patient", first.id))


async def test_without_the_binding_a_moved_body_is_read_as_another_patient(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_bound", lambda to, key_id: b"")
    first = await database.write(lambda s: store.create(s, caller(), parsed(patient())))
    second = await database.write(lambda s: store.create(s, caller(), parsed(patient(gender="other"))))
    await database.write(lambda s: swap_bodies(s, first.rid, second.rid))

    wrong = await database.write(lambda s: store.read(s, caller(), "Patient", first.id))

    assert wrong.data["gender"] == "other"


async def test_a_caller_without_scope_is_refused_everything(database: Database, store: Store) -> None:
    nobody = caller(scopes=frozenset(["none"]))

    with pytest.raises(Forbidden):
        await database.write(lambda s: store.create(s, nobody, parsed(patient())))
    with pytest.raises(Forbidden):
        await database.write(lambda s: store.read(s, nobody, "Patient", "1"))
    with pytest.raises(Forbidden):
        await database.write(lambda s: store.delete(s, nobody, "Patient", "1"))


async def test_a_record_whose_key_is_destroyed_is_not_there_any_more(database: Database, store: Store) -> None:
    made = await database.write(lambda s: store.create(s, caller(), parsed(patient())))
    again = parsed(patient(id=made.id))
    await database.write(lambda s: store.update(s, caller(), "Patient", made.id, again, if_match=None))
    of_patient = DATA_KEY.c.scope == f"c:{made.compartment}"
    await database.write(lambda s: s.connection().execute(delete(DATA_KEY).where(of_patient)))
    store.vault.forget()

    with pytest.raises(NotFound):
        await database.write(lambda s: store.read(s, caller(), "Patient", made.id))
    with pytest.raises(NotFound):
        await database.write(lambda s: store.vread(s, caller(), "Patient", made.id, version=1))
