"""Slots in the record: built from rules, rebuilt without loss, closed to others' changes."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from infra.database import Database
from infra.queue import Job
from telemed.access.owners import OwnedElsewhere
from telemed.schedules.calendar import ActorUnknown, SlotOccupied
from telemed.schedules.jobs import EXTEND, extend_today, handlers
from telemed.schedules.models import SlotTime
from telemed.schedules.resource import RulesUnclear
from telemed.schedules.slots import Rebuilt
from tests.telemed.booking.clinic import OTHER, Clinic, appointment, open_clinic, role, schedule, system


@pytest.fixture
async def clinic(database: Database, tmp_path: Path) -> Clinic:
    """An open clinic."""
    return await open_clinic(database, tmp_path)


async def test_a_managed_schedule_gets_slots_for_its_horizon(clinic: Clinic) -> None:
    slots = await clinic.slots()

    assert len(slots) == 5 * 12
    body = await clinic.read("Slot", slots[0].slot_id)
    assert body["status"] == "free"
    assert (body["start"], body["end"]) == ("2026-11-23T07:00:00Z", "2026-11-23T07:20:00Z")
    assert body["schedule"] == {"reference": "Schedule/schedule"}


async def test_rebuilding_twice_changes_nothing(clinic: Clinic) -> None:
    before = await clinic.slots()

    assert await clinic.rebuild() == Rebuilt()
    assert [slot.slot_id for slot in await clinic.slots()] == [slot.slot_id for slot in before]


async def test_an_absence_closes_slots_and_its_end_opens_the_same_ones(clinic: Clinic) -> None:
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "PractitionerRole", "role"))
    away = {"description": "Fortbildung", "during": {"start": "2026-11-24", "end": "2026-11-24"}}

    absent = await clinic.update(stored, notAvailable=[away])
    closed = await clinic.rebuild()
    tuesday = [slot for slot in await clinic.slots() if slot.start.day == 24]
    await clinic.update(absent, notAvailable=[away | {"during": {"start": "2026-12-24", "end": "2026-12-24"}}])
    reopened = await clinic.rebuild()

    assert (closed, tuesday, reopened) == (Rebuilt(closed=12), [], Rebuilt(reopened=12))
    assert [(await clinic.read("Slot", s.slot_id))["status"] for s in (await clinic.slots())[:24]] == ["free"] * 24


async def test_slots_of_others_survive_a_rebuild(clinic: Clinic) -> None:
    evening = {
        "resourceType": "Slot",
        "schedule": {"reference": "Schedule/schedule"},
        "status": "free",
        "start": "2026-11-23T18:00:00+01:00",
        "end": "2026-11-23T18:30:00+01:00",
    }
    stored = await clinic.write(evening)
    first = (await clinic.slots())[0]
    blocked = await clinic.run(lambda s: clinic.store.read(s, system(), "Slot", first.slot_id))
    await clinic.update(blocked, status="busy-unavailable")

    assert await clinic.rebuild() == Rebuilt()
    ids = {slot.slot_id for slot in await clinic.slots()}
    assert stored.id in ids
    assert first.slot_id not in ids
    assert (await clinic.read("Slot", first.slot_id))["status"] == "busy-unavailable"


async def test_a_slot_that_its_owner_deleted_stays_away(clinic: Clinic) -> None:
    first = (await clinic.slots())[0]
    await clinic.run(lambda s: clinic.store.delete(s, system(), "Slot", first.slot_id))

    assert await clinic.rebuild() == Rebuilt()
    assert first.slot_id not in {slot.slot_id for slot in await clinic.slots()}


async def test_a_schedule_can_be_managed_elsewhere_for_a_while(clinic: Clinic) -> None:
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "Schedule", "schedule"))
    slot = (await clinic.slots())[0]

    away = await clinic.replace(stored, {name: value for name, value in schedule().items() if name != "extension"})
    await clinic.write(appointment(slot))
    await clinic.write(appointment(slot))
    await clinic.replace(away, schedule())

    assert await clinic.rebuild() == Rebuilt()
    assert len(await clinic.slots()) == 60


async def test_a_booked_slot_can_not_be_written_free(clinic: Clinic) -> None:
    slot: SlotTime = (await clinic.slots())[0]
    await clinic.write(appointment(slot))
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "Slot", slot.slot_id))

    with pytest.raises(SlotOccupied):
        await clinic.update(stored, status="free")


async def test_a_booked_slot_stays_booked_when_the_rules_change(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await clinic.write(appointment(slot))
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "PractitionerRole", "role"))

    await clinic.update(stored, **role(start="10:00:00"))
    await clinic.rebuild()

    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy"
    assert (await clinic.slots())[0].start.hour == 9


async def test_nobody_manages_the_calendar_of_another_clinics_practitioner(clinic: Clinic) -> None:
    with pytest.raises(OwnedElsewhere):
        await clinic.write(schedule(), caller=system(OTHER))


async def test_nobody_manages_another_clinics_practitioner_by_a_role_of_their_own(clinic: Clinic) -> None:
    own = role(organization={"reference": f"Organization/{OTHER}"})
    await clinic.write(own, caller=system(OTHER), id="role-of-other")
    by_role = schedule() | {"actor": [{"reference": "PractitionerRole/role-of-other"}]}

    with pytest.raises(ActorUnknown):
        await clinic.write(by_role, caller=system(OTHER))


@pytest.mark.parametrize("end", ["9999", "9999-12-31", "9999-12-31T23:59:59-14:00"])
async def test_a_planning_horizon_without_an_end_may_say_so_by_the_last_year(clinic: Clinic, end: str) -> None:
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "Schedule", "schedule"))
    before = len(await clinic.slots())

    await clinic.update(stored, planningHorizon={"start": "0001-01-01", "end": end})
    await clinic.rebuild()

    assert len(await clinic.slots()) == before


async def test_a_slot_length_off_the_five_minute_grid_is_refused(clinic: Clinic) -> None:
    with pytest.raises(RulesUnclear):
        await clinic.write(schedule(minutes=7))


async def test_a_schedule_without_the_extension_is_stored_and_left_alone(clinic: Clinic) -> None:
    plain = {name: value for name, value in schedule().items() if name != "extension"}

    stored = await clinic.write(plain)

    assert stored.version == 1
    assert await clinic.rebuild() == Rebuilt()


async def test_starting_twice_on_one_day_builds_the_slots_once(database: Database) -> None:
    for _ in range(2):
        await database.write(lambda session: extend_today(session, today=date(2026, 11, 23)))

    assert len(await database.read(lambda session: session.exec(select(Job)).all())) == 1


async def test_the_next_extension_is_tomorrows_by_the_calendars_own_clock(clinic: Clinic) -> None:
    await handlers(clinic.database, clinic.desk.calendar)[EXTEND]("2026-11-23", "")
    tomorrow = clinic.clock.now().date() + timedelta(days=1)

    # As at a start on that day, which must not extend once more.
    await clinic.database.write(lambda session: extend_today(session, today=tomorrow))

    [job] = await clinic.rows(select(Job).where(col(Job.kind) == EXTEND))
    assert job.ref == tomorrow.isoformat()
    assert abs(job.due - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
