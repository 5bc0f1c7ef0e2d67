"""SMART App Launch: an app of our own from discovery to data, standalone and from the console, public and with keys."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlmodel import Session

from telemed.identity.clients import register
from telemed.identity.models import Clinician
from tests.clients.smart_app import SmartApp, form_of, ticked
from tests.telemed.access.test_bounds import observation
from tests.telemed.identity.asking import LAUNCH_URL, STANDALONE, Asking, answer, asking, sent_to
from tests.telemed.identity.signing import Client, ec_key, rsa_key
from tests.telemed.service import FHIR
from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic


@pytest.fixture
async def charted(clinic: Clinic) -> Asking:
    """The same with an appointment, from whose chart an app can be opened."""
    return await asking(clinic)


@pytest.mark.parametrize("kind", ["public", "keyed"])
async def test_an_app_walks_from_discovery_to_data_of_the_patient_that_the_doctor_chose(
    world: Asking, kind: str
) -> None:
    app = {"public": world.public, "keyed": world.keyed}[kind]
    page = await world.shown(app)
    assert "Praxis am Hafen" in page.text and "Measurements and findings: see" in page.text

    found = await world.answer(page, ("name", "musterkai"), step="find")
    assert "Musterkai&lt;script&gt;" in found.text
    allowed = await world.answer(found, ("patient", PATIENT))
    tokens = (await app.redeem(app.code(allowed.headers["location"]))).json()

    assert tokens["patient"] == PATIENT and tokens["token_type"] == "Bearer" and tokens["expires_in"] == 300
    assert set(tokens["scope"].split()) == set(STANDALONE.split())
    read = await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])
    assert (read.status_code, read.json()["id"]) == (200, PATIENT)
    claims = await app.identity(tokens["id_token"])
    assert claims["fhirUser"] == f"{app.fhir}/Practitioner/doctor-1"
    again = (await app.refresh(tokens["refresh_token"])).json()
    assert (await world.get(f"/fhir/Patient/{PATIENT}", again["access_token"])).status_code == 200


@pytest.mark.parametrize("made", [("ES384", ec_key()), ("RS384", rsa_key())], ids=lambda made: made[0])
async def test_a_system_walks_from_discovery_to_data_by_backend_services(world: Asking, made: tuple[str, Any]) -> None:
    keys = Client("backend", made[1], made[0])
    scope, now = "system/Patient.rs system/Slot.cruds", world.service.services.system_clock.now()
    await world.service.services.database.write(
        lambda s: register(s, client_id="backend", tenant=TENANT, scope=scope, now=now, jwks=keys.jwks) and None
    )
    system = SmartApp(world.service.http, world.public.fhir, "backend", "", keys)
    found = await system.discover()
    assert {"ES384", "RS384"} == set(found["token_endpoint_auth_signing_alg_values_supported"])
    assert {"client-confidential-asymmetric", "permission-v2"} <= set(found["capabilities"])

    answer = await system.post("token_endpoint", {"grant_type": "client_credentials", "scope": "system/Patient.rs"})

    token = answer.json()["access_token"]
    assert (answer.status_code, answer.json()["scope"]) == (200, "system/Patient.rs")
    assert (await world.get(f"/fhir/Patient/{PATIENT}", token)).status_code == 200
    assert (await world.get("/fhir/Slot", token)).status_code == 403


async def test_an_app_opened_from_the_chart_gets_that_patient_without_a_choice(charted: Asking) -> None:
    listed = await charted.browser.get(f"/console/visits/{VIDEO}/apps")
    assert "Kurvenblatt" in listed.text and "https://app.example" in listed.headers["content-security-policy"]

    opened = await charted.browser.post(f"/console/visits/{VIDEO}/apps/public-app")
    given = dict(parse_qsl(urlsplit(opened.headers["location"]).query))
    page = await charted.shown(charted.public, "launch patient/Patient.rs", launch=given["launch"])
    tokens = (await charted.public.redeem(charted.public.code((await charted.answer(page)).headers["location"]))).json()

    assert opened.headers["location"].startswith(LAUNCH_URL + "?") and given["iss"] == charted.public.fhir
    assert 'name="name"' not in page.text
    assert tokens["patient"] == PATIENT
    assert "refresh_token" not in tokens and "id_token" not in tokens


async def test_a_launch_is_for_one_app_one_person_and_one_time(charted: Asking) -> None:
    async def value() -> str:
        opened = await charted.browser.post(f"/console/visits/{VIDEO}/apps/public-app")
        return dict(parse_qsl(urlsplit(opened.headers["location"]).query))["launch"]

    foreign = await charted.shown(charted.keyed, "launch patient/Patient.rs", launch=await value())
    colleague = await charted.clinic.clinician(role="nurse", practitioner="nurse-1")
    other = await colleague.get(charted.public.address("launch patient/Patient.rs", launch=await value()))
    once = await value()
    page = await charted.shown(charted.public, "launch patient/Patient.rs", launch=once)
    first, second = await charted.answer(page), await charted.answer(page)

    assert "error=invalid_request" in foreign.headers["location"]
    assert "error=invalid_request" in other.headers["location"]
    assert "code=" in first.headers["location"]
    assert "error=invalid_request" in second.headers["location"] and "code=" not in second.headers["location"]


async def test_what_is_not_ticked_is_not_granted(world: Asking) -> None:
    page = await world.shown(world.public)
    kept = [field for field in ticked(page.text) if field != ("grant", "patient/Observation.rs")]

    allowed = await answer(world.browser, [*kept, ("patient", PATIENT), ("step", "allow")])
    tokens = (await world.public.redeem(world.public.code(allowed.headers["location"]))).json()

    assert "patient/Observation.rs" not in tokens["scope"].split()
    assert (await world.get("/fhir/Observation?_summary=count", tokens["access_token"])).status_code == 403


async def test_nothing_is_ticked_before_somebody_does_and_allowing_nothing_asks_again(world: Asking) -> None:
    page = await world.shown(world.public, "openid user/Patient.rs offline_access")

    silent = await answer(world.browser, [*form_of(page.text), ("step", "allow")])

    assert [field for field in form_of(page.text) if field[0] == "grant"] == []
    assert silent.status_code == 200 and "Tick what the app may do" in silent.text


async def test_going_on_after_signing_out_is_allowed_by_a_tick_of_its_own(world: Asking) -> None:
    page = await world.shown(world.public, "user/Patient.rs offline_access")
    kept = [field for field in ticked(page.text) if field != ("grant", "offline_access")]

    given = {}
    for fields in (kept, ticked(page.text)):
        allowed = await answer(world.browser, [*fields, ("step", "allow")])
        tokens = (await world.public.redeem(world.public.code(allowed.headers["location"]))).json()
        given[len(fields)] = (tokens["scope"], "refresh_token" in tokens)

    assert given == {
        len(kept): ("user/Patient.rs", False),
        len(kept) + 1: ("user/Patient.rs offline_access", True),
    }


async def test_what_a_scope_is_narrowed_to_stands_there_in_words(world: Asking) -> None:
    page = await world.shown(world.public, "patient/Observation.rs?category=laboratory")

    words = re.sub(r"<[^>]+>", "", page.text)
    assert "laboratory results" in words and "category=" not in words


async def test_what_was_unticked_stays_so_while_a_patient_is_looked_for(world: Asking) -> None:
    page = await world.shown(world.public)
    kept = [field for field in ticked(page.text) if field != ("grant", "patient/Observation.rs")]

    again = await answer(world.browser, [*kept, ("name", "musterkai"), ("step", "find")])

    kept_so = [value for name, value in form_of(again.text) if name == "grant"]
    assert kept_so == ["patient/Patient.rs", "offline_access"]


async def test_ticking_more_than_was_asked_grants_no_more(world: Asking) -> None:
    page = await world.shown(world.public, "user/Patient.rs")
    allowed = await answer(world.browser, [*ticked(page.text), ("grant", "user/*.cruds"), ("step", "allow")])

    tokens = (await world.public.redeem(world.public.code(allowed.headers["location"]))).json()

    assert tokens["scope"] == "user/Patient.rs"


async def test_a_refusal_is_told_to_the_app_and_nothing_else(world: Asking) -> None:
    denied = await world.answer(await world.shown(world.public), step="deny")

    given = dict(parse_qsl(urlsplit(denied.headers["location"]).query))
    assert denied.status_code == 303 and sent_to(denied) == "app.example"
    assert given["error"] == "access_denied" and given["iss"] == "http://localhost:8000" and "code" not in given


async def test_without_a_patient_chosen_the_page_asks_again(world: Asking) -> None:
    for more in ([], [("patient", "nobody")]):
        again = await world.answer(await world.shown(world.public), *more)

        assert again.status_code == 200 and "Choose the patient" in again.text


async def test_whoever_is_not_signed_in_goes_to_the_sign_in_and_comes_back_by_a_path_of_ours(world: Asking) -> None:
    async with world.service.browser() as stranger:
        # Patients can't allow what is a clinician's; where both could, the stranger is asked (test_patients.py).
        sent = await stranger.get(world.public.address("user/Patient.rs"))

    there = urlsplit(sent.headers["location"])
    back = dict(parse_qsl(there.query))["next"]
    assert (sent.status_code, there.netloc, there.path) == (303, "", "/console/sign-in")
    assert back.startswith("/oauth/authorize?") and (await world.browser.get(back)).status_code == 200


async def test_an_app_of_another_clinic_is_none_of_this_persons_business(world: Asking) -> None:
    link = await world.service.sign_in_link("clinic-b", practitioner="p-9")
    async with world.service.browser() as stranger:
        await stranger.get(link)
        sent = await stranger.get(world.public.address(STANDALONE))

    assert "error=access_denied" in sent.headers["location"]


async def test_the_role_of_today_counts_and_who_is_gone_has_no_token(world: Asking) -> None:
    tokens = await world.tokens(world.public, "user/Patient.rs user/Observation.rs offline_access")
    before = await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])

    await _change(world, role="analyst")
    narrowed = await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])
    await _change(world, active=False)
    gone = await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])

    assert (before.status_code, narrowed.status_code, gone.status_code) == (200, 403, 401)
    assert (await world.public.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_online_access_ends_with_signing_out_and_offline_access_does_not(world: Asking) -> None:
    online = await world.tokens(world.public, "user/Patient.rs online_access")
    offline = await world.tokens(world.keyed, "user/Patient.rs offline_access")

    await world.browser.post("/console/sign-out")

    assert (await world.public.refresh(online["refresh_token"])).status_code == 400
    assert (await world.keyed.refresh(offline["refresh_token"])).status_code == 200


async def test_a_token_of_a_person_writes_as_that_person_within_its_scopes(world: Asking) -> None:
    tokens = await world.tokens(world.public, "user/Observation.cr")
    about = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    about |= {"subject": {"reference": f"Patient/{PATIENT}"}}
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Content-Type": FHIR}

    made = await world.service.http.post("/fhir/Observation", json=about, headers=headers)
    deleted = await world.service.http.delete(f"/fhir/Observation/{made.json()['id']}", headers=headers)

    assert (made.status_code, deleted.status_code) == (201, 403)


async def test_a_restricted_scope_holds_for_everything_that_an_app_can_ask(world: Asking) -> None:
    scope = "patient/Patient.rs patient/Observation.crus?category=laboratory"
    token = (await world.tokens(world.public, f"launch/patient {scope}"))["access_token"]
    system = await world.service.system(TENANT)
    made = {}
    for category in ("laboratory", "vital-signs"):
        about = observation(f"Patient/{PATIENT}", category)
        made[category] = f"Observation/{(await system.post('/fhir/Observation', json=about)).json()['id']}"
    http, headers = world.service.http, {"Authorization": f"Bearer {token}", "Content-Type": FHIR}
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in ("Observation", *made.values())],
    }

    everything = await http.get(f"/fhir/Patient/{PATIENT}/$everything", headers=headers)
    answers = (await http.post("/fhir", json=batch, headers=headers)).json()["entry"]
    moved = await http.put(
        f"/fhir/{made['laboratory']}",
        json=observation(f"Patient/{PATIENT}", "vital-signs") | {"id": made["laboratory"].partition("/")[2]},
        headers=headers,
    )
    past = await http.get(f"/fhir/{made['laboratory']}/_history", headers=headers)

    assert "laboratory" in everything.text and "vital-signs" not in everything.text
    assert [answer["response"]["status"][:3] for answer in answers] == ["200", "200", "404"]
    assert answers[0]["resource"]["total"] == 1
    assert (moved.status_code, past.status_code) == (403, 403)


async def _change(world: Asking, **values: object) -> None:
    def unit(session: Session) -> None:
        clinician = session.get_one(Clinician, f"{TENANT}-doctor-1")
        for name, value in values.items():
            setattr(clinician, name, value)

    await world.service.services.database.write(unit)
    # What was looked up is believed for ten seconds; as if they were over.
    world.service.services.token_check._known.clear()
