"""The console: today, the consultation, its documentation, and who looked."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from infra.clock import ShiftedClock
from telemed.console import documentation
from telemed.identity.lifetimes import STEP_UP
from tests.telemed.mydata.letters import later
from tests.telemed.visits.clinic import TENANT, VIDEO, Clinic
from tests.telemed.visits.records import found
from tests.telemed.visits.test_visit import Silent, come

BEFORE_SIGNING_IN = {"/console/sign-in", "/console/sign-in/{token}", "/console/enrol"}
PAGE = {"Accept": "text/html"}
VISIT = "/console/visits/{appointment}"
EVERY_OFFICE = {
    "/console", VISIT, f"{VISIT}/looks", f"{VISIT}/codes", f"{VISIT}/apps", f"{VISIT}/person", "/console/emergency",
    "/console/emergency/reviews", "/console/requests", "/console/releases", "/console/data-requests",
    "/console/account", "/console/step-up", "confirm",
}  # fmt: skip
ENTERED = {
    "reason": "Husten",
    "note": "Lunge frei; kein Fieber.",
    "diagnosis": "J06.9",
    "task": "Anruf in drei Tagen",
    "due": (datetime.now(UTC) + timedelta(days=3)).date().isoformat(),
}


async def closed(clinic: Clinic, **changes: str) -> httpx.Response:
    """The answer to a documentation that a doctor sent."""
    doctor = await clinic.clinician()
    return await doctor.post(f"/console/visits/{VIDEO}/document", data={**ENTERED, **changes})


@pytest.mark.parametrize(("role", "who"), [("physician", "doctor-1"), ("nurse", "nurse-1")])
async def test_doctor_and_nurse_see_todays_appointments(clinic: Clinic, role: str, who: str) -> None:
    answer = await (await clinic.clinician(role=role, practitioner=who)).get("/console")

    assert answer.status_code == 200
    assert "Karla Musterkai&lt;script&gt;" in answer.text and "14.03.1951" in answer.text
    assert "<script>" not in answer.text.replace('<script type="', "")
    assert 'data-state="expected"' in answer.text and f"/console/visits/{VIDEO}" in answer.text


async def test_another_clinic_sees_an_empty_list(clinic: Clinic) -> None:
    stranger = clinic.service.browser()
    await stranger.get(await clinic.service.sign_in_link("clinic-b", practitioner="doctor-b"))

    answer = await stranger.get("/console")

    assert "Heute keine Termine" in answer.text and "Musterkai" not in answer.text
    assert (await stranger.get(f"/console/visits/{VIDEO}")).status_code == 404
    assert (await stranger.get(f"/console/visits/{VIDEO}/looks")).status_code == 404
    assert (await stranger.get("/console/waiting")).json() == {"visits": {}}


async def test_who_is_not_signed_in_reads_what_to_do(clinic: Clinic) -> None:
    answer = await clinic.service.http.get("/console")

    assert answer.status_code == 401 and "Bitte melden Sie sich an" in answer.text
    assert "content-security-policy" in answer.headers


async def test_the_page_that_asks_to_sign_in_has_the_phone_number(clinic: Clinic) -> None:
    answer = await clinic.service.browser().get("/console")

    assert clinic.services.settings.phone in answer.text


async def test_every_page_of_the_console_lets_people_sign_out(clinic: Clinic) -> None:
    routes = [(each.path or "", each.methods or ()) for each in iter_route_contexts(clinic.service.app.routes)]
    paths = {path for path, methods in routes if path.startswith("/console") and "GET" in methods}
    shown: dict[str, str] = {}
    for role in ("physician", "privacy-officer", "release-board"):
        browser = await clinic.clinician(role=role, practitioner=f"{role}-1")
        for path in sorted(paths - BEFORE_SIGNING_IN):
            answer = await browser.get(re.sub(r"{\w+}", "none", path.replace("{appointment}", VIDEO)), headers=PAGE)
            if answer.status_code in (200, 403) and "text/html" in answer.headers["content-type"]:
                shown[path if answer.status_code == 200 else f"{role} at {path}"] = answer.text
    shown["confirm"] = await stale_change(clinic)

    left = await browser.post("/console/sign-out")

    assert shown.keys() >= EVERY_OFFICE
    assert [path for path, page in shown.items() if 'action="/console/sign-out"' not in page] == []
    assert left.status_code == 303 and (await browser.get("/console")).status_code == 401


async def stale_change(clinic: Clinic) -> str:
    """The page that asks to confirm first, after something was sent too long after the last proof."""
    doctor = await clinic.clinician(role="privacy-officer", practitioner="privacy-officer-1")
    with later(clinic.services, STEP_UP):
        answer = await doctor.post("/console/requests/keys", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    return answer.text


async def test_the_console_hears_who_waits_and_nothing_while_nothing_changes(clinic: Clinic) -> None:
    doctor = await clinic.clinician()
    before = await doctor.get("/console/waiting")
    await come(clinic)

    after = await doctor.get("/console/waiting")
    again = await doctor.get("/console/waiting", headers={"If-None-Match": after.headers["etag"]})

    assert before.json() == {"visits": {}}
    assert after.json()["visits"][VIDEO] == {
        "state": "waiting",
        "minutes": 0,
        "company": [],
        "call_back": False,
    }
    assert (again.status_code, again.content) == (304, b"")


async def test_who_hung_up_is_away_and_waits_anew_after_coming_back(clinic: Clinic) -> None:
    await come(clinic)
    doctor = await clinic.clinician()
    await doctor.post(f"/visits/{VIDEO}/admit")
    rooms, line = clinic.services.rooms, Silent()
    ticket = await come(clinic, line=line)
    rooms.leave(ticket.room, ticket.participant, line=line)
    away = (await doctor.get("/console/waiting")).json()["visits"][VIDEO]
    later = ShiftedClock(clinic.services.clock.now() + timedelta(minutes=9))
    object.__setattr__(clinic.services, "clock", later)

    await come(clinic)

    assert away["state"] == "away"
    assert (await doctor.get("/console/waiting")).json()["visits"][VIDEO] == {
        "state": "waiting",
        "minutes": 0,
        "company": [],
        "call_back": False,
    }


async def test_the_documentation_is_one_transaction_of_everything_that_was_entered(clinic: Clinic) -> None:
    await come(clinic)

    answer = await closed(clinic)

    assert answer.status_code == 200, answer.text
    (encounter,) = await found(clinic, "Encounter")
    assert encounter["status"] == "finished" and "end" in encounter["period"]
    assert encounter["reasonCode"][0]["coding"][0]["code"] == "J06.9" and encounter["reasonCode"][0]["text"] == "Husten"
    (condition,) = await found(clinic, "Condition")
    assert encounter["diagnosis"][0]["condition"]["reference"] == f"Condition/{condition['id']}"
    (note,) = await found(clinic, "DocumentReference")
    assert b64decode(note["content"][0]["attachment"]["data"]).decode() == ENTERED["note"]
    (task,) = await found(clinic, "Task")
    assert (task["description"], task["restriction"]["period"]["end"]) == (ENTERED["task"], ENTERED["due"])
    assert (await clinic.read("Appointment", VIDEO))["status"] == "fulfilled"


async def test_note_and_task_may_stay_empty(clinic: Clinic) -> None:
    answer = await closed(clinic, note="", task="", due="")

    assert answer.status_code == 200, answer.text
    assert await found(clinic, "DocumentReference") == [] and await found(clinic, "Task") == []


async def test_a_visit_is_documented_once(clinic: Clinic) -> None:
    await closed(clinic)

    answer = await closed(clinic, reason="Nochmals")

    assert answer.status_code == 409
    assert len(await found(clinic, "Condition")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": " "},
        {"diagnosis": ""},
        {"diagnosis": "X99.9"},
        {"due": "morgen"},
        {"due": "2020-01-02"},
        {"task": " "},
        {"reason": "x" * (documentation.LONGEST_REASON + 1)},
    ],
)
async def test_an_incomplete_documentation_writes_nothing(clinic: Clinic, changes: dict[str, str]) -> None:
    answer = await closed(clinic, **changes)

    assert answer.status_code == 422
    assert await found(clinic, "Condition") == []
    assert (await clinic.read("Appointment", VIDEO))["status"] == "booked"


async def test_a_refused_form_without_script_is_a_page_that_keeps_what_was_entered(clinic: Clinic) -> None:
    answer = await closed(clinic, diagnosis="", note="<b>Lunge</b> frei")

    assert answer.status_code == 422 and answer.headers["content-type"].startswith("text/html")
    assert "content-security-policy" in answer.headers
    assert "Anlass und Diagnose" in answer.text and f'action="/console/visits/{VIDEO}/document"' in answer.text
    assert 'value="Husten"' in answer.text and "&lt;b&gt;Lunge&lt;/b&gt; frei" in answer.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": ""}, "ein Datum, aber keine Folgeaufgabe"),
        ({"due": "2020-01-02"}, "an einem Tag fällig, der vorbei ist"),
    ],
)
async def test_a_due_date_that_leads_to_nothing_is_refused_with_all_that_was_entered(
    clinic: Clinic, changes: dict[str, str], said: str
) -> None:
    answer = await closed(clinic, **changes)

    assert answer.status_code == 422 and said in answer.text
    kept = {**ENTERED, **changes}
    assert f'value="{kept["due"]}"' in answer.text and f'value="{kept["task"]}"' in answer.text
    assert ENTERED["note"] in answer.text


async def test_a_visit_that_is_documented_already_says_so_on_a_page(clinic: Clinic) -> None:
    await closed(clinic)

    answer = await closed(clinic)

    assert answer.status_code == 409 and answer.headers["content-type"].startswith("text/html")
    assert "schon dokumentiert" in answer.text


@pytest.mark.parametrize(("language", "said"), [("de", "Anlass und Diagnose"), ("en", "Reason and diagnosis")])
async def test_a_script_gets_a_refused_form_as_data_in_the_clinicians_language(
    clinic: Clinic, language: str, said: str
) -> None:
    doctor = await clinic.clinician()
    headers = {"Accept": "application/json", "Accept-Language": language}

    answer = await doctor.post(f"/console/visits/{VIDEO}/document", data={**ENTERED, "reason": ""}, headers=headers)

    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(said)


async def test_a_long_note_with_umlauts_fits(clinic: Clinic) -> None:
    answer = await closed(clinic, note="ä" * documentation.LONGEST_NOTE)

    assert answer.status_code == 200, answer.text


async def test_the_summary_shows_what_was_documented_before(clinic: Clinic) -> None:
    await closed(clinic)

    answer = await (await clinic.clinician()).get(f"/console/visits/{VIDEO}")

    assert "Akute Infektion der oberen Atemwege" in answer.text and "Anruf in drei Tagen" in answer.text


async def test_who_may_not_read_diagnoses_does_not_see_who_looked_at_them(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist", practitioner="nurse-1")

    assert (await desk.get(f"/console/visits/{VIDEO}/looks")).status_code == 403


async def test_the_log_names_who_looked_at_the_record(clinic: Clinic) -> None:
    nurse = await clinic.clinician(role="nurse", practitioner="nurse-1")
    await nurse.get(f"/console/visits/{VIDEO}")

    answer = await (await clinic.clinician()).get(f"/console/visits/{VIDEO}/looks")

    assert "Hauke Probst" in answer.text and "hat gelesen" in answer.text and "Stammdaten" in answer.text
    for kind in ("Diagnose", "Kontakt", "Aufgabe"):
        assert answer.text.count(f"<td>hat durchgesehen</td><td>{kind}</td>") == 1, kind
    assert f'<a href="/console/visits/{VIDEO}">' in answer.text
    assert TENANT not in answer.text
