"""The record for statistics: in spans of persons, each resource as it was at one moment."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlmodel import Session, col, delete, select

from fhir import bulk
from fhir.bulk import Item
from fhir.ids import new_id
from fhir.reader import EVERYBODY, Reader, Row, Span
from fhir.store import Store
from fhir.tables import Compartment
from infra.database import Database
from infra.vault import DataKey
from tests.fhir.record import caller, kvnr, observation, parsed, patient, store

TYPES = ("Patient", "Observation")


def items(number: int) -> list[Item]:
    found: list[Item] = []
    for n in range(number):
        id = new_id()
        found += [Item(parsed(patient(identifier=[kvnr(n)])), id), Item(parsed(observation(id)))]
    return found


async def filled(database: Database, made: Store, number: int) -> list[Item]:
    wanted = items(number)
    await database.write(lambda s: bulk.load(made, s, caller(), wanted) and None)
    return wanted


async def read(database: Database, made: Store, *, at: datetime, of: Span = EVERYBODY) -> list[Row]:
    return await database.read(lambda s: list(Reader(made.vault).rows(s, TYPES, of=of, at=at)))


async def test_a_resource_is_read_as_it_was_at_the_moment(database: Database, tmp_path: Any) -> None:
    made = store(tmp_path)
    [person, seen] = await filled(database, made, 1)
    before = datetime.now(UTC)
    changed = parsed(observation(str(person.id), note=[{"text": "later"}]))
    [stored] = await rows_of(database, made, "Observation", at=before)
    await database.write(lambda s: made.update(s, caller(), "Observation", stored.id, changed, if_match=None) and None)

    then, now = [await rows_of(database, made, "Observation", at=at) for at in (before, before + timedelta(days=1))]

    assert [b"later" in row.body for row in (*then, *now)] == [False, True]
    assert seen.parsed is not None


async def rows_of(database: Database, made: Store, type: str, *, at: datetime) -> list[Row]:
    return [row for row in await read(database, made, at=at) if row.type == type]


async def test_what_was_deleted_later_is_there_and_what_came_later_is_not(database: Database, tmp_path: Any) -> None:
    made = store(tmp_path)
    await filled(database, made, 2)
    before = datetime.now(UTC)
    [gone, _] = await rows_of(database, made, "Observation", at=before)
    await database.write(lambda s: made.delete(s, caller(), "Observation", gone.id) and None)
    await filled(database, made, 1)

    then, now = [await rows_of(database, made, "Observation", at=at) for at in (before, before + timedelta(days=1))]

    assert gone.id in {row.id for row in then} and len(then) == 2
    assert gone.id not in {row.id for row in now} and len(now) == 2


async def test_all_spans_together_are_everybody_once(database: Database, tmp_path: Any) -> None:
    made, later = store(tmp_path), datetime.now(UTC) + timedelta(days=1)
    await filled(database, made, 40)

    for at_most in (1, 3, 40):
        spans = await database.read(partial(Reader(made.vault).spans, at_most=at_most))
        parts = [await read(database, made, at=later, of=span) for span in spans]

        together = sorted((row for part in parts for row in part), key=lambda row: (row.person, row.type))
        assert together == sorted(await read(database, made, at=later), key=lambda row: (row.person, row.type))
        people = [{row.person for row in part} for part in parts]
        assert sum(map(len, people)) == len(set().union(*people)) == 40


async def test_an_erased_person_is_read_no_more(database: Database, tmp_path: Any) -> None:
    made, later = store(tmp_path), datetime.now(UTC) + timedelta(days=1)
    await filled(database, made, 2)
    compartments = await database.read(lambda s: [row.id for row in s.exec(select(Compartment))])

    def shred(session: Session) -> None:
        session.execute(delete(DataKey).where(col(DataKey.scope) == f"c:{compartments[0]}"))

    await database.write(shred)
    made.vault.forget()

    assert len({row.person for row in await read(database, made, at=later)}) == 1
