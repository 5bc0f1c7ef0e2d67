"""The bulk path writes what single writes write."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Table, func, select
from sqlmodel import Session

from fhir import bulk
from fhir.audit import AUDIT
from fhir.bulk import Item
from fhir.ids import new_id
from fhir.reader import Reader
from fhir.rows import COMPARTMENT, DATA_KEY, RESOURCE, TOKEN
from fhir.store import Change, Store
from infra.caller import Caller
from infra.database import Database
from tests.fhir.record import caller, kvnr, observation, parsed, patient

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def clinic(number: int) -> list[Item]:
    """A few patients with an observation each, references among them."""
    items: list[Item] = []
    for n in range(number):
        id = new_id()
        items.append(Item(parsed(observation(id))))
        items.append(Item(parsed(patient(identifier=[kvnr(n)])), id))
    return items


async def counted(database: Database, table: Table) -> int:
    statement = select(func.count()).select_from(table)
    return await database.read(lambda s: int(s.connection().execute(statement).scalar_one()))


async def test_a_load_leaves_the_same_rows_as_single_creates(database: Database, store: Store) -> None:
    tables = (RESOURCE, TOKEN, COMPARTMENT, DATA_KEY, AUDIT)
    await database.write(lambda s: bulk.load(store, s, caller(), clinic(20)))
    loaded = [await counted(database, table) for table in tables]

    for observed, person in zip(*[iter(clinic(20))] * 2, strict=True):
        for item in (person, observed):
            await database.write(partial(store.create, caller=caller("south"), parsed=item.parsed, id=item.id))

    assert [await counted(database, table) - before for table, before in zip(tables, loaded, strict=True)] == loaded


async def test_loaded_resources_are_read_and_found_like_others(database: Database, store: Store) -> None:
    items = clinic(3)
    ids = await database.write(lambda s: bulk.load(store, s, caller(), items))

    observed = await database.write(lambda s: store.read(s, caller(), "Observation", ids[0]))
    person = await database.write(lambda s: store.read(s, caller(), "Patient", ids[1]))

    assert ids[1] == items[1].id
    assert observed.compartment == person.compartment is not None


async def test_hooks_run_in_a_load_only_if_they_are_handed_in(database: Database, store: Store) -> None:
    seen: list[str] = []

    def hook(session: Session, who: Caller, change: Change) -> None:
        seen.append(change.type)

    await database.write(lambda s: bulk.load(store, s, caller(), clinic(1)))
    await database.write(lambda s: bulk.load(store, s, caller(), clinic(1), hooks=[hook]))

    assert seen == ["Observation", "Patient"]


async def test_a_load_does_not_write_into_a_strangers_record(database: Database, store: Store) -> None:
    strange = await database.write(lambda s: bulk.load(store, s, caller(), [Item(parsed(patient()))]))
    about: list[Any] = [Item(parsed(observation(strange[0])))]
    ids = await database.write(lambda s: bulk.load(store, s, caller("south"), about))

    found = await database.write(lambda s: store.read(s, caller("south"), "Observation", ids[0]))

    assert found.compartment is None


async def test_the_reader_gives_each_row_its_person(database: Database, store: Store) -> None:
    await database.write(lambda s: bulk.load(store, s, caller(), clinic(5)))
    await database.write(lambda s: bulk.load(store, s, caller("south"), clinic(5)))

    rows = await database.read(lambda s: list(Reader(store.vault).rows(s, ["Observation"], at=LATER)))

    assert len(rows) == 10
    assert len({row.person for row in rows}) == 5
    assert {row.tenant for row in rows} == {"north", "south"}
