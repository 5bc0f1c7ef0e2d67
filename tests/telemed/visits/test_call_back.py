"""A call back by phone: one tap makes one Task, and the clinic ends it."""

import pytest

from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic
from tests.telemed.visits.records import found


@pytest.fixture
def database_kind() -> str:
    """None of this depends on the database; SQLite will do."""
    return "sqlite"


async def test_one_tap_asks_the_clinic_to_phone_and_a_second_asks_for_nothing_more(clinic: Clinic) -> None:
    browser = await clinic.patient()

    answers = [await browser.post("/visit/call-me") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Wir rufen Sie an." in answers[0].text and 'href="/visit"' in answers[0].text
    (task,) = await found(clinic, "Task")
    assert (task["status"], task["priority"], task["code"]["coding"][0]["code"]) == ("requested", "urgent", "call-back")
    assert task["for"]["reference"] == f"Patient/{PATIENT}" and task["focus"]["reference"] == f"Appointment/{VIDEO}"
    assert task["owner"]["reference"] == f"Organization/{TENANT}"


async def test_the_clinic_sees_it_at_once_and_ends_it_with_one_tap(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    await (await clinic.patient()).post("/visit/call-me")
    seen = (await doctor.get("/console/waiting")).json()["visits"][VIDEO]

    answer = await doctor.post(f"/console/visits/{VIDEO}/called")

    assert (seen["call_back"], answer.status_code) == (True, 204)
    (task,) = await found(clinic, "Task")
    assert task["status"] == "completed"
    assert "visits" in (after := (await doctor.get("/console/waiting")).json()) and VIDEO not in after["visits"]


async def test_who_was_called_may_ask_again(clinic: Clinic) -> None:
    doctor, browser = await clinic.clinician(), await clinic.patient()
    await browser.post("/visit/call-me")
    await doctor.post(f"/console/visits/{VIDEO}/called")

    await browser.post("/visit/call-me")

    assert sorted(task["status"] for task in await found(clinic, "Task")) == ["completed", "requested"]


async def test_a_task_that_was_done_elsewhere_is_no_hindrance(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await browser.post("/visit/call-me")
    (task,) = await found(clinic, "Task")
    await clinic.change("Task", task["id"], status="completed")

    await browser.post("/visit/call-me")

    assert len(await found(clinic, "Task")) == 2
