"""The front desk: a new code in seconds, codes for who comes along, the letter to the own data."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from sqlmodel import select

from telemed.notices.models import Notice, NoticeState
from telemed.visits.companions import MOST
from tests.telemed.mydata.letters import inside
from tests.telemed.mydata.test_consents import log_of
from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic

PAGE = f"/console/visits/{VIDEO}/codes"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


async def act(desk: httpx.AsyncClient, action: str, **fields: str) -> httpx.Response:
    """The answer to a button of the desk's page."""
    return await desk.post(PAGE, data={"action": action, **fields})


def shown(answer: httpx.Response, part: str) -> str:
    """What the page shows this once."""
    [text] = re.findall(rf'data-part="{part}">([^<]+)<', answer.text)
    return str(text)


async def opens(clinic: Clinic, code: str, factor: str = "14.03.1951") -> int:
    """What code and second factor answer."""
    return (await clinic.service.browser().post("/j", data={"code": code, "birth_date": factor})).status_code


async def outbox(clinic: Clinic, *, appointment: str = "") -> list[dict[str, Any]]:
    """What has left, newest first."""
    waiting = select(Notice.id).where(Notice.state == NoticeState.WAITING)
    async with asyncio.timeout(20):
        # The service's own worker may have a notice in hand.
        while await clinic.services.database.read(lambda session: session.exec(waiting).first()):
            await clinic.services.queue.drain()
            await asyncio.sleep(0.01)
    found: list[dict[str, Any]] = (await clinic.service.http.get("/dev/outbox.json")).json()["messages"]
    return [message for message in found if message["appointment_id"].startswith(appointment)]


async def test_a_new_code_to_read_out_works_at_once_and_the_old_one_is_dead(clinic: Clinic) -> None:
    desk, device = await clinic.clinician(role="receptionist"), await clinic.patient()

    answer = await act(desk, "renew-phone")

    code = shown(answer, "code")
    assert (await opens(clinic, clinic.code), await opens(clinic, code)) == (409, 303)
    assert "Für diesen Termin gibt es einen neueren Code." in (await device.get("/visit")).text
    assert code not in (await desk.get(PAGE)).text


async def test_a_new_code_by_post_is_a_higher_invitation_that_says_what_it_is(clinic: Clinic) -> None:
    before = await outbox(clinic, appointment=VIDEO)
    desk = await clinic.clinician(role="receptionist")

    await act(desk, "renew-post")
    await act(desk, "renew-post")

    sent = await outbox(clinic, appointment=VIDEO)
    mails = [message for message in sent if message["subject"] == "Ihr neuer Code für Ihren Termin"]
    assert len(sent) - len(before) == len(mails) == 4
    files = [(await clinic.service.http.get(m["attachments"][0])).text for m in mails if m["channel"] == "mail"]
    sequences = [int(re.findall(r"SEQUENCE:(\d+)", file)[0]) for file in files]
    assert sorted(sequences) == [1, 2] and "gilt nicht mehr" in next(m["text"] for m in mails if m["text"])
    statuses = sorted([await opens(clinic, str(mail["join_url"]).partition("#")[2]) for mail in mails])
    assert statuses == [303, 303, 409, 409]


async def test_an_appointment_that_is_over_needs_no_code(clinic: Clinic) -> None:
    await clinic.change("Appointment", VIDEO, status="cancelled")

    answer = await act(await clinic.clinician(role="receptionist"), "renew-phone")

    assert answer.status_code == 409 and "braucht keinen Code" in answer.text


async def test_without_a_birth_date_the_desk_is_told_what_is_missing(clinic: Clinic) -> None:
    await clinic.change("Patient", PATIENT, birthDate="1951")

    for action in ("renew-phone", "renew-post"):
        answer = await act(await clinic.clinician(role="receptionist"), action)
        assert answer.status_code == 422 and "Geburtsdatum fehlt" in answer.text


async def test_each_who_comes_along_has_a_code_and_a_pin_and_is_turned_away_alone(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")
    made = [await act(desk, "bring", role=role) for role in ("relative", "relative", "interpreter")]
    keys = [(shown(answer, "code"), shown(answer, "pin")) for answer in made]
    assert [await opens(clinic, *key) for key in keys] == [303, 303, 303]

    [first, *_] = re.findall(r'name="person" value="([^"]+)"', (await desk.get(PAGE)).text)
    await act(desk, "revoke", person=first)

    assert sorted([await opens(clinic, *key) for key in keys]) == [303, 303, 409]
    assert await opens(clinic, clinic.code) == 303


async def test_so_many_come_along_and_no_more(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")

    statuses = [(await act(desk, "bring", role="nurse")).status_code for _ in range(MOST + 1)]

    assert statuses == [200] * MOST + [409]


async def test_the_list_of_today_leads_there_and_says_who_came_along(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")
    made = await act(desk, "bring", role="interpreter")
    along = await came_along(clinic, made)
    assert "Dolmetscherin oder Dolmetscher" in (await along.get("/visit")).text

    today = (await desk.get("/console")).text

    assert f'href="{PAGE}"' in today and "+ Dolmetscherin oder Dolmetscher" in today
    assert "ist da und wartet" in (await desk.get(PAGE)).text


async def came_along(clinic: Clinic, made: httpx.Response) -> httpx.AsyncClient:
    """The browser of who comes along."""
    browser = clinic.service.browser()
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    answer = await browser.post("/j", data={"code": shown(made, "code"), "birth_date": shown(made, "pin")})
    assert answer.status_code == 303
    return browser


async def test_letter_and_pin_go_separate_ways(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")

    by_phone, by_post = await act(desk, "letter-phone"), await act(desk, "letter-post")

    pin = shown(by_phone, "pin").replace(" ", "")
    sent = await outbox(clinic, appointment="my-data")
    assert re.fullmatch("[0-9]{6}", pin) and 'data-part="code"' not in by_phone.text + by_post.text
    assert 'data-part="pin"' not in by_post.text
    subjects = sorted(message["subject"] for message in sent)
    assert subjects == ["Ihre Daten in dieser Praxis", "Ihre Daten in dieser Praxis", "Ihre PIN"]
    assert [bool(message["join_url"]) for message in sent if message["subject"] == "Ihre PIN"] == [False]


async def test_the_letter_opens_the_record_with_the_pin_of_the_other_letter(clinic: Clinic) -> None:
    await act(await clinic.clinician(role="receptionist"), "letter-post")
    sent = {message["subject"]: message for message in await outbox(clinic, appointment="my-data")}
    paper = (await clinic.service.http.get(sent["Ihre PIN"]["attachments"][0])).content.decode("latin-1")
    pin = "".join(re.findall(r"([0-9]{3}) ([0-9]{3})\)", paper)[0])
    code = str(sent["Ihre Daten in dieser Praxis"]["join_url"]).partition("#")[2]
    letter = (await clinic.service.http.get(sent["Ihre Daten in dieser Praxis"]["attachments"][0])).content

    answer = await clinic.service.browser().post("/my", data={"code": code, "pin": pin})

    assert answer.status_code == 303
    assert (
        'Brief "Ihre Daten in dieser Praxis"' in paper and "?" not in paper.partition("Guten Tag")[2].partition("ET")[0]
    )
    assert code.encode() in letter and pin.encode() not in letter and code not in paper


async def test_a_letter_is_revoked_at_once(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")
    pin = shown(await act(desk, "letter-phone"), "pin").replace(" ", "")
    [sent] = await outbox(clinic, appointment="my-data")
    key = {"code": str(sent["join_url"]).partition("#")[2], "pin": pin}
    http = clinic.service.browser()
    assert (await http.post("/my", data=key)).status_code == 303

    await act(desk, "letter-revoke")

    assert (await http.post("/my", data=key)).status_code == 409 and (await http.get("/my/record")).status_code == 401


@pytest.mark.parametrize(
    ("role", "action", "status"), [("coordinator", "letter-phone", 403), ("nurse", "letter-phone", 200)]
)
async def test_who_may_not_change_a_patient_writes_no_letter(
    clinic: Clinic, role: str, action: str, status: int
) -> None:
    assert (await act(await clinic.clinician(role=role, practitioner="nurse-1"), action)).status_code == status


async def test_another_clinics_desk_finds_nothing_here(clinic: Clinic) -> None:
    browser = clinic.service.browser()
    await browser.get(await clinic.service.sign_in_link("clinic-x", role="receptionist"))
    browser.headers["Sec-Fetch-Site"] = "same-origin"

    assert (await browser.get(PAGE)).status_code == 404
    for action in ("renew-phone", "letter-phone", "letter-revoke"):
        assert (await act(browser, action)).status_code == 404
    assert await opens(clinic, clinic.code) == 303


async def test_what_the_desk_did_stands_in_the_log_and_in_the_patients_list(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")
    for action in ("renew-phone", "renew-post", "letter-phone", "letter-revoke"):
        await act(desk, action)
    made = await act(desk, "bring", role="relative")
    [person] = re.findall(r'name="person" value="([^"]+)"', made.text)
    await act(desk, "revoke", person=person)

    lines = [line for type in ("Appointment", "Patient") for line in await log_of(clinic, type)]
    told = (await (await inside(clinic)).get("/my/looks")).text

    done = [line for line in lines if line.action == "operation" and line.role == "receptionist"]
    assert len(done) == 6 and all(line.detail for line in done)
    assert "Der Empfang, Praxis am Hafen" in told and "hat geöffnet" in told and TENANT not in told
