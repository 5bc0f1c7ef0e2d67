"""Who is at the device and where: read by the visit's clinic, sealed, and gone with the visit."""

import base64
from datetime import timedelta

import pytest
from sqlmodel import select

from infra.database import Session
from infra.vault.sealing import SealBroken
from telemed.visits import here
from telemed.visits.models import Guest, Visit
from tests.telemed.visits.clinic import VIDEO, Clinic
from tests.telemed.visits.records import found

PLACE = "Musterdeich 7, Gettorf"
SAID = {"people": ["relative", "interpreter"], "place": f"  {PLACE} "}


@pytest.fixture
def database_kind() -> str:
    """None of this depends on the database; SQLite will do."""
    return "sqlite"


def visit_of(session: Session) -> Visit:
    """The visit's row."""
    return session.exec(select(Visit).where(Visit.appointment_id == VIDEO)).one()


async def said_to_the_clinic(clinic: Clinic) -> dict[str, object]:
    """What the clinic reads."""
    answer = await (await clinic.clinician()).get(f"/console/visits/{VIDEO}/here")
    body: dict[str, object] = answer.json()
    return body


async def test_the_patient_is_asked_once_and_the_clinic_reads_the_answer(clinic: Clinic) -> None:
    browser = clinic.service.browser()
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    await browser.post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})
    asked = await browser.get("/visit")

    answer = await browser.post("/visit/here", data=SAID)

    assert (asked.headers["location"], answer.headers["location"]) == ("/visit/here", "/visit")
    assert (await browser.get("/visit")).status_code == 200
    assert f'value="{PLACE}"' in (await browser.get("/visit/here")).text
    told = await said_to_the_clinic(clinic)
    assert told == {
        "people": ["Jemand aus der Familie oder dem Freundeskreis", "Eine Dolmetscherin oder ein Dolmetscher"],
        "place": PLACE,
    }


async def test_the_place_is_sealed_for_this_visit_alone(clinic: Clinic) -> None:
    await (await clinic.patient()).post("/visit/here", data=SAID)

    def moved(session: Session) -> None:
        visit = visit_of(session)
        assert visit.place is not None and PLACE.encode() not in visit.place
        assert base64.b64encode(PLACE.encode())[:12] not in visit.place
        session.expunge(visit)
        visit.appointment_id = "appointment-2"
        here.said(session, clinic.services.vault, visit)

    with pytest.raises(SealBroken):
        await clinic.services.database.read(moved)


async def test_it_is_forgotten_with_the_end_of_the_visit_and_the_encounter_keeps_the_roles(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    await (await clinic.patient()).post("/visit/here", data=SAID)
    entered = {"reason": "Husten", "diagnosis": "J06.9"}

    answer = await doctor.post(f"/console/visits/{VIDEO}/document", data=entered)

    assert answer.status_code == 200
    (encounter,) = await found(clinic, "Encounter")
    codes = [kind["coding"][0]["code"] for each in encounter["participant"] for kind in each.get("type", ())]
    assert codes == ["translator", "ESC"]
    assert await said_to_the_clinic(clinic) == {"people": [], "place": ""}
    assert (await clinic.services.database.read(visit_of)).place is None


@pytest.mark.parametrize("statuses", [("cancelled",), ("arrived", "fulfilled"), ("noshow",)])
async def test_whoever_closes_the_appointment_has_the_place_forgotten(
    clinic: Clinic, statuses: tuple[str, ...]
) -> None:
    await (await clinic.patient()).post("/visit/here", data=SAID)

    for status in statuses:
        await clinic.change("Appointment", VIDEO, status=status)

    assert (await clinic.services.database.read(visit_of)).company == ""


async def test_what_nobody_ended_is_forgotten_after_half_a_day(clinic: Clinic) -> None:
    await (await clinic.patient()).post("/visit/here", data=SAID)
    now = clinic.services.system_clock.now()

    await clinic.services.database.write(lambda session: here.forget_places(session, now=now + timedelta(hours=11)))
    kept = await clinic.services.database.read(visit_of)
    await clinic.services.database.write(lambda session: here.forget_places(session, now=now + timedelta(hours=13)))

    assert kept.place is not None
    assert (await clinic.services.database.read(visit_of)).place is None


async def test_a_foreign_page_says_nothing_for_anybody(clinic: Clinic) -> None:
    browser = await clinic.patient()

    answers = [
        await browser.post(path, data=SAID, headers={"Sec-Fetch-Site": "cross-site"})
        for path in ("/visit/here", "/visit/call-me")
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


async def test_without_a_cookie_it_leads_to_the_code(clinic: Clinic) -> None:
    http = clinic.service.http

    asked, said, called = (
        await http.get("/visit/here"),
        await http.post("/visit/here"),
        await http.post("/visit/call-me"),
    )

    assert [each.headers["location"] for each in (asked, said, called)] == ["/visit"] * 3


@pytest.mark.parametrize(
    ("people", "place", "read"),
    [
        ([], "", here.Here((Guest.PATIENT,), "")),
        (["nurse", "mallory"], " a\n b ", here.Here((Guest.NURSE,), "a b")),
        (["interpreter", "patient"], "x" * 300, here.Here((Guest.PATIENT, Guest.INTERPRETER), "x" * 200)),
    ],
)
def test_what_was_ticked_is_read_by_our_words(people: list[str], place: str, read: here.Here) -> None:
    assert here.read_form(people, place) == read
