"""Patients allow apps to read their own record: by code and PIN of their letter, for as long as the letter counts."""

import re
from html import unescape

import httpx
import pytest

from telemed.mydata.codes import Issued
from tests.clients.smart_app import ticked
from tests.telemed.identity.asking import HTML, Asking, answer, asking
from tests.telemed.mydata.letters import browser, letter
from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic

SCOPE = "openid fhirUser launch/patient patient/*.rs"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def world(clinic: Clinic) -> Asking:
    """A clinic's apps."""
    return await asking(clinic)


async def signed_in(world: Asking, issued: Issued, scope: str) -> tuple[httpx.AsyncClient, httpx.Response]:
    """A browser that an app sent to us and that has shown code and PIN, and the app's question."""
    made = browser(world.clinic)
    asked = await made.get(world.public.address(scope), headers=HTML)
    (door,) = re.findall(r'href="(/my\?next=[^"]+)"', asked.text)
    form = await made.get(unescape(door), headers=HTML)
    (wanted,) = re.findall(r'name="next" value="([^"]+)"', form.text)
    opened = await made.post("/my", data={"code": issued.code, "pin": issued.pin, "next": unescape(wanted)})
    assert opened.status_code == 303, opened.text
    return made, await made.get(opened.headers["location"], headers=HTML)


async def tokens(world: Asking, page: httpx.Response, made: httpx.AsyncClient) -> dict[str, str]:
    """What the app has once the patient allowed it."""
    allowed = await answer(made, [*ticked(page.text), ("step", "allow")])
    given: dict[str, str] = (await world.public.redeem(world.public.code(allowed.headers["location"]))).json()
    return given


async def test_a_patient_lets_an_app_read_the_own_record_until_there_is_a_new_letter(world: Asking) -> None:
    made, page = await signed_in(world, await letter(world.clinic), f"{SCOPE} offline_access")
    given = await tokens(world, page, made)

    assert given["patient"] == PATIENT
    assert (await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])).status_code == 200
    found = (await world.get("/fhir/Patient", given["access_token"])).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [PATIENT]
    assert (await world.get("/my/record.json", given["access_token"])).status_code == 401

    await letter(world.clinic)
    world.service.services.token_check._known.clear()
    assert (await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])).status_code == 401
    assert (await world.public.refresh(given["refresh_token"])).json()["error"] == "invalid_grant"


async def test_an_app_that_works_while_somebody_is_signed_in_ends_with_leaving(world: Asking) -> None:
    made, page = await signed_in(world, await letter(world.clinic), f"{SCOPE} online_access")
    given = await tokens(world, page, made)

    before = await world.public.refresh(given["refresh_token"])
    await made.post("/my/leave")
    after = await world.public.refresh(before.json()["refresh_token"])

    assert before.status_code == 200 and after.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "asked", ["https://evil.example/", "//evil.example", "/\\evil.example", "/console", "/oauth/authorize/../x", ""]
)
async def test_signing_in_leads_to_an_apps_question_or_to_the_own_data_and_nowhere_else(
    clinic: Clinic, asked: str
) -> None:
    issued, made = await letter(clinic), browser(clinic)

    opened = await made.post("/my", data={"code": issued.code, "pin": issued.pin, "next": asked})

    assert opened.headers["location"] == "/my"
    assert (await made.get("/my", params={"next": asked})).status_code == 200


async def test_what_is_taken_back_from_an_app_counts_for_its_very_next_request(world: Asking) -> None:
    made, page = await signed_in(world, await letter(world.clinic), f"{SCOPE} offline_access")
    given = await tokens(world, page, made)
    listed = await made.get("/my/apps", headers={"Accept-Language": "en"})
    before = await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])

    taken = await made.post("/my/apps", data={"app": "public-app"})
    after = await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])

    assert "Kurvenblatt" in listed.text and "Everything in the record: see" in listed.text
    assert (before.status_code, taken.status_code, after.status_code) == (200, 303, 401)
    assert (await world.public.refresh(given["refresh_token"])).json()["error"] == "invalid_grant"
    left = await made.get(taken.headers["location"], headers={"Accept-Language": "en"})
    assert "No app may see your record." in left.text
    assert (await made.post("/my/apps", data={"app": "public-app"})).status_code == 409


async def test_a_patients_app_that_was_looked_up_a_moment_ago_would_see_on(
    world: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, page = await signed_in(world, await letter(world.clinic), SCOPE)
    given = await tokens(world, page, made)
    check = world.service.services.token_check
    caller = await check.find(world.service.services.database, given["access_token"])
    monkeypatch.setattr(check, "known", lambda _: caller)

    await made.post("/my/apps", data={"app": "public-app"})

    assert (await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])).status_code == 200


async def test_who_looked_names_the_app_and_does_not_take_it_for_the_patient(world: Asking) -> None:
    made, page = await signed_in(world, await letter(world.clinic), SCOPE)
    given = await tokens(world, page, made)
    await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])
    await world.get(f"/fhir/Observation?patient={PATIENT}", given["access_token"])

    told = (await made.get("/my/looks", headers={"Accept-Language": "en"})).text

    lines = [line for line in re.findall(r"<li>.*?</li>", told, re.DOTALL) if "The app Kurvenblatt" in line]
    assert len(lines) == 2 and all("because you asked for it" in line for line in lines)
    assert any("looked through" in line for line in lines)


async def test_the_log_of_the_clinic_names_the_patient_and_the_app(world: Asking) -> None:
    made, page = await signed_in(world, await letter(world.clinic), SCOPE)
    given = await tokens(world, page, made)
    await world.get(f"/fhir/Patient/{PATIENT}", given["access_token"])
    system = await world.clinic.service.system(TENANT)

    events = (await system.get(f"/fhir/AuditEvent?patient=Patient/{PATIENT}&subtype=read")).json()["entry"]

    named = [[agent["who"]["identifier"]["value"] for agent in each["resource"]["agent"]] for each in events]
    assert any(names[:2] == [PATIENT, "public-app"] for names in named)
    seen = await (await world.clinic.clinician()).get(
        f"/console/visits/{VIDEO}/looks", headers={"Accept-Language": "en"}
    )
    assert "An app that the patient allowed (public-app)" in seen.text
    services = world.service.services
    named_too = services.settings.model_copy(update={"patients_see_names": True})
    object.__setattr__(services, "settings", named_too)
    assert "The app Kurvenblatt" in (await made.get("/my/looks", headers={"Accept-Language": "en"})).text
