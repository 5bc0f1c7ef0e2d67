"""A visit from the waiting room to the end, as the record sees it."""

import pytest

from telemed.visits.models import Stage
from tests.telemed.visits.clinic import DOCTOR, PATIENT, TENANT, VIDEO, Clinic
from video.messages import Close, Outgoing
from video.tickets import Ticket


class Silent:
    """A connection that nobody listens to."""

    def send(self, message: Outgoing) -> None:
        """Nothing."""

    def close(self, reason: Close) -> None:
        """Nothing."""


async def come(clinic: Clinic, *, line: Silent | None = None) -> Ticket:
    """The patient's ticket, whose owner is in the waiting room with an open socket."""
    place = (await (await clinic.patient()).post(f"/visits/{VIDEO}/join")).json()
    ticket = clinic.services.tickets.check(place["ticket"])
    clinic.services.rooms.enter(ticket, line or Silent())
    return ticket


async def test_coming_to_the_waiting_room_marks_the_appointment_as_arrived(clinic: Clinic) -> None:
    answer = await (await clinic.patient()).post(f"/visits/{VIDEO}/join")

    place = answer.json()
    assert answer.status_code == 200 and place["role"] == "patient"
    assert VIDEO not in place["room"] and PATIENT not in str(place)
    assert (await clinic.read("Appointment", VIDEO))["status"] == "arrived"


async def test_coming_twice_changes_nothing_and_keeps_the_place(clinic: Clinic) -> None:
    browser = await clinic.patient()

    places = [(await browser.post(f"/visits/{VIDEO}/join")).json() for _ in range(3)]

    assert len({place["room"] for place in places}) == 1
    assert len({place["ticket"] for place in places}) == 3
    assert (await clinic.read("Appointment", VIDEO))["meta"]["versionId"] == "2"


async def test_admitting_begins_an_encounter_of_the_clinic(clinic: Clinic) -> None:
    await come(clinic)
    doctor = await clinic.clinician()

    answer = await doctor.post(f"/visits/{VIDEO}/admit")

    assert answer.status_code == 200, answer.text
    encounter = await clinic.read("Encounter", answer.json()["encounter"])
    assert (encounter["status"], encounter["class"]["code"]) == ("in-progress", "VR")
    assert encounter["subject"]["reference"] == f"Patient/{PATIENT}"
    assert encounter["participant"][0]["individual"]["reference"] == f"Practitioner/{DOCTOR}"
    assert encounter["serviceProvider"]["reference"] == f"Organization/{TENANT}"


async def test_admitting_again_keeps_the_encounter(clinic: Clinic) -> None:
    await come(clinic)
    doctor = await clinic.clinician()

    answers = [(await doctor.post(f"/visits/{VIDEO}/admit")).json() for _ in range(2)]

    assert answers[0]["encounter"] == answers[1]["encounter"]


async def test_nobody_can_be_admitted_before_somebody_waits(clinic: Clinic) -> None:
    doctor = await clinic.clinician()

    answer = await doctor.post(f"/visits/{VIDEO}/admit")

    assert answer.status_code == 409
    assert (await clinic.read("Appointment", VIDEO))["status"] == "booked"


async def test_the_end_finishes_the_encounter_and_shuts_the_door(clinic: Clinic) -> None:
    await come(clinic)
    doctor, patient = await clinic.clinician(), await clinic.patient()
    encounter = (await doctor.post(f"/visits/{VIDEO}/admit")).json()["encounter"]

    answer = await doctor.post(f"/visits/{VIDEO}/end")

    assert answer.json()["stage"] == Stage.ENDED
    finished = await clinic.read("Encounter", encounter)
    assert finished["status"] == "finished" and finished["period"]["end"] >= finished["period"]["start"]
    assert (await clinic.read("Appointment", VIDEO))["status"] == "fulfilled"
    assert (await patient.post(f"/visits/{VIDEO}/join")).status_code == 401
    assert "vorbei" in (await patient.get("/visit")).text
    assert (await doctor.post(f"/visits/{VIDEO}/end")).status_code == 200


@pytest.mark.parametrize("how", ["by the clinic's page", "by the clinic's system"])
async def test_after_the_end_the_code_only_says_that_it_is_over(clinic: Clinic, how: str) -> None:
    await come(clinic)
    doctor = await clinic.clinician()
    await doctor.post(f"/visits/{VIDEO}/admit")
    if how == "by the clinic's page":
        await doctor.post(f"/visits/{VIDEO}/end")
    else:
        await clinic.change("Appointment", VIDEO, status="fulfilled")

    again = await clinic.service.browser().post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})

    assert again.status_code == 409
    assert "Dieser Termin ist vorbei" in again.text


@pytest.mark.parametrize("step", ["join", "admit", "end"])
async def test_without_a_session_nothing_opens(clinic: Clinic, step: str) -> None:
    answer = await clinic.service.http.post(f"/visits/{VIDEO}/{step}")

    assert answer.status_code == 401


@pytest.mark.parametrize("step", ["admit", "end"])
async def test_a_patient_cannot_do_what_the_clinic_does(clinic: Clinic, step: str) -> None:
    answer = await (await clinic.patient()).post(f"/visits/{VIDEO}/{step}")

    assert answer.status_code == 401


@pytest.mark.parametrize("step", ["join", "admit", "end"])
async def test_another_clinic_sees_nothing_there(clinic: Clinic, step: str) -> None:
    stranger = clinic.service.browser()
    await stranger.get(await clinic.service.sign_in_link("clinic-b", practitioner="doctor-b"))
    stranger.headers["Sec-Fetch-Site"] = "same-origin"

    answers = [await stranger.post(f"/visits/{id}/{step}") for id in (VIDEO, "no-such-appointment")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


async def test_a_page_elsewhere_cannot_join_with_the_patients_cookie(clinic: Clinic) -> None:
    browser = await clinic.patient()

    answer = await browser.post(f"/visits/{VIDEO}/join", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


async def test_a_cancelled_appointment_cannot_be_entered_any_more(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await clinic.change("Appointment", VIDEO, status="cancelled")

    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 401
    assert "wurde abgesagt" in (await browser.get("/visit")).text
