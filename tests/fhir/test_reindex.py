"""Rebuilding the index: nothing is lost while others write, a killed rebuild goes on, a changed form is noticed."""

import asyncio
import hashlib
import json
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert, select, update
from sqlmodel import Session

from fhir import reindex, rows
from fhir.drafts import blind
from fhir.reindex import Progress, Rebuild, UnknownType
from fhir.rows import HEADS, TOKEN
from fhir.search import form
from fhir.store import Store
from fhir.tables import IndexState
from infra.database import Database
from infra.vault import FileKeyProvider, Vault
from tests.bench import contents
from tests.fhir.record import created, observation, patient

NAMES = ("Abel", "Bach", "Cramer", "Dorn")
STALE = b"0" * 16


async def furnished(http: httpx.AsyncClient, people: int = 6) -> list[str]:
    """The ids of patients with one Observation each."""
    ids = [await created(http, patient(name=[{"family": NAMES[number % 4]}])) for number in range(people)]
    for id in ids:
        await created(http, observation(id))
    return ids


async def faults(database: Database, store: Store) -> list[str]:
    """Resources whose tokens are not those of their bodies."""

    def unit(session: Session) -> list[str]:
        found: dict[int, set[bytes]] = {}
        for token, rid in session.connection().execute(select(TOKEN.c.t, TOKEN.c.rid)):
            found.setdefault(rid, set()).add(bytes(token))
        heads = [rows.opened(store.vault, row) for row in rows.many(session, HEADS)]
        wanted = {head.rid: blind(store.vault, head.type, head.data) if head.body else set() for head in heads}
        return [head.reference for head in heads if wanted[head.rid] != found.get(head.rid, set())]

    return await database.read(unit)


def damage(session: Session) -> None:
    """Half of the tokens are gone, and every resource has one that it should not have."""
    pairs = sorted((bytes(token), rid) for token, rid in session.connection().execute(select(TOKEN.c.t, TOKEN.c.rid)))
    for token, rid in pairs[::2]:
        session.connection().execute(delete(TOKEN).where(TOKEN.c.t == token, TOKEN.c.rid == rid))
    session.connection().execute(insert(TOKEN), [{"t": STALE, "rid": rid} for rid in {rid for _, rid in pairs}])


async def total(http: httpx.AsyncClient, query: str) -> int:
    found: int = (await http.get(query)).json()["total"]
    return found


async def test_a_rebuilt_index_is_that_of_the_bodies(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    ids = await furnished(north)
    await north.delete(f"/Patient/{ids[0]}")
    await database.write(damage)
    assert await faults(database, store)

    done = await Rebuild(database, store.vault, batch=2, chunk=3).run()

    assert await faults(database, store) == []
    assert {"Patient", "Observation"} <= set(done)


async def test_one_type_is_rebuilt_alone(north: httpx.AsyncClient, database: Database, store: Store) -> None:
    await furnished(north)
    await database.write(damage)

    assert await Rebuild(database, store.vault).run(["Observation"]) == ("Observation",)

    assert {fault.partition("/")[0] for fault in await faults(database, store)} == {"Patient"}


async def test_an_unknown_type_is_refused(database: Database, store: Store) -> None:
    with pytest.raises(UnknownType, match="Unicorn"):
        await Rebuild(database, store.vault).run(["Unicorn"])


async def test_a_rebuild_that_was_killed_goes_on_where_it_stopped(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    await furnished(north)
    await database.write(damage)
    seen: list[Progress] = []

    def until_the_middle(progress: Progress) -> None:
        seen.append(progress)
        if progress.type == "Patient" and progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Rebuild(database, store.vault, until_the_middle, batch=1, chunk=2).run(["Observation", "Patient"])
    assert await faults(database, store)
    rest: list[Progress] = []

    assert await Rebuild(database, store.vault, rest.append, batch=1, chunk=2).run() == ("Patient",)

    assert rest[0] == Progress("Patient", 2, 6)
    assert await faults(database, store) == []


async def test_while_it_runs_no_search_loses_a_hit_and_writes_go_on(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    ids = await furnished(north)
    totals: list[tuple[int, int]] = []
    running = asyncio.create_task(Rebuild(database, store.vault, batch=1, chunk=2).run())

    number = 0
    while not running.done():
        id, number = ids[number % len(ids)], number + 1
        changed = patient(id=id, name=[{"family": NAMES[number % 4], "given": ["Neu"]}])
        assert (await north.put(f"/Patient/{id}", content=json.dumps(changed))).status_code == 200
        await created(north, patient(name=[{"family": "Ander"}]))
        totals.append((await total(north, "/Patient?given=Neu"), await total(north, f"/Observation?patient={ids[0]}")))
    await running

    assert totals == [(min(turn, len(ids)), 1) for turn in range(1, number + 1)]
    assert await faults(database, store) == []


async def test_a_row_that_changes_under_the_rebuild_gets_its_new_tokens(
    north: httpx.AsyncClient, database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await created(north, patient(name=[{"family": "Alt"}]))
    await changed_in_between(north, database, store, id, monkeypatch)

    assert await total(north, "/Patient?family=Neu") == 1
    assert await faults(database, store) == []


async def test_without_the_version_check_it_would_get_those_of_the_past(
    north: httpx.AsyncClient, database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await created(north, patient(name=[{"family": "Alt"}]))
    locked = reindex._locked
    monkeypatch.setattr(reindex, "_locked", lambda session, rids: dict.fromkeys(locked(session, rids), 1))
    await changed_in_between(north, database, store, id, monkeypatch)

    assert await faults(database, store) == [f"Patient/{id}"]


async def changed_in_between(
    http: httpx.AsyncClient, database: Database, store: Store, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild whose only row is updated after it was read."""
    rebuild, write = Rebuild(database, store.vault), database.write
    body = json.dumps(patient(id=id, name=[{"family": "Neu"}]))
    waiting = [body]

    async def first_an_update(unit: Any) -> Any:
        if isinstance(unit, partial) and unit.func == rebuild._add and waiting:
            assert (await http.put(f"/Patient/{id}", content=waiting.pop())).status_code == 200
        return await write(unit)

    monkeypatch.setattr(database, "write", first_an_update)
    await rebuild.run(["Patient"])


async def test_an_index_of_another_form_is_due_until_it_is_rebuilt(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    await database.write(reindex.adopt)
    await created(north, patient())
    assert await database.read(reindex.due) == []

    await database.write(lambda session: session.connection().execute(update(IndexState).values(form="older")) and None)

    assert await database.read(reindex.due) == ["Patient"]
    await database.write(reindex.adopt)
    assert await database.read(reindex.due) == ["Patient"], "only a type without resources can be adopted"
    await Rebuild(database, store.vault).run()
    assert await database.read(reindex.due) == []


async def test_resources_of_unknown_form_are_due(north: httpx.AsyncClient, database: Database) -> None:
    await created(north, patient())

    assert await database.read(reindex.due) == ["Patient"]


def test_other_tokens_come_with_another_number() -> None:
    """Whoever changes what the index is made of raises `NUMBER` in fhir/search/form.py and notes the digest here."""
    vault = Vault(FixedSecret())
    called = patient(telecom=[{"system": "phone", "value": "0049 431 1"}])
    leap = observation("p-1", effectiveDateTime="2016-12-31T23:59:60Z")
    samples = [
        called,
        leap,
        observation("p-1"),
        json.loads(contents.observation("p-1")),
        *contents.practice(1).values(),
    ]
    tokens = sorted(token for each in samples for token in blind(vault, each["resourceType"], each))

    digest = hashlib.sha256(b"".join(tokens)).hexdigest()[:12]

    assert {form.NUMBER: digest} == {7: "21d281969ea0"}


class FixedSecret(FileKeyProvider):
    """The same secret everywhere, so that tokens can be compared with those of another day."""

    def __init__(self) -> None:
        pass

    def secret(self, purpose: str) -> bytes:
        return hashlib.sha256(purpose.encode()).digest()
