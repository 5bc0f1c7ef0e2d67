"""The second net and the end of a restriction: by the platform's clock it shuts a record, and no longer than the rule does.

The clock stands in a past that is not the server's, so that nothing here can go by the server's own.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # has no stubs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import Session

from fhir.compartments import pseudonym
from fhir.rows import RESOURCE
from fhir.search import parsing
from fhir.tables import Restriction
from infra import row_security
from infra.clock import FixedClock
from infra.columns import to_microseconds
from infra.database import One, open_database
from infra.row_security import EVERY, FRESH, Told
from infra.statements import Statement
from telemed.access.net import BOUND, NOW
from tests.telemed.access import world as w
from tests.telemed.access.test_net import postgresql
from tests.telemed.access.world import World, system

END = w.NOW + timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
COUNT = Statement(select(func.count()).select_from(RESOURCE).where(RESOURCE.c.type == "Communication"))
AGES = st.timedeltas(min_value=-2 * FRESH, max_value=2 * FRESH)


@dataclass(frozen=True)
class Shut:
    """A note in the record of a's patient, which b is let into, and which is restricted until `END`."""

    world: World
    note: str

    async def sees(self) -> tuple[bool, int]:
        """Whether b reads the note, and how many hits its search tells."""

        def total(session: Session) -> int:
            query = parsing.parse("Communication", [("status", "completed"), ("_total", "accurate")])
            return self.world.store.search(session, system("b"), query).total or 0

        return await self.world.sees("b", self.note), await self.world.database.write(total)

    async def counts(self) -> int:
        """How many notes one round trip for b counts, without any filter of the application's."""

        def unit(_: Session) -> int:
            raise AssertionError("one round trip is enough")

        return await self.world.database.short(unit, lambda: One(COUNT, {}, lambda rows: int(rows[0][0]), "b"))


@pytest.fixture
async def shut(database_url: str, tmp_path: Path) -> AsyncIterator[Shut]:
    clock = FixedClock(w.NOW)
    database = open_database(database_url, clock)
    world = World.make(database, tmp_path, clock=clock)
    patient, other = await w.patient(world, "a"), await w.clinic(world, "b")
    await world.write("a", w.care_team(patient, other))
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": patient}}
    reference = await world.write("a", note)
    compartment = pseudonym(world.store.vault, patient.partition("/")[2])
    kept = Restriction(compartment=compartment, since=w.NOW, until=END)
    await database.write(lambda session: session.add(kept))
    yield Shut(world, reference)
    await database.close()


async def test_a_restriction_that_is_over_hides_nothing(shut: Shut) -> None:
    shut.world.clock.advance(END - w.NOW - MOMENT)
    before = await shut.sees()

    shut.world.clock.advance(MOMENT)

    assert (before, await shut.sees()) == ((False, 0), (True, 1))


@postgresql
async def test_a_twin_whose_net_knows_no_end_hides_what_is_over(shut: Shut) -> None:
    endless = BOUND.replace(f" AND r.until > {NOW}", "")
    await shut.world.database.write(lambda session: session.connection().exec_driver_sql(endless))

    shut.world.clock.advance(END - w.NOW)

    assert endless != BOUND
    assert await shut.sees() == (False, 0)


@postgresql
async def test_without_the_filter_the_net_alone_shuts_the_record_to_the_end(shut: Shut, without_filter: None) -> None:
    shut.world.clock.advance(END - w.NOW - MOMENT)
    before = await shut.sees()

    shut.world.clock.advance(MOMENT)

    assert (before, await shut.sees()) == ((False, 0), (True, 1))


@postgresql
async def test_a_line_that_stays_with_a_clinic_is_told_the_time_again_after_a_minute(shut: Shut) -> None:
    shut.world.clock.advance(END - w.NOW - FRESH / 2)
    found = [await shut.counts()]

    for _ in range(2):
        shut.world.clock.advance(FRESH / 2)
        found.append(await shut.counts())

    assert found == [0, 0, 1]


@postgresql
async def test_a_twin_whose_lines_hear_no_more_of_the_time_goes_on_hiding(
    shut: Shut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_security, "FRESH", timedelta.max)
    before = await shut.counts()

    shut.world.clock.advance(END - w.NOW + FRESH)

    assert (before, await shut.counts()) == (0, 0)


@postgresql
async def test_to_whoever_says_no_time_every_restriction_is_in_force(shut: Shut, database_url: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings={row_security.NAME: "b"})
    count = "SELECT count(*) FROM resource WHERE type = 'Communication'"
    found = [await connection.fetchval(count)]
    # What PostgreSQL leaves of a setting that was said for one transaction is an empty text, not nothing.
    async with connection.transaction():
        await connection.execute(f"SET LOCAL {row_security.MOMENT} = '{to_microseconds(END)}'")
        found.append(await connection.fetchval(count))
    found.append(await connection.fetchval(count))
    await connection.close()

    assert found == [0, 1, 0]


@given(age=AGES)
@example(age=timedelta())
@example(age=FRESH)
def test_a_line_is_told_anew_once_what_it_was_told_is_a_minute_old_or_lies_ahead(age: timedelta) -> None:
    assert Told("b", w.NOW - age).holds("b", w.NOW) == (timedelta() <= age < FRESH)
    assert Told(EVERY, w.NOW - age).holds(EVERY, w.NOW)
    assert not Told("b", w.NOW - age).holds("a", w.NOW)
