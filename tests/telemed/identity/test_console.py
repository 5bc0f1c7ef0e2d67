"""The console's sign-in: one click in the demo, a cookie that no script sees, an end by hand, idling or age."""

from datetime import timedelta
from functools import partial

import pytest

from infra.clock import FixedClock
from infra.database import Database, Session
from infra.settings import Environment
from infra.vault import Vault
from telemed.identity.lifetimes import CONSOLE_ABSOLUTE, CONSOLE_IDLE
from telemed.identity.models import Clinician
from telemed.identity.sessions import end_session, note_use, open_session, signed_in
from tests.telemed.service import BASE, FHIR, Service


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


PATIENT = b'{"resourceType":"Patient","name":[{"family":"Probe"}]}'
OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Content-Type": FHIR}


async def test_the_link_signs_in_more_than_once_and_hides_its_cookie_from_scripts(service: Service) -> None:
    link = await service.sign_in_link("clinic-a")

    for _ in range(2):
        async with service.browser() as browser:
            answer = await browser.get(link)

            assert answer.status_code == 303
            assert answer.headers["location"] == "/console"
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("telemed_session=")
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert (await browser.get("/console")).status_code == 200


async def test_a_link_of_an_earlier_demo_is_a_404_that_names_the_start_page(service: Service) -> None:
    page = await service.http.get("/console/sign-in/guessed", headers={"Accept": "text/html", "Accept-Language": "de"})
    data = await service.http.get("/console/sign-in/guessed")

    assert (page.status_code, data.status_code) == (404, 404)
    assert "Die Startseite hat einen neuen Link." in page.text and "start page" in data.json()["detail"]


async def test_in_production_a_sign_in_link_is_as_absent_as_any_address(service: Service) -> None:
    production = service.services.settings.model_copy(update={"environment": Environment.PRODUCTION})
    object.__setattr__(service.services, "settings", production)

    link, nothing = [
        await service.http.get(path, headers={"Accept": "text/html"}) for path in ("/console/sign-in/x", "/console/nix")
    ]

    assert (link.status_code, nothing.status_code) == (404, 404)
    assert link.text.replace("sign-in/x", "nix") == nothing.text


async def test_a_signed_in_physician_reads_the_clinics_record(service: Service) -> None:
    system = await service.system("clinic-a")
    id = (await system.post("/fhir/Patient", content=PATIENT)).json()["id"]
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a"))

        assert (await browser.get(f"/fhir/Patient/{id}")).status_code == 200
        assert (await browser.get("/fhir/AuditEvent?_summary=count")).status_code == 403


async def test_an_analyst_sees_no_clinical_record(service: Service) -> None:
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a", role="analyst"))

        assert (await browser.get("/fhir/Patient?_summary=count")).status_code == 403
        assert (await browser.get("/fhir/Organization?_summary=count")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
async def test_another_page_can_not_make_the_browser_write(service: Service, headers: dict[str, str]) -> None:
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a"))

        answer = await browser.post("/fhir/Patient", content=PATIENT, headers=headers | {"Content-Type": FHIR})

    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": BASE}], ids=str)
async def test_our_own_page_can(service: Service, headers: dict[str, str]) -> None:
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a"))

        answer = await browser.post("/fhir/Patient", content=PATIENT, headers=headers | {"Content-Type": FHIR})

    assert answer.status_code == 201


async def test_signing_out_ends_the_session_on_the_server(service: Service) -> None:
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a"))
        kept = browser.cookies["telemed_session"]
        await browser.post("/console/sign-out", headers=OWN_PAGE)
        browser.cookies.set("telemed_session", kept)

        assert (await browser.get("/console")).status_code == 401


async def test_a_bad_token_is_not_made_up_for_by_a_cookie(service: Service) -> None:
    async with service.browser() as browser:
        await browser.get(await service.sign_in_link("clinic-a"))

        answer = await browser.get("/fhir/Patient?_summary=count", headers={"Authorization": "Bearer x"})

    assert answer.status_code == 401


async def _session(database: Database, vault: Vault, clock: FixedClock) -> str:
    def unit(session: Session) -> str:
        session.add(Clinician(id="c-1", tenant="a", practitioner_id="p-1", role="nurse"))
        return open_session(session, vault, clinician_id="c-1", now=clock.now())

    return await database.write(unit)


async def _open(database: Database, vault: Vault, clock: FixedClock, secret: str) -> bool:
    found = await database.read(lambda session: signed_in(session, vault, secret=secret, now=clock.now()))
    return found is not None


async def test_a_session_left_idle_ends(database: Database, vault: Vault, clock: FixedClock) -> None:
    secret = await _session(database, vault, clock)

    clock.advance(CONSOLE_IDLE - timedelta(seconds=1))
    before = await _open(database, vault, clock, secret)
    clock.advance(timedelta(seconds=1))

    assert (before, await _open(database, vault, clock, secret)) == (True, False)


async def test_a_session_ends_with_its_age_however_busy(database: Database, vault: Vault, clock: FixedClock) -> None:
    secret, opened = await _session(database, vault, clock), clock.now()

    while clock.now() < opened + CONSOLE_ABSOLUTE:
        assert await _open(database, vault, clock, secret)
        clock.advance(timedelta(minutes=20))
        await database.write(partial(note_use, vault=vault, secret=secret, now=clock.now()))

    assert not await _open(database, vault, clock, secret)


async def test_whoever_is_no_longer_with_the_clinic_is_signed_out(
    database: Database, vault: Vault, clock: FixedClock
) -> None:
    secret = await _session(database, vault, clock)

    def leave(session: Session) -> None:
        clinician = session.get_one(Clinician, "c-1")
        clinician.active = False

    await database.write(leave)

    assert not await _open(database, vault, clock, secret)


async def test_an_ended_session_opens_nothing(database: Database, vault: Vault, clock: FixedClock) -> None:
    secret = await _session(database, vault, clock)

    await database.write(lambda session: end_session(session, vault, secret=secret))

    assert not await _open(database, vault, clock, secret)
