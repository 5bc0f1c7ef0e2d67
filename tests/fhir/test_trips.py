"""Reads, creates and searches that are one statement keep what the unit promises; what they can't decide, it decides."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import Session

from fhir import trips
from fhir.audit import AUDIT
from fhir.compartments import pseudonym
from fhir.rows import RESOURCE, TOKEN
from fhir.store import Change, Store, Watching
from infra.caller import Caller
from infra.database import Database, PostgresDatabase
from infra.problems import Conflict
from tests.fhir import record
from tests.fhir.record import LocalPolicy, caller, created, observation, patient

ON_POSTGRES = pytest.mark.parametrize("database_kind", ["postgresql"])


def log(session: Session) -> list[tuple[str, str, str]]:
    """What stands in the log, in order: action, outcome, whose log."""
    statement = select(AUDIT.c.action, AUDIT.c.outcome, AUDIT.c.tenant).order_by(AUDIT.c.id)
    return [tuple(row) for row in session.connection().execute(statement)]


def no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_self: PostgresDatabase, _unit: object) -> None:
        raise AssertionError("a unit ran")

    monkeypatch.setattr(PostgresDatabase, "write", never)


async def pulse(north: httpx.AsyncClient, who: str, *, hits: int = 1) -> list[str]:
    return [await created(north, observation(who)) for _ in range(hits)]


@ON_POSTGRES
async def test_the_plain_cases_are_one_round_trip(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await created(north, patient())
    await pulse(north, who, hits=2)  # the keys are known here from now on
    for _ in range(2):
        await north.get("/Patient?family=Musterfrau")
    before = await database.read(log)
    no_units(monkeypatch)

    (made,) = await pulse(north, who)
    read = await north.get(f"/Observation/{made}")
    found = await north.get(f"/Observation?patient={who}&code=http://loinc.org|8867-4")

    monkeypatch.undo()
    assert read.json()["subject"] == {"reference": f"Patient/{who}"}
    assert found.json()["total"] == 3
    added = (await database.read(log))[len(before) :]
    assert added == [("create", "0", "north"), ("read", "0", "north"), ("search-type", "0", "north")]


async def test_each_access_leaves_one_line_however_it_is_decided(
    north: httpx.AsyncClient, south: httpx.AsyncClient, database: Database, policy: LocalPolicy, store: Store
) -> None:
    who = await created(north, patient())
    ids = await pulse(north, who, hits=3)
    search = f"/Observation?patient={who}"

    answers = [
        await north.get(f"/Observation/{ids[0]}"),
        await north.get(search),
        await north.get(f"{search}&_count=2"),
        await north.get(f"{search}&_count=2&_total=none"),
        await north.get(f"{search}&_count=0"),
        await south.get(f"/Observation/{ids[0]}"),
    ]
    policy.grants.add((pseudonym(store.vault, who), "south"))
    answers += [await south.get(f"/Observation/{ids[0]}"), await south.get(search)]
    await north.delete(f"/Observation/{ids[0]}")
    answers.append(await north.get(f"/Observation/{ids[0]}"))

    assert [answer.status_code for answer in answers] == [200] * 5 + [404, 200, 200, 410]
    assert [len(answer.json().get("entry", [])) for answer in answers[1:5]] == [3, 2, 2, 0]
    assert answers[7].json()["total"] == 3
    lines = Counter(await database.read(log))
    assert lines["create", "0", "north"] == 4
    assert (lines["read", "0", "north"], lines["search-type", "0", "north"]) == (1, 4)
    assert (lines["read", "0", "south"], lines["search-type", "0", "south"]) == (1, 1)
    # The stranger's attempt stands in both logs; a 410 tells the owner nothing new and is no access.
    assert (lines["read", "4", "south"], lines["read", "4", "north"]) == (1, 1)


async def test_a_foreign_and_an_absent_resource_answer_alike(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    who = await created(north, patient())
    (made,) = await pulse(north, who)

    foreign, absent = await south.get(f"/Observation/{made}"), await south.get("/Observation/nothing")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    assert (await south.get(f"/Observation?patient={who}")).json()["total"] == 0


async def test_a_resource_about_a_strangers_patient_stays_outside_its_record(
    north: httpx.AsyncClient, south: httpx.AsyncClient, database: Database
) -> None:
    who = await created(north, patient())
    await pulse(south, who, hits=2)

    held = await database.read(
        lambda session: (
            session.connection()
            .execute(select(RESOURCE.c.compartment).where(RESOURCE.c.tenant == "south"))
            .scalars()
            .all()
        )
    )

    assert held == [None, None]


async def test_a_taken_id_is_a_conflict_and_leaves_nothing(database: Database, store: Store) -> None:
    draft = store.draft(record.parsed(observation("nobody")))

    async def add() -> Any:
        return await database.short(lambda s: store.add(s, caller(), draft), lambda: trips.add(store, caller(), draft))

    await database.write(lambda s: store.add(s, caller(), store.draft(record.parsed(observation("nobody")))))
    await add()
    before = await database.read(log)
    with pytest.raises(Conflict):
        await add()

    assert await database.read(log) == before
    count = await database.read(
        lambda s: len(s.connection().execute(select(TOKEN.c.t).where(TOKEN.c.rid == draft.rid)).all())
    )
    assert count == len(draft.tokens)


async def test_a_type_that_a_hook_watches_goes_by_the_unit(database: Database, tmp_path: Path) -> None:
    seen: list[str] = []

    def hook(_session: Session, _caller: Caller, change: Change) -> None:
        seen.append(change.type)

    store = record.store(tmp_path, hooks=[Watching(frozenset({"Observation"}), hook)])
    async with record.client(record.app(database, store)) as http:
        for resource in (observation("nobody"), patient(), observation("nobody")):
            await created(http, resource)

    assert seen == ["Observation", "Observation"]
    assert store.is_watched("Observation") and not store.is_watched("Condition")
    draft = store.draft(record.parsed(observation("nobody")))
    assert trips.add(store, caller(), draft) is None


async def test_the_stored_bytes_are_the_same_either_way(north: httpx.AsyncClient, database: Database) -> None:
    sent = observation("nobody", valueQuantity={"value": 1}, note=[{"text": "Größe 0.40"}])
    raw = json.dumps(sent, ensure_ascii=False).replace('"value": 1', '"value": 0.40')

    bodies = []
    for _ in range(2):  # the first makes the tenant's key, so it goes by the unit
        made = await north.post("/Observation", content=raw.encode())
        bodies.append((await north.get(f"/Observation/{made.json()['id']}")).content)
        assert bodies[-1] == made.content

    assert all(b'"value": 0.40' in body and "Größe".encode() in body for body in bodies)
