"""What becomes of codes, sessions, tickets and rooms when the Appointment changes."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from fhir import codec
from fhir.store import Store
from infra.database import Session
from telemed.notices.models import Notice
from telemed.notices.service import opened
from telemed.visits import resource, standing
from telemed.visits.hooks import VisitBegun
from telemed.visits.models import CodeState, JoinCode, VisitSession
from telemed.visits.service import NotBegun
from tests.telemed.visits.clinic import DOCTOR, PLATFORM, VIDEO, Clinic
from video.messages import Close, Outgoing

# Where the database decides nothing, one of them will do.
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


class Line:
    """A connection that remembers how it ended."""

    def __init__(self) -> None:
        self.closed: Close | None = None

    def send(self, message: Outgoing) -> None:
        """Nothing."""

    def close(self, reason: Close) -> None:
        """Nothing; the end is kept."""
        self.closed = reason


async def newest_code(clinic: Clinic) -> str:
    """The code in the newest notice of the appointment; empty where it has none."""

    def unit(session: Session) -> str:
        wanted = select(Notice).where(Notice.appointment_id == VIDEO).order_by(col(Notice.sequence).desc())
        return opened(session, clinic.services.vault, session.exec(wanted).all()[0]).code

    return await clinic.services.database.write(unit)


async def wait_in_room(clinic: Clinic) -> tuple[httpx.AsyncClient, Line]:
    """A patient in the waiting room, with an open socket."""
    browser, line = await clinic.patient(), Line()
    place = (await browser.post(f"/visits/{VIDEO}/join")).json()
    clinic.services.rooms.enter(clinic.services.tickets.check(place["ticket"]), line)
    return browser, line


async def move(clinic: Clinic, *, by: timedelta, **more: Any) -> None:
    start = resource.moment((await clinic.read("Appointment", VIDEO))["start"]) + by
    times = {"start": codec.instant(start), "end": codec.instant(start + timedelta(minutes=20))}
    await clinic.change("Appointment", VIDEO, **times, **more)


async def erase(clinic: Clinic) -> None:
    store: Store = clinic.services.store
    await clinic.services.database.write(lambda session: store.delete(session, PLATFORM, "Appointment", VIDEO))


async def closing(clinic: Clinic) -> list[datetime]:
    """Until when the patient's code and session open the appointment."""

    def unit(session: Session) -> list[datetime]:
        code = select(JoinCode).where(JoinCode.appointment_id == VIDEO, JoinCode.state == CodeState.ACTIVE)
        opened = select(VisitSession).where(VisitSession.appointment_id == VIDEO, VisitSession.ended == "")
        return [session.exec(code).one().closes, session.exec(opened).one().expires]

    return await clinic.services.database.read(unit)


async def undo(clinic: Clinic, how: str) -> None:
    """The appointment does not take place, or not now."""
    if how == "deleted":
        await erase(clinic)
    elif how == "moved":
        await move(clinic, by=timedelta(days=1))
    else:
        await clinic.change("Appointment", VIDEO, status=how)


async def holds(clinic: Clinic, ticket: str) -> bool:
    """True if a socket opens with the ticket."""
    checked = clinic.services.tickets.check(ticket)
    return await standing.holds(clinic.services)(checked.room, checked.bound)


@pytest.mark.parametrize("status", ["arrived", "booked", "checked-in"])
async def test_who_has_opened_the_link_gets_a_new_code_when_the_appointment_is_moved(
    clinic: Clinic, status: str
) -> None:
    await wait_in_room(clinic)

    await move(clinic, by=timedelta(minutes=10), status=status)

    code = await newest_code(clinic)
    again = await clinic.patient(code=code)
    assert code and code != clinic.code
    assert (await again.post(f"/visits/{VIDEO}/join")).status_code == 200
    assert (await clinic.read("Appointment", VIDEO))["status"] in ("arrived", "checked-in")


@ON_SQLITE
async def test_another_spelling_of_the_same_time_moves_nobody(clinic: Clinic) -> None:
    browser, line = await wait_in_room(clinic)
    start = resource.moment((await clinic.read("Appointment", VIDEO))["start"])

    await clinic.change("Appointment", VIDEO, start=start.isoformat().replace("+00:00", "-00:00"))
    await standing.close_fallen(clinic.services)

    assert line.closed is None
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 200


@ON_SQLITE
async def test_a_longer_visit_goes_on_and_its_code_opens_longer(clinic: Clinic) -> None:
    browser, line = await wait_in_room(clinic)
    end = resource.moment((await clinic.read("Appointment", VIDEO))["end"])
    before = await closing(clinic)

    await clinic.change("Appointment", VIDEO, end=codec.instant(end + timedelta(minutes=10)))
    await standing.close_fallen(clinic.services)

    assert line.closed is None
    assert [after - time for after, time in zip(await closing(clinic), before, strict=True)] == [
        timedelta(minutes=10)
    ] * 2
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 200


@ON_SQLITE
async def test_who_has_opened_the_link_can_be_cancelled_and_is_told(clinic: Clinic) -> None:
    browser, _ = await wait_in_room(clinic)

    await clinic.change("Appointment", VIDEO, status="cancelled")

    assert await newest_code(clinic) == ""
    assert "wurde abgesagt" in (await browser.get("/visit")).text


@pytest.mark.parametrize("how", ["deleted", "entered-in-error", "moved", "cancelled"])
async def test_what_does_not_take_place_now_ends_the_waiting(clinic: Clinic, how: str) -> None:
    browser, line = await wait_in_room(clinic)
    before = (await browser.post(f"/visits/{VIDEO}/join")).json()["ticket"]
    assert await holds(clinic, before)

    await undo(clinic, how)
    refused = not await holds(clinic, before)
    await standing.close_fallen(clinic.services)

    assert refused
    assert line.closed is Close.VOID
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 401
    words = "einen neueren Code" if how == "moved" else "wurde abgesagt"
    assert words in (await browser.get("/visit")).text
    doctor = await clinic.clinician()
    assert (await doctor.post(f"/visits/{VIDEO}/admit")).status_code in (404, 409, 410)
    seen = (await doctor.get("/console/waiting")).json()["visits"]
    assert seen.get(VIDEO, {}).get("state", "ended") == "ended"


async def test_whoever_comes_at_the_moment_of_the_cancellation_is_not_left_waiting(clinic: Clinic) -> None:
    browser = await clinic.patient()

    joined, _ = await asyncio.gather(browser.post(f"/visits/{VIDEO}/join"), undo(clinic, "cancelled"))

    assert joined.status_code in (200, 401, 409, 412), joined.text
    assert joined.status_code != 200 or not await holds(clinic, joined.json()["ticket"])
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 401


@ON_SQLITE
async def test_a_running_service_closes_the_room_by_itself(clinic: Clinic) -> None:
    _, line = await wait_in_room(clinic)

    async with clinic.services.rooms.watch() as events:
        await undo(clinic, "deleted")
        async for event in events:
            if event.kind == "ended":
                break

    assert line.closed is Close.VOID


@ON_SQLITE
async def test_the_twin_that_keeps_the_room_leaves_the_patient_waiting(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, line = await wait_in_room(clinic)
    monkeypatch.setattr("telemed.visits.hooks._expect_anew", lambda *_: None)

    await move(clinic, by=timedelta(days=1))
    await standing.close_fallen(clinic.services)

    assert line.closed is None, "with the old room the test above would be red"


async def test_a_ticket_of_a_device_that_was_relieved_takes_no_seat_back(clinic: Clinic) -> None:
    first = await clinic.patient()
    ticket = (await first.post(f"/visits/{VIDEO}/join")).json()["ticket"]
    held = await holds(clinic, ticket)

    second = await clinic.patient()

    assert held
    assert not await holds(clinic, ticket)
    assert await holds(clinic, (await second.post(f"/visits/{VIDEO}/join")).json()["ticket"])


@ON_SQLITE
async def test_a_ticket_for_the_check_opens_no_room(clinic: Clinic) -> None:
    place = (await (await clinic.patient()).post(f"/visits/{VIDEO}/join")).json()

    assert not await holds(clinic, place["check"])


@ON_SQLITE
@pytest.mark.parametrize("waiting", [0, 1])
async def test_a_visit_that_has_not_begun_cannot_be_ended(clinic: Clinic, waiting: int) -> None:
    for _ in range(waiting):
        await wait_in_room(clinic)
    doctor = await clinic.clinician()

    answer = await doctor.post(f"/visits/{VIDEO}/end")

    assert (answer.status_code, answer.json()["title"]) == (409, str(NotBegun()))
    patient = await clinic.patient()
    assert (await patient.post(f"/visits/{VIDEO}/join")).status_code == 200
    assert (await clinic.read("Appointment", VIDEO))["status"] == "arrived"


@ON_SQLITE
@pytest.mark.parametrize("how", ["moved", "cancelled"])
async def test_a_visit_that_has_begun_is_neither_moved_nor_cancelled(clinic: Clinic, how: str) -> None:
    _, line = await wait_in_room(clinic)
    await (await clinic.clinician()).post(f"/visits/{VIDEO}/admit")

    with pytest.raises(VisitBegun):
        await undo(clinic, how)
    await standing.close_fallen(clinic.services)

    assert line.closed is None


@ON_SQLITE
async def test_a_visit_that_has_begun_can_still_be_entered_in_error(clinic: Clinic) -> None:
    _, line = await wait_in_room(clinic)
    await (await clinic.clinician()).post(f"/visits/{VIDEO}/admit")

    await erase(clinic)
    await standing.close_fallen(clinic.services)

    assert line.closed is Close.VOID


@ON_SQLITE
async def test_another_patient_in_the_same_appointment_gets_another_code(clinic: Clinic) -> None:
    browser, line = await wait_in_room(clinic)
    body = resource.parsed({"resourceType": "Patient", "birthDate": "1951-03-14", "name": [{"family": "Zweit"}]})
    await clinic.services.database.write(
        lambda session: clinic.services.store.create(session, PLATFORM, body, id="patient-2")
    )

    actors = [
        {"actor": {"reference": one}, "status": "accepted"} for one in ("Patient/patient-2", f"Practitioner/{DOCTOR}")
    ]
    await clinic.change("Appointment", VIDEO, participant=actors)
    await standing.close_fallen(clinic.services)

    assert line.closed is Close.VOID
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 401
