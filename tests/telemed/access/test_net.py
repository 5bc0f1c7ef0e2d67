"""The second net: with the application's own filter removed, PostgreSQL still gives away no row of a stranger."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # has no stubs
import pytest
from sqlalchemy import text
from sqlmodel import Session

from fhir import history, trips
from fhir.compartments import pseudonym
from fhir.history import Asked
from fhir.rows import Stored
from fhir.search import parsing
from fhir.tables import Restriction
from infra import migrate
from infra.database import Database, open_database
from infra.problems import NotFound
from infra.row_security import act
from infra.statements import Row
from telemed.access.models import CareGrant
from telemed.access.net import is_bypassed
from telemed.access.settle import FOREVER
from telemed.operators import findings, migrated
from telemed.startup import require_tables
from tests.fixtures.postgres import PostgresServer
from tests.telemed.access import world as w
from tests.telemed.access.world import World, system
from tests.telemed.service import demo_settings

POLICIES = text(
    "SELECT tablename, policyname, cmd, qual, with_check, c.relrowsecurity AND c.relforcerowsecurity FROM pg_policies"
    " JOIN pg_class c ON c.relname = tablename ORDER BY tablename, policyname"
)
FUNCTIONS = text("SELECT proname, prosrc, true FROM pg_proc WHERE proname = 'is_bound_to'")
postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


Look = Callable[[World, str], Callable[[Session], int]]


def by_read(world: World, reference: str) -> Callable[[Session], int]:
    """How many resources a read gives."""

    def unit(session: Session) -> int:
        try:
            world.store.read(session, system("b"), *reference.split("/"))
        except NotFound:
            return 0
        return 1

    return unit


def by_search(world: World, reference: str) -> Callable[[Session], int]:
    """How many hits a search gives."""
    query = parsing.parse("Communication", [("status", "completed")])
    return lambda session: len(world.store.search(session, system("b"), query).entries)


def by_history(world: World, reference: str) -> Callable[[Session], int]:
    """How many versions the history of the type gives."""
    return lambda session: history.of_types(world.store, session, system("b"), ["Communication"], asked=Asked(10)).total


@pytest.mark.parametrize("look", [by_read, by_search, by_history])
async def test_without_the_filter_only_postgresql_keeps_a_foreign_row(
    world: World, look: Look, database_kind: str, without_filter: None
) -> None:
    reference = await _note(world)

    found = await world.database.write(look(world, reference))

    assert found == (0 if database_kind == "postgresql" else 1)


@postgresql
async def test_the_read_in_one_round_trip_is_under_the_net_too(world: World, without_filter: None) -> None:
    type, id = (await _note(world)).split("/")
    one = trips.read(world.store, system("b"), type, id)
    assert one is not None
    answers: list[Sequence[Row]] = []

    def kept(rows: Sequence[Row]) -> Stored | None:
        answers.append(rows)
        return None

    with pytest.raises(NotFound):
        await world.database.short(
            lambda session: world.store.read(session, system("b"), type, id), lambda: replace(one, result=kept)
        )

    assert answers == [[]]


@postgresql
async def test_a_row_of_another_tenant_can_be_neither_added_nor_changed(world: World) -> None:
    patient = await w.patient(world, "a")

    def add(session: Session) -> None:
        act(session, "b")
        session.connection().execute(
            text(
                "INSERT INTO resource_history SELECT rid, 9, id, type, deleted, last_updated, 'a', compartment, data_key,"
                " body FROM (VALUES (1, 'x', 'Task', false, 1, 'c', 1, ''::bytea)) AS row"
                " (rid, id, type, deleted, last_updated, compartment, data_key, body)"
            )
        )

    def change(session: Session) -> int:
        act(session, "b")
        return int(session.connection().execute(text("UPDATE resource SET deleted = true")).rowcount)

    with pytest.raises(Exception, match="row-level security"):
        await world.database.write(add)
    assert await world.database.write(change) == 0
    assert await world.sees("a", patient)


@postgresql
async def test_a_rolled_back_savepoint_does_not_end_the_net(world: World) -> None:
    await _note(world)

    def unit(session: Session) -> int:
        nested = session.begin_nested()
        act(session, "b")
        nested.rollback()
        act(session, "b")
        return int(session.connection().execute(text("SELECT count(*) FROM resource")).scalar_one())

    assert await world.database.write(unit) == 0


@postgresql
async def test_a_restricted_record_is_closed_to_other_clinics_by_the_second_net(
    world: World, without_filter: None
) -> None:
    patient, other = await w.patient(world, "a"), await w.clinic(world, "b")
    await world.write("a", w.care_team(patient, other))
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": patient}}
    reference = await world.write("a", note)
    compartment = pseudonym(world.store.vault, patient.partition("/")[2])
    before = await world.sees("b", reference)

    kept = Restriction(compartment=compartment, since=w.NOW, until=FOREVER)
    await world.database.write(lambda session: session.add(kept))
    shut = await world.sees("b", reference)
    let_in = CareGrant(
        compartment=compartment, tenant="b", kind="Consent", source="Consent/1", granted_by="a",
        since=w.NOW, asked_until=FOREVER, until=FOREVER,
    )  # fmt: skip
    await world.database.write(lambda session: session.add(let_in))

    # The filter is gone, so this is what the database alone decides.
    assert (before, shut, await world.sees("b", reference)) == (True, False, True)


@postgresql
async def test_a_connection_that_says_nothing_sees_nothing(world: World, database_url: str) -> None:
    await _note(world)

    connection = await asyncpg.connect(database_url)
    found = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in ("resource", "audit_event")]
    await connection.close()

    assert found == [0, 0]


@postgresql
async def test_the_log_of_another_tenant_is_under_the_net(world: World) -> None:
    await _note(world)

    def seen(session: Session) -> set[str]:
        act(session, "b")
        return set(session.connection().execute(text("SELECT tenant FROM audit_event")).scalars())

    await w.patient(world, "b")

    assert await world.database.write(seen) == {"b"}


@postgresql
async def test_migrations_spread_the_same_net(empty_database_url: str, database: Database) -> None:
    migrated = open_database(empty_database_url)
    await migrate.upgrade(migrated)

    def policies(session: Session) -> list[tuple[object, ...]]:
        found = [tuple(row) for row in session.connection().execute(POLICIES)]
        return [*found, *(tuple(row) for row in session.connection().execute(FUNCTIONS))]

    made, ours = await migrated.read(policies), await database.read(policies)
    await migrated.close()

    assert len(ours) == 11
    assert made == ours
    assert all(row[-1] for row in made)


@postgresql
async def test_an_account_above_the_net_is_noticed(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    above = open_database(database_url.replace("telemed@", "postgres@"))

    found = (await database.read(is_bypassed), await above.read(is_bypassed))
    await above.close()

    assert found == (False, True)


@postgresql
async def test_the_doctor_and_a_start_tell_of_an_account_above_the_net(
    empty_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[tuple[list[str], bool]] = []
    for account in ("telemed@", "postgres@"):
        settings = demo_settings(tmp_path, empty_database_url.replace("telemed@", account))
        await migrated(settings)
        marks = [each.mark for each in await findings(settings) if each.part == "row security"]
        await require_tables(settings.model_copy(update={"environment": "production"}))
        found.append((marks, "row_security_bypassed" in capsys.readouterr().out))

    assert found == [([], False), (["look"], True)]


async def _note(world: World) -> str:
    """A note in the record of a's patient; b has nothing to do with them."""
    patient = await w.patient(world, "a")
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": patient}}
    return await world.write("a", note)
