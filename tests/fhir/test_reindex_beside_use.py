"""Searches find the same before, at each step of, and after a rebuild of the index, while others write."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import delete, insert, update
from sqlmodel import Session

from fhir import reindex, rows
from fhir.reindex import Rebuild
from fhir.rows import HEADS, TOKEN
from fhir.search import parameters
from fhir.search.blinding import blinded
from fhir.store import Store
from fhir.tables import IndexState
from infra.database import Database
from infra.vault import Vault
from tests.fhir.record import created, observation, patient
from tests.fhir.search.test_chains import ids
from tests.fhir.test_reindex import faults

FAMILIES: Final = ("Weberknecht", "Weber", "Abel")
LONGEST: Final = 8  # the older form has no beginnings of this length
STEPS: Final = ("_add", "_remove", "_reached", "_finished")

Data = dict[str, Any]
Test = Callable[[Data], bool]


class World:
    """What is in the record, by reference, and how to change it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.held: dict[str, Data] = {}
        self.turn = 0

    async def create(self, data: Data) -> str:
        """The id of what is there from now on."""
        id = await created(self.http, data)
        self.held[f"{data['resourceType']}/{id}"] = data
        return id

    async def write(self) -> None:
        """Nothing; another resource was changed, deleted or created."""
        self.turn += 1
        patients = sorted(one for one in self.held if one.startswith("Patient/"))
        reference = patients[self.turn % len(patients)]
        match self.turn % 4:
            case 0:
                await self.create(person(self.turn))
            case 3 if len(patients) > 3:
                assert (await self.http.delete(f"/{reference}")).status_code == 204
                del self.held[reference]
            case _:
                self.held[reference] = person(self.turn) | {"id": reference[8:]}
                body = json.dumps(self.held[reference])
                assert (await self.http.put(f"/{reference}", content=body)).status_code == 200

    def expected(self, type: str, holds: Test) -> set[str]:
        """The ids of those of a type that hold."""
        mine = ((one.partition("/"), data) for one, data in self.held.items())
        return {id for (held, _, id), data in mine if held == type and holds(data)}


def person(number: int) -> Data:
    born, gender = f"19{60 + number % 5}-08-12", "male" if number % 2 else "female"
    return patient(name=[{"family": FAMILIES[number % 3]}], birthDate=born, gender=gender)


def named(start: str) -> Test:
    return lambda data: bool(data["name"][0]["family"].startswith(start))


def searches(about: str) -> dict[str, Test]:
    """Searches whose tokens are in both forms of the index, or that have none, and what a hit of each holds."""
    subject = {"reference": f"Patient/{about}"}
    return {
        "Patient?family=weber": named("Weber"),
        "Patient?family=abe,web": lambda data: True,
        "Patient?birthdate=1961": lambda data: bool(data["birthDate"].startswith("1961")),
        "Patient?gender=male": lambda data: bool(data["gender"] == "male"),
        "Patient?identifier=X123456789&_sort=birthdate": lambda data: True,
        f"Observation?patient={about}&code=8867-4": lambda data: bool(data["subject"] == subject),
        "Observation?date=2026-11-23&_sort=_id": lambda data: True,
    }


def older(session: Session, vault: Vault) -> None:
    """Nothing; the index is what an older program made: without some tokens, and with others that mean nothing now."""
    for row in rows.many(session, HEADS):
        made = [*parameters.tokens(row.type, rows.opened(vault, row).data)]
        missing = [token for token in made if token[2] == parameters.STARTS and len(token[3]) == LONGEST]
        for token in missing:
            (held,) = blinded(vault, [token])
            gone = delete(TOKEN).where(TOKEN.c.t == held, TOKEN.c.rid == row.rid)
            assert session.connection().execute(gone).rowcount == 1
        stale = vault.token(made[0][0], row.type, "sounds", "like")
        session.connection().execute(insert(TOKEN), [{"t": stale, "rid": row.rid}])
    session.connection().execute(update(IndexState).values(form="older"))


async def test_results_are_equal_before_at_each_step_and_after_whatever_is_written_meanwhile(
    north: httpx.AsyncClient, database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.write(reindex.adopt)
    world = World(north)
    people = [await world.create(person(number)) for number in range(4)]
    for id in (*people[:2], *people[:2]):
        await world.create(observation(id))
    await database.write(partial(older, vault=store.vault))
    steps = await watched(database, store, world, monkeypatch, about=people[0])

    assert await database.read(reindex.due) == []
    assert await faults(database, store) == []
    assert steps > 12
    assert set(await ids(north, "/Patient?family=weberknecht")) == world.expected("Patient", named("Weberknecht"))


async def watched(
    database: Database, store: Store, world: World, monkeypatch: pytest.MonkeyPatch, *, about: str
) -> int:
    """How many steps a rebuild took, with all searches compared and something written before each, and afterwards."""
    rebuild, write, steps = Rebuild(database, store.vault, batch=1, chunk=2), database.write, 0

    async def compare() -> None:
        for asked, holds in searches(about).items():
            found = await ids(world.http, f"/{asked}")
            assert sorted(found) == sorted(world.expected(asked.partition("?")[0], holds)), (asked, steps)
        # What only the new form indexes can be missed until the end, but nothing wrong is found.
        assert set(await ids(world.http, "/Patient?family=weberknecht")) <= world.expected(
            "Patient", named("Weberknecht")
        )

    async def first_the_others(unit: Any) -> Any:
        nonlocal steps
        if isinstance(unit, partial) and unit.func.__name__ in STEPS:
            steps += 1
            await compare()
            await world.write()
        return await write(unit)

    await compare()
    monkeypatch.setattr(database, "write", first_the_others)
    await rebuild.run()
    monkeypatch.setattr(database, "write", write)
    await compare()
    return steps


async def test_a_rebuild_that_removes_before_it_adds_would_lose_hits_meanwhile(
    north: httpx.AsyncClient, database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(north)
    about = await world.create(person(0))
    await world.create(observation(about))

    def emptied(self: Rebuild, session: Session, made: reindex.Wanted) -> reindex.Wanted:
        session.connection().execute(delete(TOKEN).where(TOKEN.c.rid.in_(made)))
        return made

    monkeypatch.setattr(Rebuild, "_add", emptied)

    with pytest.raises(AssertionError, match=r"Observation\?patient"):
        await watched(database, store, world, monkeypatch, about=about)
