"""The step to the next version: one statement on PostgreSQL, and nothing of it where somebody else was faster."""

import json
from functools import partial
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from fhir import rows, versions
from fhir.store import ChangedMeanwhile, Store
from infra.database import Database
from tests.fhir.record import caller, created, observation, parsed, patient


def refused(*_: Any) -> None:
    raise AssertionError("a statement of its own")


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_on_postgresql_an_update_takes_its_step_in_one_statement(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await created(north, patient(birthDate="1980-02-29"))
    for name in ("add_more_tokens", "remove_tokens"):
        monkeypatch.setattr(rows, name, refused)

    answer = await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id, birthDate="1981-03-01")))

    assert answer.status_code == 200, answer.text
    assert (await north.get("/Patient?birthdate=1980-02-29")).json()["total"] == 0
    assert (await north.get("/Patient?birthdate=1981-03-01")).json()["total"] == 1
    assert (await north.get(f"/Patient/{id}/_history/1")).json()["birthDate"] == "1980-02-29"


async def test_a_step_from_a_version_that_is_gone_moves_nothing(database: Database, store: Store) -> None:
    old = await database.write(lambda session: store.create(session, caller(), parsed(observation("x"))))
    new = old._replace(version=2)

    def step(session: Session, *, version: int) -> None:
        sealed = rows.seal(store.vault, session, new)
        if not versions.step(session, old._replace(version=version), new, sealed=sealed, gone=(), come=()):
            raise ChangedMeanwhile

    with pytest.raises(ChangedMeanwhile):
        await database.write(partial(step, version=7))
    await database.write(partial(step, version=1))
    again = await database.write(lambda session: store.read(session, caller(), "Observation", old.id))

    assert again.version == new.version
