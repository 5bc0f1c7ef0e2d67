"""Today's visits in the demo: whoever can be joined has a record, and another start repeats nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, col, func, select

from fhir import rules
from fhir.bulk import insert
from fhir.codec import Parsed
from fhir.drafts import draft
from fhir.search import parsing
from infra.database import open_database
from infra.migrate import upgrade
from telemed.booking.models import Booking
from telemed.console.today import rows
from telemed.demo.describe import JoinableAppointment
from telemed.demo.history import history
from telemed.demo.population import Population
from telemed.demo.seed import seed_institutions
from telemed.demo.today import AT_WORK, LATER, book_today
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits.models import JoinCode
from telemed.wiring import open_services
from tests.telemed.demo.test_population import NOW
from tests.telemed.service import demo_settings

PERSONS = 200
KINDS = ("Condition", "Observation", "CarePlan", "Task")
MADE = Population.made_up(PERSONS, now=NOW)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def begins() -> datetime | None:
    """When the demo's clock starts; now, unless a test says otherwise."""
    return None


@pytest.fixture
async def services(empty_database_url: str, tmp_path: Path, begins: datetime | None) -> AsyncIterator[Services]:
    """A demo with its people, but without a day."""
    database = open_database(empty_database_url)
    await upgrade(database)
    await database.close()
    settings = demo_settings(tmp_path, empty_database_url).model_copy(update={"demo_now": begins})
    async with open_services(settings) as opened:
        await seed_institutions(opened, MADE)
        await opened.database.write(lambda session: _people(session, opened))
        yield opened


def _people(session: Session, services: Services) -> None:
    for tenant, resource in chain(MADE.patients(), MADE.encounters()):
        parsed = Parsed(resource["resourceType"], resource, msgspec.json.encode(resource))
        made = draft(services.vault, parsed, now=services.clock.now(), id=resource["id"])
        insert(services.record, session, platform(tenant), [made])


async def ids(services: Services, visit: JoinableAppointment, kind: str) -> list[str]:
    """What the clinic of a visit finds about its patient."""
    query = parsing.parse(kind, [("patient", visit.patient_id)])
    caller = platform(visit.organization_id)
    found = await services.database.write(lambda session: services.record.search(session, caller, query))
    return sorted(entry.id for entry in found.entries)


async def bookings(services: Services) -> int:
    statement = select(func.count()).where(col(Booking.status) == "booked")
    return await services.database.read(lambda session: session.exec(statement).one())


async def test_whoever_can_be_joined_was_there_twice_and_has_a_record_that_no_start_repeats(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same first patient at every start, where otherwise the next one comes.
    monkeypatch.setattr("telemed.demo.today._first", lambda start: 0)

    visits = await book_today(services, MADE)
    written = [[await ids(services, visit, kind) for kind in KINDS] for visit in visits]
    again = await book_today(services, MADE)

    assert [visit.patient_id for visit in again] == [visit.patient_id for visit in visits]
    for visit, found in zip(visits, written, strict=True):
        assert len(await ids(services, visit, "Encounter")) >= 2
        assert [len(kind) for kind in found] == [2, 2, 1, 1]
        assert [await ids(services, visit, kind) for kind in KINDS] == found


async def test_another_start_books_the_visits_that_can_be_joined_and_no_later_ones(services: Services) -> None:
    await book_today(services, MADE)
    first = await bookings(services)

    await book_today(services, MADE)

    assert first == len(AT_WORK) * (1 + len(LATER))
    # The visits of the first start made room for those of the second.
    assert await bookings(services) == first


@pytest.mark.parametrize("begins", [datetime(2026, 11, 28, 22, 57, tzinfo=UTC)])  # three minutes before midnight
async def test_a_demo_that_starts_late_on_a_saturday_has_visits_that_stay_open_over_midnight(
    services: Services, begins: datetime
) -> None:
    visits = await book_today(services, MADE)
    clinic = platform(visits[0].organization_id)

    def listed(session: Session, hours: int) -> set[str]:
        now = begins + timedelta(hours=hours)
        return {row.id for row in rows(session, services.store, clinic, rooms=services.rooms, now=now)}

    codes = await services.database.read(lambda session: session.exec(select(JoinCode)).all())
    windows = {code.appointment_id: (code.opens, code.closes) for code in codes}
    assert len(visits) == len(AT_WORK)
    for opens, closes in (windows[visit.appointment_id] for visit in visits):
        assert opens <= begins and closes >= begins + timedelta(hours=4)
    for hours in (0, 1, 4):
        assert visits[0].appointment_id in await services.database.write(partial(listed, hours=hours))


def test_a_history_is_valid_and_the_same_for_the_same_person() -> None:
    for person in MADE.persons[:30]:
        clinician = next(each for each in MADE.staff if each.clinic == person.clinics[0])
        made: list[dict[str, Any]] = list(history(person, clinician, now=NOW))

        assert made == list(history(person, clinician, now=NOW))
        for resource in made:
            rules.validate(Parsed(resource["resourceType"], resource, msgspec.json.encode(resource)))
