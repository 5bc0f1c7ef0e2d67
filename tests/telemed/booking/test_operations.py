"""`$find`, `$hold`, `$book`, `$cancel` on the store: what they return and what they refuse."""

import json
from typing import Any

import pytest

from fhir.codec import parse
from fhir.rows import Stored
from infra.problems import Problem
from telemed.booking import operations
from telemed.booking.engine import HOLD
from telemed.booking.finding import find, wish_of
from telemed.booking.parameters import Given, Parameters
from telemed.booking.problems import (
    AppointmentUnknown,
    HoldExpired,
    NotProposed,
    ParameterWrong,
    PatientMissing,
    PatientUnknown,
)
from telemed.booking.resource import HOLD_EXPIRES, REPLACES
from telemed.booking.states import WrongState
from telemed.schedules.occupancy import TimeTaken
from tests.telemed.booking.clinic import OTHER, Clinic, Resource, appointment, given, patient, system


async def proposals(clinic: Clinic, **wanted: Any) -> list[Resource]:
    wish = wish_of(given(**{"patient_reference": "Patient/patient"} | wanted), now=clinic.clock.now())
    return await clinic.run(lambda session: find(session, clinic.desk, system(), wish=wish))


async def hold(clinic: Clinic, reference: str, **more: Any) -> Stored:
    parameters = given(appointment_reference=reference, **more)
    return await clinic.run(lambda s: operations.hold(s, clinic.desk, system(), store=clinic.store, given=parameters))


async def book(clinic: Clinic, parameters: Parameters) -> Stored:
    return await clinic.run(lambda s: operations.book(s, clinic.desk, system(), store=clinic.store, given=parameters))


async def cancel(clinic: Clinic, id: str) -> Stored:
    return await clinic.run(lambda s: operations.cancel(s, system(), clinic.store, id=id, reason="pat"))


def resource(body: Resource, **more: str) -> Parameters:
    """Parameters with an appt-resource."""
    parsed = parse(json.dumps(body).encode(), type="Appointment")
    return Parameters((Given("appt-resource", resource=parsed), *given(**more).given))


async def test_find_returns_the_earliest_free_slots_as_proposals(clinic: Clinic) -> None:
    found = await proposals(clinic, _count=3)

    slots = await clinic.slots()
    assert [each["slot"][0]["reference"] for each in found] == [f"Slot/{slot.slot_id}" for slot in slots[:3]]
    assert all(each["status"] == "proposed" and len(each["id"]) <= 64 for each in found)
    assert found[0]["specialty"][0]["coding"][0]["code"] == "derma"


async def test_find_filters_by_specialty_practitioner_and_organisation(clinic: Clinic) -> None:
    assert await proposals(clinic, specialty="derma", practitioner="Practitioner/doctor")
    assert await proposals(clinic, specialty="urn:specialty|derma", organization="Organization/clinic-a")
    assert await proposals(clinic, specialty="cardio") == []
    assert await proposals(clinic, organization="Organization/clinic-b") == []
    assert await proposals(clinic, practitioner="Practitioner/nobody") == []


async def test_what_is_held_or_booked_is_not_found(clinic: Clinic) -> None:
    first, second, third = (await proposals(clinic))[:3]
    await hold(clinic, f"Appointment/{first['id']}")
    await book(clinic, given(appointment_reference=second["id"]))

    assert (await proposals(clinic))[0]["slot"] == third["slot"]


async def test_find_hold_book_cancel(clinic: Clinic) -> None:
    proposal = (await proposals(clinic))[0]
    slot = proposal["slot"][0]["reference"].split("/")[1]

    held = await hold(clinic, f"Appointment/{proposal['id']}")
    booked = await book(clinic, given(appointment_reference=f"Appointment/{held.id}"))
    busy = await clinic.read("Slot", slot)
    cancelled = await cancel(clinic, booked.id)

    assert [each.data["status"] for each in (held, booked, cancelled)] == ["pending", "booked", "cancelled"]
    assert held.data["extension"][0]["url"] == HOLD_EXPIRES
    assert "extension" not in booked.data
    assert {each["status"] for each in booked.data["participant"]} == {"accepted"}
    assert (busy["status"], (await clinic.read("Slot", slot))["status"]) == ("busy", "free")
    assert cancelled.data["cancelationReason"]["coding"][0]["code"] == "pat"


async def test_an_expired_hold_can_not_be_booked(clinic: Clinic) -> None:
    held = await hold(clinic, (await proposals(clinic))[0]["id"])
    clinic.clock.advance(HOLD)

    with pytest.raises(HoldExpired):
        await book(clinic, given(appointment_reference=held.id))


async def test_a_proposal_can_be_booked_once(clinic: Clinic) -> None:
    proposal = (await proposals(clinic))[0]["id"]
    await book(clinic, given(appointment_reference=proposal))

    with pytest.raises(TimeTaken):
        await book(clinic, given(appointment_reference=proposal))


async def test_a_proposal_is_worth_nothing_to_another_clinic_or_changed(clinic: Clinic) -> None:
    id = (await proposals(clinic))[0]["id"]
    changed = ("b" if id[0] == "a" else "a") + id[1:]

    def unit(session: Any) -> Stored:
        parameters = given(appointment_reference=id)
        return operations.hold(session, clinic.desk, system(OTHER), store=clinic.store, given=parameters)

    with pytest.raises(AppointmentUnknown):
        await clinic.run(unit)
    with pytest.raises(AppointmentUnknown):
        await hold(clinic, changed)


async def test_a_search_without_a_patient_needs_one_to_hold(clinic: Clinic) -> None:
    wish = wish_of(given(), now=clinic.clock.now())
    found = await clinic.run(lambda session: find(session, clinic.desk, system(), wish=wish))

    with pytest.raises(PatientMissing):
        await hold(clinic, found[0]["id"])
    held = await hold(clinic, found[0]["id"], patient_reference="Patient/patient")
    assert held.data["participant"][0]["actor"]["reference"] == "Patient/patient"


async def test_finding_for_another_clinics_patient_is_refused(clinic: Clinic) -> None:
    await clinic.write(patient(), id="theirs", caller=system(OTHER))

    with pytest.raises(PatientUnknown):
        await proposals(clinic, patient_reference="Patient/theirs")


async def test_isik_book_keeps_the_clients_appointment(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    sent = appointment(slot, status="proposed", comment="Bitte   klingeln")

    booked = await book(clinic, resource(sent))

    assert booked.data["status"] == "booked"
    assert {name: booked.data[name] for name in sent if name != "status"} == {
        name: sent[name] for name in sent if name != "status"
    }


async def test_isik_book_finds_the_slots_of_a_schedule(clinic: Clinic) -> None:
    first, second = (await clinic.slots())[:2]
    sent = appointment(first, status="proposed") | {"end": second.end.isoformat()}
    del sent["slot"]

    booked = await book(clinic, resource(sent, schedule="Schedule/schedule"))

    assert [each["reference"] for each in booked.data["slot"]] == [f"Slot/{s.slot_id}" for s in (first, second)]


async def test_isik_book_swaps_an_appointment_atomically(clinic: Clinic) -> None:
    first, second, third = (await clinic.slots())[:3]
    old = await clinic.write(appointment(first))
    await clinic.write(patient(), id="patient-2")
    await clinic.write(appointment(third, patient="patient-2"))

    with pytest.raises(TimeTaken):
        await book(clinic, resource(appointment(third, status="proposed"), cancelled_appt_id=old.id))
    unchanged = await clinic.read("Appointment", old.id)
    new = await book(clinic, resource(appointment(second, status="proposed"), cancelled_appt_id=old.id))

    assert unchanged["status"] == "booked"
    assert (await clinic.read("Appointment", old.id))["status"] == "cancelled"
    assert new.data["extension"] == [{"url": REPLACES, "valueReference": {"reference": f"Appointment/{old.id}"}}]


async def test_isik_book_moves_an_appointment_that_is_known(clinic: Clinic) -> None:
    first, second = (await clinic.slots())[:2]
    old = await clinic.write(appointment(first))

    moved = await book(clinic, resource(appointment(second, status="proposed") | {"id": old.id}))

    assert (moved.id, moved.version) == (old.id, 2)
    assert (await clinic.read("Slot", first.slot_id))["status"] == "free"


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"status": "booked"}, NotProposed), ({"participant": []}, PatientMissing)],
)
async def test_isik_book_refuses(clinic: Clinic, change: Resource, problem: type[Problem]) -> None:
    sent = appointment((await clinic.slots())[0], status="proposed") | change

    with pytest.raises(problem):
        await book(clinic, resource(sent))


async def test_a_call_names_its_appointment_once(clinic: Clinic) -> None:
    with pytest.raises(ParameterWrong):
        await book(clinic, given())


async def test_only_what_is_to_come_can_be_cancelled(clinic: Clinic) -> None:
    booked = await clinic.write(appointment((await clinic.slots())[0]))
    await clinic.update(await clinic.update(booked, status="arrived"), status="fulfilled")

    with pytest.raises(WrongState):
        await cancel(clinic, booked.id)
