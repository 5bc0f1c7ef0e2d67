"""Whoever writes an Appointment for a managed schedule, and however, goes through the engine."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from infra.problems import Conflict, Problem
from infra.queue import Job
from telemed.booking.models import Booking
from telemed.booking.problems import (
    HoldExpired,
    HoldFixed,
    HoldTooLong,
    PatientUnknown,
    SlotBlocked,
    SlotNotOffered,
    SlotUnknown,
    StillBooked,
    WrongLength,
)
from telemed.booking.resource import hold_extension
from telemed.booking.states import WrongState
from telemed.notices.models import Notice
from telemed.schedules.models import Occupancy
from telemed.schedules.occupancy import TimeTaken
from tests.effort import repetitions
from tests.telemed.booking.clinic import CLINIC, MONDAY, OTHER, Clinic, Resource, appointment, patient, role, system


async def outcome(clinic: Clinic, resource: Resource) -> int:
    try:
        await clinic.write(resource)
    except Problem as problem:
        return problem.status
    return 201


async def busy_ticks(clinic: Clinic) -> int:
    count: int = (await clinic.rows(select(func.count()).select_from(Occupancy)))[0]
    return count


async def test_of_200_bookings_of_one_slot_exactly_one_wins_and_199_get_409(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    for number in range(3):
        await clinic.write(patient(), id=f"patient-{number}")
    wanted = [appointment(slot, patient=f"patient-{number % 3}") for number in range(200)]

    statuses = await asyncio.gather(*(outcome(clinic, each) for each in wanted))

    assert (statuses.count(201), statuses.count(409)) == (1, 199)
    assert await busy_ticks(clinic) == 2 * 4
    assert len(await clinic.rows(select(Booking))) == 1
    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy"


async def test_a_plain_appointment_books_the_slot_and_tells_the_patient(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]

    stored = await clinic.write(appointment(slot))

    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy"
    notices = await clinic.rows(select(Notice).where(col(Notice.appointment_id) == stored.id))
    jobs = await clinic.rows(select(col(Job.ref)).where(col(Job.kind) == "notice.deliver"))
    assert sorted(notice.channel for notice in notices) == ["letter", "mail"]
    assert sorted(jobs) == sorted(notice.id for notice in notices)


async def test_cancelling_frees_the_slot_for_others(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    stored = await clinic.write(appointment(slot))

    cancelled = await clinic.update(stored, status="cancelled")

    assert (await clinic.read("Slot", slot.slot_id))["status"] == "free"
    assert await outcome(clinic, appointment(slot)) == 201
    with pytest.raises(WrongState):
        await clinic.update(cancelled, status="booked")


async def test_deleting_frees_the_slot_and_tells_the_patient(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    stored = await clinic.write(appointment(slot))

    await clinic.run(lambda s: clinic.store.delete(s, system(), "Appointment", stored.id))

    assert await busy_ticks(clinic) == 0
    assert (await clinic.read("Slot", slot.slot_id))["status"] == "free"
    assert len(await clinic.rows(select(Notice))) == 3


async def test_moving_takes_the_new_time_and_frees_the_old(clinic: Clinic) -> None:
    first, second, third = (await clinic.slots())[:3]
    stored = await clinic.write(appointment(first))
    await clinic.write(patient(), id="patient-2")
    await clinic.write(appointment(third, patient="patient-2"))

    moved = await clinic.update(stored, **appointment(second))

    assert [(await clinic.read("Slot", s.slot_id))["status"] for s in (first, second)] == ["free", "busy"]
    with pytest.raises(TimeTaken):
        await clinic.update(moved, **appointment(third))
    assert (await clinic.read("Slot", second.slot_id))["status"] == "busy"
    assert (await clinic.rows(select(Booking).where(col(Booking.appointment_id) == stored.id)))[0].sequence == 1


async def test_a_patient_can_not_be_in_two_clinics_at_once(clinic: Clinic) -> None:
    """One person, registered in two clinics under one insurance number."""
    number = [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": "X110411675"}]
    slot = (await clinic.slots())[0]
    await clinic.write(patient(identifier=number), id="here")
    await clinic.write(patient(identifier=number), id="there", caller=system(OTHER))
    await clinic.write({"resourceType": "Practitioner"}, id="colleague", caller=system(OTHER))
    colleague = role() | {"practitioner": {"reference": "Practitioner/colleague"}}
    await clinic.write(colleague, id="role-b", caller=system(OTHER))
    elsewhere = {
        "resourceType": "Schedule",
        "extension": [{"url": "https://telemed.example/fhir/StructureDefinition/slot-minutes", "valuePositiveInt": 20}],
        "actor": [{"reference": "PractitionerRole/role-b"}],
    }
    await clinic.write(elsewhere, id="schedule-b", caller=system(OTHER))
    visit = appointment(slot, patient="there") | {"slot": []}
    del visit["slot"]
    visit["participant"].append({"actor": {"reference": "Practitioner/colleague"}, "status": "accepted"})
    await clinic.write(visit, caller=system(OTHER))

    with pytest.raises(TimeTaken) as refused:
        await clinic.write(appointment(slot, patient="here"))

    assert "there" not in refused.value.text


async def test_a_room_is_taken_but_a_building_is_not(clinic: Clinic) -> None:
    for kind in ("ro", "bu"):
        coding = {"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": kind}
        await clinic.write({"resourceType": "Location", "physicalType": {"coding": [coding]}}, id=kind)
    slot = (await clinic.slots())[0]
    await clinic.write(_with_place(appointment(slot), "ro"))
    await clinic.write(_with_place(appointment((await clinic.slots())[1]), "bu"))

    resources = await clinic.rows(select(col(Occupancy.resource)).distinct())

    assert "Location/ro" in resources
    assert "Location/bu" not in resources


def _with_place(visit: Resource, id: str) -> Resource:
    place = {"actor": {"reference": f"Location/{id}"}, "status": "accepted"}
    return visit | {"participant": [*visit["participant"], place]}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"end": "2026-11-23T07:15:00Z"}, WrongLength),
        ({"slot": [{"reference": "Slot/never-was"}]}, SlotUnknown),
        ({"participant": [{"actor": {"reference": "Patient/never-was"}, "status": "accepted"}]}, PatientUnknown),
        ({"status": "fulfilled"}, WrongState),
        ({"status": "pending", "extension": [hold_extension(MONDAY + timedelta(minutes=6))]}, HoldTooLong),
    ],
)
async def test_what_can_not_be_booked_is_refused(clinic: Clinic, change: Resource, problem: type[Problem]) -> None:
    slot = (await clinic.slots())[0]

    with pytest.raises(problem):
        await clinic.write(appointment(slot) | change)
    assert await busy_ticks(clinic) == 0


async def test_another_clinics_patient_looks_like_an_absent_one(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]

    with pytest.raises(PatientUnknown) as foreign:
        await clinic.write(appointment(slot), caller=system(OTHER))
    with pytest.raises(PatientUnknown) as absent:
        await clinic.write(appointment(slot, patient="never-was"), caller=system(OTHER))

    assert foreign.value.issues == absent.value.issues


async def test_another_clinic_books_offered_slots_only(clinic: Clinic) -> None:
    await clinic.write(patient(), id="theirs", caller=system(OTHER))
    first, second = (await clinic.slots())[:2]
    doctor = {"actor": {"reference": "Practitioner/doctor"}, "status": "accepted"}
    free = appointment(first, patient="theirs")
    free["participant"].append(doctor)
    del free["slot"]

    with pytest.raises(SlotNotOffered):
        await clinic.write(free, caller=system(OTHER))
    await clinic.write(appointment(second, patient="theirs"), caller=system(OTHER))
    await clinic.write(appointment(first) | {"slot": []} | {"participant": [doctor]}, caller=system(CLINIC))

    assert (await clinic.read("Slot", first.slot_id))["status"] == "busy"


async def test_a_slot_that_its_owner_blocked_can_not_be_booked(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    stored = await clinic.run(lambda s: clinic.store.read(s, system(), "Slot", slot.slot_id))
    await clinic.update(stored, status="busy")

    with pytest.raises(SlotBlocked):
        await clinic.write(appointment(slot))


async def test_an_appointment_managed_elsewhere_is_stored_without_the_engine(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    visit: dict[str, Any] = appointment(slot, status="fulfilled")
    del visit["slot"]

    assert [await outcome(clinic, visit) for _ in range(2)] == [201, 201]
    assert await busy_ticks(clinic) == 0


async def test_a_booked_appointment_can_not_leave_its_schedule(clinic: Clinic) -> None:
    stored = await clinic.write(appointment((await clinic.slots())[0]))

    with pytest.raises(StillBooked):
        await clinic.update(stored, slot=[{"reference": "https://elsewhere.example/fhir/Slot/1"}])


async def test_a_hold_can_not_be_prolonged_and_is_over_after_five_minutes(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    until = MONDAY + timedelta(minutes=5)
    held = await clinic.write(appointment(slot, status="pending", extension=[hold_extension(until)]))

    with pytest.raises(HoldFixed):
        await clinic.update(held, extension=[hold_extension(until + timedelta(seconds=30))])
    with pytest.raises(HoldFixed):
        await clinic.replace(held, appointment(slot, status="pending"))
    with pytest.raises(Conflict):
        await clinic.write(appointment(slot))
    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy-tentative"
    clinic.clock.advance(timedelta(minutes=5))
    with pytest.raises(HoldExpired):
        await clinic.update(held, status="booked")


async def test_an_expired_hold_is_taken_over_without_a_sweeper(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await clinic.write(patient(), id="patient-2")
    until = MONDAY + timedelta(minutes=5)
    await clinic.write(appointment(slot, status="pending", extension=[hold_extension(until)]))
    clinic.clock.advance(timedelta(minutes=5))

    wanted = [appointment(slot, patient="patient-2") for _ in range(repetitions(20))]
    statuses = await asyncio.gather(*(outcome(clinic, each) for each in wanted))

    assert statuses.count(201) == 1
    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy"
