"""The clinic's place in the room: for as long as its clinician is signed in; what they end there has ended."""

import pytest

from telemed.visits import ending, standing
from telemed.visits.service import NotBegun
from tests.telemed.visits.clinic import VIDEO, Clinic
from tests.telemed.visits.test_hooks import holds, wait_in_room
from video.messages import Close


@pytest.fixture
def database_kind() -> str:
    """The same queries on both; one will do."""
    return "sqlite"


class Line:
    """A connection that keeps how it was closed."""

    closed: Close | None = None

    def send(self, message: object) -> None:
        """Nothing."""

    def close(self, reason: Close) -> None:
        """The end of it."""
        self.closed = self.closed or reason


async def seated(clinic: Clinic, ticket: str) -> Line:
    """A connection in the room by this ticket."""
    line, checked = Line(), clinic.services.tickets.check(ticket)
    clinic.services.rooms.enter(checked, line)
    return line


async def test_who_signs_out_leaves_the_room_and_the_patient_waits_on(clinic: Clinic) -> None:
    _, patient = await wait_in_room(clinic)
    doctor = await clinic.clinician()
    ticket = (await doctor.post(f"/console/visits/{VIDEO}/join")).json()["ticket"]
    other = (await doctor.post(f"/visits/{VIDEO}/join")).json()["ticket"]
    line = await seated(clinic, ticket)
    await standing.close_fallen(clinic.services)
    assert line.closed is None and await holds(clinic, other)

    await doctor.post("/console/sign-out")
    await standing.close_fallen(clinic.services)

    assert line.closed is Close.VOID and patient.closed is None
    assert not await holds(clinic, other)


async def test_confirming_and_a_colleagues_sign_out_end_no_call(clinic: Clinic) -> None:
    await wait_in_room(clinic)
    doctor, colleague = await clinic.clinician(), await clinic.clinician(practitioner="nurse-1", role="nurse")
    line = await seated(clinic, (await doctor.post(f"/visits/{VIDEO}/join")).json()["ticket"])

    assert (await doctor.post("/console/step-up/demo")).status_code in (204, 303)
    await colleague.post("/console/sign-out")
    await standing.close_fallen(clinic.services)

    assert line.closed is None


async def test_without_the_bond_a_signed_out_clinician_would_stay(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemed.visits.routes.of_console", lambda _: "")
    await wait_in_room(clinic)
    doctor = await clinic.clinician()
    line = await seated(clinic, (await doctor.post(f"/visits/{VIDEO}/join")).json()["ticket"])

    await doctor.post("/console/sign-out")
    await standing.close_fallen(clinic.services)

    assert line.closed is None


async def test_what_is_ended_in_the_room_is_ended_in_the_record(clinic: Clinic) -> None:
    await wait_in_room(clinic)
    doctor = await clinic.clinician()
    place = (await doctor.post(f"/visits/{VIDEO}/join")).json()
    bound = clinic.services.tickets.check(place["ticket"]).bound
    end = ending.ended(clinic.services)
    with pytest.raises(NotBegun):
        await end(place["room"], bound)
    begun = (await doctor.post(f"/visits/{VIDEO}/admit")).json()

    await end(place["room"], bound)

    assert (await clinic.read("Appointment", VIDEO))["status"] == "fulfilled"
    assert (await clinic.read("Encounter", begun["encounter"]))["status"] == "finished"


async def test_a_signed_out_clinician_ends_nothing(clinic: Clinic) -> None:
    await wait_in_room(clinic)
    doctor = await clinic.clinician()
    place = (await doctor.post(f"/visits/{VIDEO}/join")).json()
    await doctor.post(f"/visits/{VIDEO}/admit")
    await doctor.post("/console/sign-out")

    with pytest.raises(ending.NotSignedInAnyMore):
        await ending.ended(clinic.services)(place["room"], clinic.services.tickets.check(place["ticket"]).bound)
    assert (await clinic.read("Appointment", VIDEO))["status"] != "fulfilled"
