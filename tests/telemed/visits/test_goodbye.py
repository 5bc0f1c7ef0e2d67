"""The last page: what follows, the next appointment for the calendar, one question; with and without a script the same."""

from datetime import date, datetime, timedelta

import httpx
import icalendar
import pytest
from sqlmodel import select

from infra.database import Session
from telemed.visits import companions, resource
from telemed.visits.codes import Window
from telemed.visits.models import Guest, OpinionCount, Visit
from telemed.visits.opinions import LEAST_ANSWERS, Opinion, month_of
from tests.telemed.visits.clinic import TENANT, VIDEO, Clinic
from tests.telemed.visits.endings import NEXT, begun, booked, ended


@pytest.fixture
def database_kind() -> str:
    """What depends on the database has tests of its own (`test_opinions.py`)."""
    return "sqlite"


QUESTION = "Wie gut hat die Videosprechstunde geklappt?"


async def counts(clinic: Clinic) -> dict[str, int]:
    """What was answered."""
    rows = await clinic.services.database.read(lambda session: session.exec(select(OpinionCount)).all())
    return {row.opinion: row.count for row in rows}


async def answered(browser: httpx.AsyncClient, opinion: str) -> str:
    """The page after an answer."""
    answer = await browser.post("/visit/opinion", data={"opinion": opinion})
    assert (answer.status_code, answer.headers["location"]) == (303, "/visit/bye")
    return (await browser.get("/visit/bye")).text


async def test_the_next_appointment_is_told_and_comes_as_a_file_for_the_calendar(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await booked(clinic, days=20, id="appointment-3")
    following = await booked(clinic, days=9, description="Ekzem")
    await ended(clinic)

    page, file = await browser.get("/visit/bye"), await browser.get("/visit/next.ics")

    assert "Ihr nächster Termin" in page.text and 'href="/visit/next.ics"' in page.text
    assert file.headers["content-type"].startswith("text/calendar")
    [event] = icalendar.Calendar.from_ical(file.content).walk("VEVENT")
    assert event.decoded("DTSTART") == resource.moment(following["start"])
    assert event.decoded("DTEND") == resource.moment(following["end"])
    assert str(event["UID"]).startswith(f"{NEXT}@") and str(event["SUMMARY"]) == "Termin"
    assert b"METHOD" not in file.content and b"Ekzem" not in file.content and b"Testfeld" not in file.content


async def test_without_a_next_appointment_the_page_says_nothing_of_one(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await booked(clinic, days=5)
    await clinic.change("Appointment", NEXT, status="cancelled")
    await ended(clinic)

    page, file = await browser.get("/visit/bye"), await browser.get("/visit/next.ics")

    assert "Ihr nächster Termin" not in page.text and "next.ics" not in page.text
    assert (file.status_code, file.headers["location"]) == (303, "/visit/bye")


async def test_nobody_but_the_patient_learns_of_other_appointments_or_is_asked(clinic: Clinic) -> None:
    await booked(clinic, days=5)
    now = clinic.services.clock.now()
    made = await clinic.services.database.write(
        lambda session: companions.invite(
            session,
            clinic.services.vault,
            appointment_id=VIDEO,
            tenant=TENANT,
            window=Window.around(now, now),
            role=Guest.RELATIVE,
        )
    )
    await begun(clinic)
    relative = clinic.service.browser()
    relative.headers["Sec-Fetch-Site"] = "same-origin"
    await relative.post("/j", data={"code": made.code, "birth_date": made.pin})

    page = (await relative.get("/visit/bye")).text
    await relative.post("/visit/opinion", data={"opinion": "well"})

    assert "Das Gespräch ist beendet" in page and QUESTION not in page and "next.ics" not in page
    assert await counts(clinic) == {}


async def test_an_answer_is_counted_once_for_a_visit_and_kept_nowhere_else(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await ended(clinic)
    assert QUESTION in (await browser.get("/visit/bye")).text

    page = await answered(browser, "badly")
    again = await answered(browser, "well")

    assert await counts(clinic) == {"badly": 1}
    for text in (page, again):
        assert "Danke, Ihre Antwort ist gezählt." in text and QUESTION not in text
    visit = await clinic.services.database.read(lambda session: session.get_one(Visit, VIDEO))
    assert "badly" not in str(visit.model_dump())


@pytest.mark.parametrize("opinion", ["", "excellent", "well<script>"])
async def test_no_answer_but_the_three_is_counted(clinic: Clinic, opinion: str) -> None:
    browser = await clinic.patient()
    await ended(clinic)

    assert QUESTION in await answered(browser, opinion)
    assert await counts(clinic) == {}


async def test_who_was_never_let_in_is_not_asked_and_a_foreign_page_answers_for_nobody(clinic: Clinic) -> None:
    browser = await clinic.patient()
    assert QUESTION not in await answered(browser, "well")
    await begun(clinic)

    browser.headers["Sec-Fetch-Site"] = "cross-site"
    foreign = await browser.post("/visit/opinion", data={"opinion": "well"})

    assert foreign.status_code == 403
    assert await counts(clinic) == {}


async def test_without_the_visits_cookie_there_is_no_last_page(clinic: Clinic) -> None:
    stranger = clinic.service.browser()

    for path in ("/visit/bye", "/visit/next.ics"):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/visit")


async def test_the_clinic_sees_months_that_are_over_and_have_answers_enough(clinic: Clinic) -> None:
    now = clinic.services.clock.now()
    this, last = month_of(now), month_of(month_of_before(now))
    doctor = await clinic.clinician()

    def unit(session: Session) -> None:
        for month, count in ((this, 50), (last, LEAST_ANSWERS - 1), (date(2026, 1, 1), 17)):
            session.add(OpinionCount(tenant=TENANT, month=month, opinion=Opinion.WELL, count=count))
        session.add(OpinionCount(tenant="clinic-b", month=date(2026, 2, 1), opinion=Opinion.WELL, count=99))

    await clinic.services.database.write(unit)
    page = (await doctor.get("/console/opinions")).text

    assert "<td>17</td><td>0</td><td>0</td>" in page.replace("\n", "") and "Januar 2026" in page
    assert "weniger als 10 Antworten" in page
    for secret in (">50<", ">99<", f">{LEAST_ANSWERS - 1}<", "Februar 2026"):
        assert secret not in page


def month_of_before(now: datetime) -> datetime:
    """A moment of the month before."""
    return now.replace(day=1) - timedelta(days=1)
