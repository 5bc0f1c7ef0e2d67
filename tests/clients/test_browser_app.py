"""fhirclient.js launches by itself in a real Chromium, on an origin of its own, and reads what the doctor allowed."""

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from infra.deploy.javascript import FOLDER, LOCK
from infra.settings import Environment, Settings
from telemed.identity.clients import App, register
from telemed.visits import resource
from tests.clients.app_pages import app_pages
from tests.fixtures.browsers import Browsers
from tests.fixtures.javascript import JavaScript
from tests.fixtures.processes import free_port
from tests.telemed.service import listening
from tests.telemed.visits.clinic import DOCTOR, PATIENT, PLATFORM, TENANT, people

SCOPE = "openid fhirUser launch/patient online_access patient/Patient.rs patient/Observation.rs"
LIBRARY = FOLDER / "node_modules/fhirclient/build/fhir-client.js"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


async def test_fhirclient_js_does_the_standalone_launch_in_chromium(
    database_url: str, tmp_path: Path, browsers: Browsers, javascript: JavaScript
) -> None:
    address, port = f"http://localhost:{free_port()}", free_port()
    settings = Settings(environment=Environment.DEMO, data_dir=tmp_path, database_url=database_url, base_url=address)
    async with listening(settings) as service:
        services = service.services
        app = App("Kurvenblatt", (f"http://localhost:{port}/app.html",))

        def unit(session: object) -> None:
            now = services.system_clock.now()
            register(session, client_id="app", tenant=TENANT, scope=SCOPE, now=now, app=app)  # type: ignore[arg-type]
            for id in (TENANT, DOCTOR, PATIENT):
                services.store.create(session, PLATFORM, resource.parsed(people()[id]), id=id)  # type: ignore[arg-type]

        await services.database.write(unit)
        browser = await browsers.chromium(camera=False)
        page = await (await browser.new_context(base_url=address, locale="en-GB")).new_page()
        await page.goto(await service.sign_in_link(TENANT, practitioner=DOCTOR))

        with app_pages(LIBRARY, port, client="app", scope=SCOPE, iss=f"{address}/fhir") as base:
            await page.goto(f"{base}/launch.html")
            await expect(page).to_have_title("Allow an app?")
            await page.get_by_label("Find by name").fill("musterkai")
            await page.get_by_role("button", name="Find", exact=True).click()
            await page.get_by_role("radio").first.check()
            for box in await page.get_by_role("checkbox").all():
                await box.check()
            await page.get_by_role("button", name="Allow", exact=True).click()
            await page.wait_for_function("['ready', 'failed'].includes(document.title)")
            assert await page.title() == "ready", await page.inner_text("body")

            said = json.loads(await page.inner_text("body"))

    assert said == {
        "id": PATIENT,
        "found": 0,
        "again": PATIENT,
        "user": f"Practitioner/{DOCTOR}",
        "kind": "Practitioner",
    }
    javascript.participants.joined("fhirclient.js", json.loads(LOCK.read_text())["fhirclient"]["version"])
