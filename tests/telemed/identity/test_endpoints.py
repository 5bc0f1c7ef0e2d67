"""Introspection (RFC 7662), revocation (RFC 7009), and browsers on other origins."""

import httpx
import pytest

from tests.telemed.identity.asking import STANDALONE, Asking
from tests.telemed.service import FHIR
from tests.telemed.visits.clinic import PATIENT

SCOPE = "openid fhirUser launch/patient user/Patient.rs offline_access"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


async def look(world: Asking, token: str, **more: str) -> httpx.Response:
    """What the app with keys is told about a token."""
    return await world.keyed.post("introspection_endpoint", {"token": token} | more)


async def take_back(world: Asking, token: str) -> httpx.Response:
    """The answer to the public app that takes a token back."""
    return await world.public.post("revocation_endpoint", {"token": token})


async def works(world: Asking, token: str) -> bool:
    """Whether the record answers, were the token looked up now."""
    world.service.services.token_check._known.clear()
    return (await world.get(f"/fhir/Patient/{PATIENT}", token)).status_code == 200


async def test_a_client_of_the_clinic_learns_what_a_token_is_worth(world: Asking) -> None:
    tokens = await world.tokens(world.public, SCOPE)

    access = (await look(world, tokens["access_token"])).json()
    refresh = (await look(world, tokens["refresh_token"])).json()

    assert (access["active"], access["client_id"], access["patient"]) == (True, "public-app", PATIENT)
    assert access["fhirUser"].endswith("/fhir/Practitioner/doctor-1") and access["token_type"] == "Bearer"
    assert set(access["scope"].split()) == set(SCOPE.split())
    assert (refresh["active"], refresh["client_id"]) == (True, "public-app")


async def test_of_every_other_token_one_answer_is_given(world: Asking) -> None:
    other = await world.service.token("clinic-b")
    tokens = await world.tokens(world.public, SCOPE)
    await world.public.refresh(tokens["refresh_token"])

    answers = [await look(world, token) for token in (other, "x", "a.b.c", tokens["refresh_token"], tokens["id_token"])]

    assert {answer.content for answer in answers} == {b'{"active":false}'}


async def test_only_clients_with_keys_may_look(world: Asking) -> None:
    asked = {"token": await world.service.token("clinic-a")}
    public = await world.public.post("introspection_endpoint", asked)
    nobody = await world.service.http.post("/oauth/introspect", data=asked)

    assert (public.status_code, public.json()["error"]) == (400, "invalid_request")
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")


async def test_an_access_token_that_was_taken_back_opens_nothing(world: Asking) -> None:
    tokens = await world.tokens(world.public, SCOPE)
    before = await works(world, tokens["access_token"])

    assert (await take_back(world, tokens["access_token"])).status_code == 200
    assert (await take_back(world, tokens["access_token"])).status_code == 200, "twice is no error"

    assert before and not await works(world, tokens["access_token"])
    assert (await look(world, tokens["access_token"])).json() == {"active": False}


async def test_taking_a_refresh_token_back_ends_all_that_came_of_it(world: Asking) -> None:
    tokens = await world.tokens(world.public, SCOPE)

    assert (await take_back(world, tokens["refresh_token"])).status_code == 200

    assert not await works(world, tokens["access_token"])
    assert (await world.public.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_nobody_takes_back_what_is_another_clients(world: Asking) -> None:
    tokens = await world.tokens(world.public, SCOPE)

    for name in ("access_token", "refresh_token"):
        refused = await world.keyed.post("revocation_endpoint", {"token": tokens[name]})
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    unknown = await world.keyed.post("revocation_endpoint", {"token": "never known"})

    assert unknown.status_code == 200 and unknown.json() == {}
    assert await works(world, tokens["access_token"])


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
async def test_both_read_a_form_of_a_client_that_names_a_token_once(world: Asking, path: str) -> None:
    http = world.service.http
    proof = world.keyed.proof()

    assert (await http.post(path, json={})).status_code == 415
    assert (await http.post(path, data=proof)).json()["error"] == "invalid_request"
    twice = await http.post(
        path, content="token=a&token=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert twice.json()["error"] == "invalid_request"
    assert (await http.post(path, data={"token": "x" * 20_000})).status_code == 413


async def test_a_system_that_is_switched_off_has_no_token_any_more(world: Asking) -> None:
    from telemed.identity.models import OAuthClient

    token = await world.service.token("clinic-a")
    before = await works(world, token)

    def off(session: object) -> None:
        session.get_one(OAuthClient, "clinic-a-system").active = False  # type: ignore[attr-defined]

    await world.service.services.database.write(off)

    assert before and not await works(world, token)


ORIGIN = {"Origin": "https://app.example"}
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.mark.parametrize("path", ["/fhir/Patient", "/oauth/token", "/fhir/.well-known/smart-configuration"])
async def test_a_registered_apps_page_may_ask_from_its_own_origin_and_others_may_not(world: Asking, path: str) -> None:
    http = world.service.http
    known = await http.request("OPTIONS", path, headers=ORIGIN | PREFLIGHT)
    strangers = [
        await http.request("OPTIONS", path, headers={"Origin": origin} | PREFLIGHT)
        for origin in ("https://evil.example", "null", "https://app.example.evil.example", "http://app.example")
    ]

    assert known.status_code == 204 and known.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    assert "Authorization" in known.headers["access-control-allow-headers"]
    assert not any("access-control-allow-origin" in answer.headers for answer in strangers)
    assert "access-control-allow-credentials" not in known.headers


async def test_an_answer_is_readable_for_the_apps_origin_whatever_it_says(world: Asking) -> None:
    tokens = await world.tokens(world.public, STANDALONE)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": FHIR}

    for headers, status in ((bearer, 200), ({}, 401)):
        answer = await world.service.http.get(f"/fhir/Patient/{PATIENT}", headers=headers | ORIGIN)

        assert answer.status_code == status and answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/console", "/oauth/authorize", "/", "/j", "/oauth/introspect"])
async def test_pages_and_what_needs_keys_are_open_to_no_other_origin(world: Asking, path: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = await world.browser.request(method, path, headers=ORIGIN | PREFLIGHT)

        assert "access-control-allow-origin" not in answer.headers
