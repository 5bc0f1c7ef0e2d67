"""Another clinic books a slot for its own patient; the clinic whose slot it is holds the visit."""

from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from infra.caller import Caller, Role
from infra.database import Session
from telemed.notices.models import Notice
from telemed.notices.service import opened
from telemed.schedules.models import SlotTime
from telemed.schedules.slots import rebuild
from telemed.visits import resource
from tests.telemed.booking.clinic import appointment
from tests.telemed.visits.clinic import DOCTOR, TENANT, VIDEO, Clinic
from tests.telemed.visits.test_hooks import Line

OTHER = "clinic-b"
REFERRING = Caller(OTHER, "test", Role.SERVICE)
BORN = "1951-03-14"


class Referred:
    """A booking of the other clinic in the first free slot, and the code that its patient got."""

    def __init__(self, clinic: Clinic, id: str, slot: SlotTime, code: str) -> None:
        self.clinic, self.id, self.slot, self.code = clinic, id, slot, code

    async def read(self, type: str, id: str) -> dict[str, Any]:
        """A resource as the referring clinic sees it."""
        services = self.clinic.services
        stored = await services.database.write(lambda session: services.store.read(session, REFERRING, type, id))
        return stored.data

    async def system(self, tenant: str = TENANT) -> httpx.AsyncClient:
        """A clinic's system."""
        return await self.clinic.service.system(tenant)


async def refer(clinic: Clinic, *names: str) -> Referred:
    """The booking, with its patient and whom else it names."""
    services = clinic.services

    # The doctor is free now, so that the first slot can be joined.
    await clinic.change("Appointment", VIDEO, status="cancelled")

    def unit(session: Session) -> tuple[str, SlotTime]:
        rebuild(session, services.calendar, "schedule-1")
        wanted = select(SlotTime).where(SlotTime.status == "free").order_by(col(SlotTime.start))
        slot = session.exec(wanted).all()[0]
        for id, data in PEOPLE.items():
            services.store.create(session, REFERRING, resource.parsed(data), id=id)
        made = appointment(slot, patient="referred")
        made["participant"] += [{"actor": {"reference": name}, "status": "accepted"} for name in names]
        stored = services.store.create(session, REFERRING, resource.parsed(made))
        return stored.id, slot.model_copy()

    id, slot = await services.database.write(unit)
    notices = select(Notice).where(Notice.appointment_id == id)
    code = await services.database.write(
        lambda session: opened(session, services.vault, session.exec(notices).all()[0]).code
    )
    return Referred(clinic, id, slot, code)


PEOPLE: dict[str, dict[str, Any]] = {
    OTHER: {"resourceType": "Organization", "name": "Praxis Nebenan"},
    "referred": {"resourceType": "Patient", "name": [{"family": "Überweis"}], "birthDate": BORN},
}


@pytest.mark.parametrize("names", [(), (f"Practitioner/{DOCTOR}",)])
async def test_the_clinic_whose_slot_it_is_sees_and_cancels_it(clinic: Clinic, names: tuple[str, ...]) -> None:
    referred = await refer(clinic, *names)
    system = await referred.system()
    seen = await system.get(f"/fhir/Appointment/{referred.id}")
    found = await system.get(f"/fhir/Appointment?slot=Slot/{referred.slot.slot_id}")

    cancelled = await system.post(f"/fhir/Appointment/{referred.id}/$cancel")

    assert (seen.status_code, found.json()["total"]) == (200, 1)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled"), cancelled.text
    assert (await referred.read("Appointment", referred.id))["status"] == "cancelled"
    assert (await clinic.read("Slot", referred.slot.slot_id))["status"] == "free"
    log = (await (await referred.system(OTHER)).get("/fhir/AuditEvent?action=U")).text
    assert f"{TENANT}-system" in log


async def test_a_third_clinic_neither_sees_nor_cancels_it(clinic: Clinic) -> None:
    referred = await refer(clinic)
    stranger = await referred.system("clinic-c")

    answers = [
        await stranger.get(f"/fhir/Appointment/{referred.id}"),
        await stranger.post(f"/fhir/Appointment/{referred.id}/$cancel"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_cancellation_that_is_sent_again_gets_the_same_answer(clinic: Clinic) -> None:
    referred = await refer(clinic)
    system, key = await referred.system(), {"Idempotency-Key": "once"}

    answers = [await system.post(f"/fhir/Appointment/{referred.id}/$cancel", headers=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


async def test_cancelling_needs_the_scope_for_it(clinic: Clinic) -> None:
    referred = await refer(clinic)
    reader = await clinic.service.system(TENANT, scope="system/Appointment.rs")

    assert (await reader.post(f"/fhir/Appointment/{referred.id}/$cancel")).status_code == 403


async def test_the_clinic_whose_slot_it_is_holds_the_visit(clinic: Clinic) -> None:
    referred = await refer(clinic)
    doctor, patient = await clinic.clinician(), await clinic.patient(code=referred.code)
    listed = (await doctor.get("/console")).text
    shown = (await patient.get("/visit")).text
    place = (await patient.post(f"/visits/{referred.id}/join")).json()
    clinic.services.rooms.enter(clinic.services.tickets.check(place["ticket"]), Line())

    joined = await doctor.post(f"/console/visits/{referred.id}/join")
    begun = await doctor.post(f"/visits/{referred.id}/admit")
    page = await doctor.get(f"/console/visits/{referred.id}")
    form = {"reason": "Kontrolle", "diagnosis": "I10.90", "note": "", "task": "", "due": ""}
    saved = await doctor.post(f"/console/visits/{referred.id}/document", data=form)

    assert f'data-appointment="{referred.id}"' in listed and "Überweis" in listed
    assert "Praxis am Hafen" in shown and "Dr. Wiebke Testfeld" in shown
    assert joined.json()["room"] == place["room"]
    assert (begun.status_code, page.status_code, saved.status_code) == (200, 200, 200), saved.text
    assert (await referred.read("Appointment", referred.id))["status"] == "fulfilled"
    encounter = await referred.read("Encounter", begun.json()["encounter"])
    assert encounter["status"] == "finished"
    assert encounter["serviceProvider"]["reference"] == f"Organization/{TENANT}"


async def test_it_can_be_ended_without_documentation(clinic: Clinic) -> None:
    referred = await refer(clinic)
    doctor, patient = await clinic.clinician(), await clinic.patient(code=referred.code)
    place = (await patient.post(f"/visits/{referred.id}/join")).json()
    clinic.services.rooms.enter(clinic.services.tickets.check(place["ticket"]), Line())
    await doctor.post(f"/visits/{referred.id}/admit")

    ended = await doctor.post(f"/visits/{referred.id}/end")

    assert ended.json()["stage"] == "ended"
    assert (await referred.read("Appointment", referred.id))["status"] == "fulfilled"


async def test_the_clinic_that_booked_does_not_hold_it(clinic: Clinic) -> None:
    referred = await refer(clinic)
    colleague = clinic.service.browser()
    await colleague.get(await clinic.service.sign_in_link(OTHER, practitioner="doctor-b"))
    colleague.headers["Sec-Fetch-Site"] = "same-origin"

    answers = [await colleague.post(f"/visits/{referred.id}/{step}") for step in ("join", "admit", "end")]

    assert {answer.status_code for answer in answers} == {404}
    assert referred.id not in (await colleague.get("/console")).text
