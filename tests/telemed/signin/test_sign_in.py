"""Signing in over HTTP: by invitation, passkey and recovery code, and what a stranger can learn from refusals."""

from datetime import timedelta

import pytest

from infra.clock import FixedClock
from infra.settings import Environment
from telemed.identity.failures import PER_NAME
from telemed.signin.browser import local_path
from tests.telemed.service import BASE, Service
from tests.telemed.signin.authenticator import Authenticator
from tests.telemed.signin.doors import asked, browser, enrolled, invitation, sign_in

# A number of the request, random for each.
NAMES_THE_REQUEST = {"x-request-id": ""}


async def test_an_invitation_makes_a_passkey_that_signs_in_from_then_on(service: Service) -> None:
    first, device, codes = await enrolled(service, "anke")
    second = browser(service)

    answer = await sign_in(second, device)

    assert (answer.status_code, len(codes), len(set(codes))) == (204, 10, 10)
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert [(await each.get("/console")).status_code for each in (first, second)] == [200, 200]


async def test_in_production_an_invitation_is_the_way_in(service: Service) -> None:
    production = service.services.settings.model_copy(update={"environment": Environment.PRODUCTION})
    object.__setattr__(service.services, "settings", production)

    made, device, _ = await enrolled(service, "anke")

    assert (await made.get("/console")).status_code == 200
    assert (await sign_in(browser(service), device)).status_code == 204
    assert (await made.post("/console/step-up/demo")).status_code == 404


async def test_an_invitation_counts_once_and_a_wrong_passkey_does_not_use_it_up(service: Service) -> None:
    token, made, device = await invitation(service, "anke"), browser(service), Authenticator("https://evil.example")

    async def enrol() -> int:
        options = await made.post("/console/enrol/options", json={"token": token})
        if options.status_code != 200:
            return options.status_code
        sent = {"token": token, "credential": device.create(options.json()["publicKey"])}
        return (await made.post("/console/enrol", json=sent)).status_code

    refused = await enrol()
    device.origin = BASE

    assert (refused, await enrol(), await enrol()) == (422, 200, 401)


async def test_every_refusal_of_a_passkey_has_the_same_bytes(service: Service) -> None:
    _, device, _ = await enrolled(service, "anke")
    made, stranger = browser(service), Authenticator(BASE)
    unverified = Authenticator(BASE, flags=1, credential_id=device.credential_id, key=device.key, handle=device.handle)
    another_key = Authenticator(BASE, credential_id=device.credential_id, count=90)
    answers = [await asked(made, each) for each in (stranger, unverified, another_key)]
    answers += [await asked(browser(service), device), {}, {"id": "x", "response": {"clientDataJSON": "e30"}}]

    said = [await made.post("/console/passkey", json=answer) for answer in answers]

    seen = {
        (each.status_code, each.content, *sorted((dict(each.headers) | NAMES_THE_REQUEST).items())) for each in said
    }
    assert len(seen) == 1 and said[0].status_code == 401


async def test_the_sign_in_page_has_the_same_bytes_whoever_has_an_account(service: Service) -> None:
    before = await browser(service).get("/console/sign-in")
    await enrolled(service, "anke")

    assert (await browser(service).get("/console/sign-in")).content == before.content


async def test_a_recovery_code_signs_in_once_and_lets_its_owner_make_a_passkey(service: Service) -> None:
    _, _, codes = await enrolled(service, "anke")
    made, device = browser(service), Authenticator(BASE)

    opened, again = [await made.post("/console/recovery", data={"code": codes[0]}) for _ in range(2)]
    options = await made.post("/console/account/passkeys/options", json={})
    sent = {"name": "New", "credential": device.create(options.json()["publicKey"])}
    added = await made.post("/console/account/passkeys", json=sent)

    assert (opened.status_code, opened.headers["location"], again.status_code) == (303, "/console/account", 401)
    assert (options.status_code, added.status_code) == (200, 204)
    # A code on paper verifies nobody: what asks for a step-up stays shut until the new passkey is shown.
    assert (await made.post("/console/account/codes")).status_code == 403
    assert (await sign_in(made, device)).status_code == 204
    assert (await made.post("/console/account/codes")).status_code == 200


async def test_whoever_fails_is_slowed_down_and_nobody_else_at_their_address(service: Service) -> None:
    _, device, codes = await enrolled(service, "anke")
    clumsy, colleague = browser(service), browser(service)
    await clumsy.get("/console/sign-in")

    said = [(await clumsy.post("/console/recovery", data={"code": "wrong"})).status_code for _ in range(PER_NAME + 1)]
    blocked = await clumsy.post("/console/recovery", data={"code": codes[0]})

    assert said == [401] * PER_NAME + [429]
    assert blocked.status_code == 429
    assert (await sign_in(colleague, device)).status_code == 204
    assert (await colleague.post("/console/recovery", data={"code": codes[0]})).status_code == 303


@pytest.mark.parametrize(
    ("asked_for", "led_to"),
    [
        ("/console", "/console"),
        ("/console/visits/7?text=big", "/console/visits/7?text=big"),
        ("/console?x=1", "/console?x=1"),
        ("/oauth/authorize?redirect_uri=https%3A%2F%2Fapp", "/oauth/authorize?redirect_uri=https%3A%2F%2Fapp"),
        ("/oauth/token", "/console"),
        ("", "/console"),
        ("https://evil.example", "/console"),
        ("//evil.example/console", "/console"),
        ("/console//evil.example", "/console"),
        ("/console\\evil", "/console"),
        ("/consolation", "/console"),
        ("/console/\r\nSet-Cookie: x=1", "/console"),
        ("/console/" + "x" * 2000, "/console"),
        ("/console/ümlaut", "/console"),
    ],
)
def test_after_signing_in_people_go_to_our_own_pages_alone(asked_for: str, led_to: str) -> None:
    assert local_path(asked_for) == led_to


async def test_whoever_is_not_signed_in_finds_the_way_back_to_where_they_wanted_to_go(service: Service) -> None:
    production = service.services.settings.model_copy(update={"environment": Environment.PRODUCTION})
    object.__setattr__(service.services, "settings", production)

    refused = await browser(service).get("/console/visits/7")
    page = await browser(service).get("/console/sign-in?next=/console/visits/7")

    assert refused.status_code == 401 and "/console/sign-in?next=/console/visits/7" in refused.text
    assert '"next": "/console/visits/7"' in page.text


async def test_a_challenge_is_of_no_use_after_five_minutes(service: Service) -> None:
    _, device, _ = await enrolled(service, "anke")
    made, clock = browser(service), FixedClock(service.services.system_clock.now())
    object.__setattr__(service.services.identity, "_clock", clock)
    answer = await asked(made, device)

    clock.advance(timedelta(minutes=5))

    assert (await made.post("/console/passkey", json=answer)).status_code == 401
