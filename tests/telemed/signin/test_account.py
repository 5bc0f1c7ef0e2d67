"""Sessions and step-up over HTTP: a new cookie each time, all of them listed, ended one by one or at once."""

from datetime import timedelta

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from infra.clock import FixedClock
from telemed.identity import callers
from telemed.identity.lifetimes import STEP_UP
from tests.telemed.service import Service
from tests.telemed.signin.doors import OWN_PAGE, browser, enrolled, sign_in, step_up

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)


def clock_of(service: Service) -> FixedClock:
    """The service goes by this clock, which stands still."""
    clock = FixedClock(service.services.system_clock.now())
    object.__setattr__(service.services, "system_clock", clock)
    object.__setattr__(service.services.identity, "_clock", clock)
    return clock


async def test_signing_in_again_ends_what_the_browser_held_before(service: Service) -> None:
    made, device, _ = await enrolled(service, "anke")
    before = made.cookies["telemed_session"]

    await sign_in(made, device)

    assert made.cookies["telemed_session"] != before
    assert (await browser(service).get("/console", headers={"Cookie": f"telemed_session={before}"})).status_code == 401


async def test_a_step_up_gives_the_session_another_cookie_and_no_longer_life(service: Service) -> None:
    clock = clock_of(service)
    made, device, _ = await enrolled(service, "anke")
    before = made.cookies["telemed_session"]
    clock.advance(timedelta(minutes=20))

    answer = await step_up(made, device)

    assert (answer.status_code, made.cookies["telemed_session"] != before) == (204, True)
    assert (await browser(service).get("/console", headers={"Cookie": f"telemed_session={before}"})).status_code == 401
    for _ in range(24):
        assert (await made.get("/console/account")).status_code == 200
        clock.advance(timedelta(minutes=29, seconds=30))
    assert (await made.get("/console/account")).status_code == 401


async def test_what_asks_for_a_step_up_is_refused_after_five_minutes_and_opens_again(service: Service) -> None:
    clock = clock_of(service)
    made, device, _ = await enrolled(service, "anke")

    async def renew() -> int:
        return (await made.post("/console/account/codes")).status_code

    clock.advance(STEP_UP - timedelta(seconds=1))
    fresh = await renew()
    clock.advance(timedelta(seconds=1))
    stale = await renew()
    await step_up(made, device)

    assert (fresh, stale, await renew()) == (200, 403, 200)


async def test_another_clinicians_passkey_confirms_nothing(service: Service) -> None:
    made, _, _ = await enrolled(service, "anke")
    _, others, _ = await enrolled(service, "bert")

    assert (await step_up(made, others)).status_code == 401


async def test_the_account_page_lists_sessions_by_browser_and_never_by_address(service: Service) -> None:
    made, device, _ = await enrolled(service, "anke")
    await sign_in(browser(service, agent=CHROME), device)
    await sign_in(browser(service, agent="curl/8 (10.1.2.3)"), device)

    page = (await made.get("/console/account")).text

    assert "Firefox, Linux</strong> (this one)" in page and "Chrome, Windows" in page and "A browser" in page
    assert "127.0.0.1" not in page and "10.1.2.3" not in page


async def test_a_session_is_ended_by_name_and_only_by_its_owner(service: Service) -> None:
    made, device, _ = await enrolled(service, "anke")
    other, (foreign, _, _) = browser(service), await enrolled(service, "bert")
    await sign_in(other, device)
    [name] = [each for each in await names(made) if each not in await names(made, only_this=True)]

    await foreign.post("/console/sessions/end", data={"session": name})
    untouched = (await other.get("/console")).status_code
    await made.post("/console/sessions/end", data={"session": name})

    assert (untouched, (await other.get("/console")).status_code, (await made.get("/console")).status_code) == (
        200,
        401,
        200,
    )


async def names(made: httpx.AsyncClient, *, only_this: bool = False) -> list[str]:
    """What the page calls the sessions."""
    cards = (await made.get("/console/account")).text.split('class="card"')
    wanted = [card for card in cards if 'name="session"' in card and (not only_this or "(this one)" in card)]
    return [card.split('name="session" value="')[1].split('"')[0] for card in wanted]


async def test_signing_out_everywhere_ends_them_all(service: Service) -> None:
    made, device, _ = await enrolled(service, "anke")
    other = browser(service)
    await sign_in(other, device)

    answer = await made.post("/console/sessions/end-all")

    assert answer.headers["location"] == "/console/sign-in"
    assert [(await each.get("/console")).status_code for each in (made, other)] == [401, 401]


async def test_a_passkey_is_named_and_removed_and_the_last_one_stays(service: Service) -> None:
    made, device, _ = await enrolled(service, "anke")
    id = device_id((await made.get("/console/account")).text)

    await made.post("/console/account/passkeys/name", data={"passkey": id, "name": "Blue <key>"})
    refused = await made.post("/console/account/passkeys/remove", data={"passkey": id})

    assert "Blue &lt;key&gt;" in refused.text
    assert (refused.status_code, "your only passkey" in refused.text) == (409, True)
    assert (await sign_in(browser(service), device)).status_code == 204


def device_id(page: str) -> str:
    """What the page calls the first passkey."""
    return page.split('name="passkey" value="')[1].split('"')[0]


async def test_a_page_that_needs_a_step_up_leads_there_and_a_form_says_so(service: Service) -> None:
    clock = clock_of(service)
    made, _, _ = await enrolled(service, "anke")
    clock.advance(STEP_UP)

    form = await made.post("/console/account/codes", headers={"Accept": "text/html"})

    assert form.status_code == 403 and "/console/step-up" in form.text


async def test_the_demos_one_click_counts_as_verified_in_the_demo_alone(service: Service) -> None:
    clock = clock_of(service)
    made = browser(service)
    await made.get(await service.sign_in_link("clinic-a"))

    fresh = await made.post("/console/account/codes")
    clock.advance(STEP_UP)
    stale = await made.post("/console/account/codes")
    confirmed = await made.post("/console/step-up/demo", data={"next": "/console/account"})
    again = await made.post("/console/account/codes")
    settings = service.services.settings.model_copy(update={"environment": "production"})
    object.__setattr__(service.services, "settings", settings)

    assert [each.status_code for each in (fresh, stale, confirmed, again)] == [200, 403, 303, 200]
    assert (await made.post("/console/account/codes")).status_code == 403


def changing(service: Service) -> list[str]:
    """Every address of the console that changes something."""
    found = [route for route in iter_route_contexts(service.app.router.routes) if "POST" in (route.methods or ())]
    return sorted(
        {(route.path or "").replace("{", "").replace("}", "") for route in found if "/console" in (route.path or "")}
    )


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_no_form_of_the_console_can_be_sent_by_another_page(service: Service, headers: dict[str, str]) -> None:
    made, _, _ = await enrolled(service, "anke")
    del made.headers["Sec-Fetch-Site"]

    said = {path: (await made.post(path, json={}, headers=headers)).status_code for path in changing(service)}

    assert len(said) > 15
    assert {path for path, status in said.items() if status != 403} == set()


async def test_without_the_check_another_page_could(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = await enrolled(service, "anke")
    monkeypatch.setattr(callers, "require_own_origin", lambda connection: None)

    answer = await made.post("/console/sessions/end-all", headers=OWN_PAGE | {"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 303
