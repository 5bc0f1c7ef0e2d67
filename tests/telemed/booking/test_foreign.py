"""What one clinic's bookings can do to the calendars of another: nothing but take its free slots."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from fhir.tables import Resource as Row
from infra.problems import NotFound
from telemed.access.owners import OwnedElsewhere
from telemed.booking.problems import PatientMissing, SlotNotOffered
from telemed.booking.resource import hold_extension
from telemed.schedules.models import Occupancy, SlotTime
from telemed.schedules.resource import SLOT_MINUTES
from tests.telemed.booking.clinic import MONDAY, OTHER, Clinic, Resource, appointment, patient, role, system

DOCTOR = {"actor": {"reference": "Practitioner/doctor"}, "status": "accepted"}


async def open_neighbour(clinic: Clinic) -> SlotTime:
    """A slot of the other clinic, at the time of the first one of the clinic."""
    first = (await clinic.slots())[0]
    neighbour = system(OTHER)
    await clinic.write({"resourceType": "Practitioner", "active": True}, id="colleague", caller=neighbour)
    own = role(practitioner={"reference": "Practitioner/colleague"})
    await clinic.write(own, id="role-of-other", caller=neighbour)
    await clinic.write(
        {
            "resourceType": "Schedule",
            "extension": [{"url": SLOT_MINUTES, "valuePositiveInt": 20}],
            "actor": [{"reference": "PractitionerRole/role-of-other"}],
        },
        id="schedule-of-other",
        caller=neighbour,
    )
    times = {"status": "free", "start": first.start.isoformat(), "end": first.end.isoformat()}
    slot = {"resourceType": "Slot", "schedule": {"reference": "Schedule/schedule-of-other"}} | times
    await clinic.write(slot, id="slot-of-other", caller=neighbour)
    await clinic.write(patient(), id="patient-of-other", caller=neighbour)
    found: SlotTime = (await clinic.rows(select(SlotTime).where(col(SlotTime.slot_id) == "slot-of-other")))[0]
    return found


def visit(slot: SlotTime, *others: Resource, **more: Any) -> Resource:
    made = appointment(slot, patient="patient-of-other", **more)
    return made | {"participant": [*made["participant"], *others]}


async def taken(clinic: Clinic, resource: str) -> int:
    """How many ticks of a practitioner or a room are taken."""
    return len(await clinic.rows(select(col(Occupancy.tick)).where(col(Occupancy.resource) == resource)))


async def test_a_booking_of_an_own_slot_takes_no_time_of_another_clinics_practitioner(clinic: Clinic) -> None:
    slot = await open_neighbour(clinic)

    with pytest.raises(SlotNotOffered):
        await clinic.write(visit(slot, DOCTOR), caller=system(OTHER))

    assert await taken(clinic, "Practitioner/doctor") == 0


async def test_nor_does_a_change_of_a_booking_or_a_role_that_names_the_practitioner(clinic: Clinic) -> None:
    slot = await open_neighbour(clinic)
    made = visit(slot)
    stored = await clinic.write(made, caller=system(OTHER))
    second = role(organization={"reference": f"Organization/{OTHER}"})
    await clinic.write(second, id="role-for-doctor", caller=system(OTHER))

    for actor in ("Practitioner/doctor", "PractitionerRole/role-for-doctor", "PractitionerRole/role"):
        named = [*made["participant"], {"actor": {"reference": actor}, "status": "accepted"}]
        with pytest.raises(SlotNotOffered):
            await clinic.update(stored, caller=system(OTHER), participant=named)

    assert await taken(clinic, "Practitioner/doctor") == 0
    assert await taken(clinic, "Practitioner/colleague") == 4


async def test_a_room_that_another_clinic_does_not_offer_stays_free(clinic: Clinic) -> None:
    slot = await open_neighbour(clinic)
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "ro"}]}
    await clinic.write({"resourceType": "Location", "physicalType": kind}, id="room")

    await clinic.write(
        visit(slot, {"actor": {"reference": "Location/room"}, "status": "accepted"}), caller=system(OTHER)
    )

    assert await taken(clinic, "Location/room") == 0


async def test_a_free_slot_of_another_clinic_can_be_booked_with_its_practitioner_named(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await open_neighbour(clinic)

    await clinic.write(visit(slot, DOCTOR), caller=system(OTHER))

    assert await taken(clinic, "Practitioner/doctor") == 4


async def test_nobody_puts_slots_into_the_schedule_of_another_clinic(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    planted = {"resourceType": "Slot", "schedule": {"reference": "Schedule/schedule"}, "status": "free"}
    times = {"start": slot.start.isoformat(), "end": slot.end.isoformat()}

    with pytest.raises(OwnedElsewhere):
        await clinic.write(planted | times, caller=system(OTHER))

    assert not await clinic.rows(select(col(Row.id)).where(col(Row.type) == "Slot", col(Row.tenant) == OTHER))


async def test_a_slot_of_another_clinic_is_booked_for_exactly_one_patient(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await open_neighbour(clinic)
    await clinic.write(patient(), id="second", caller=system(OTHER))
    nobody = {"actor": {"display": "nobody"}, "status": "accepted"}
    both = [*visit(slot)["participant"], {"actor": {"reference": "Patient/second"}, "status": "accepted"}]

    for participants in ([nobody], [DOCTOR], both):
        for status in ("booked", "pending"):
            more = {"extension": [hold_extension(MONDAY + timedelta(minutes=5))]} if status == "pending" else {}
            with pytest.raises(PatientMissing):
                await clinic.write(
                    appointment(slot, status=status) | more | {"participant": participants}, caller=system(OTHER)
                )

    assert await taken(clinic, "Practitioner/doctor") == 0


async def test_nor_does_a_booking_lose_its_patient_afterwards(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await open_neighbour(clinic)
    stored = await clinic.write(visit(slot), caller=system(OTHER))

    with pytest.raises(PatientMissing):
        await clinic.update(stored, caller=system(OTHER), participant=[DOCTOR])


async def test_ones_own_slot_may_be_filled_without_a_patient(clinic: Clinic) -> None:
    await clinic.write(appointment((await clinic.slots())[0]) | {"participant": [DOCTOR]})

    assert await taken(clinic, "Practitioner/doctor") == 4


async def test_whose_slot_it_is_may_see_the_patient_until_the_booking_is_cancelled(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await open_neighbour(clinic)
    stored = await clinic.write(visit(slot), caller=system(OTHER))

    opened = await clinic.read("Patient", "patient-of-other")
    await clinic.update(stored, caller=system(OTHER), status="cancelled")

    assert opened["id"] == "patient-of-other"
    with pytest.raises(NotFound):
        await clinic.read("Patient", "patient-of-other")
