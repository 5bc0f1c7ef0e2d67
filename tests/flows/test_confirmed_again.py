"""Who has to confirm in between loses nothing: back on the same page in a real browser, with what was typed."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from infra.settings import Environment, Settings
from telemed.identity.lifetimes import STEP_UP
from tests.fixtures.browsers import Browsers
from tests.fixtures.processes import free_port
from tests.flows.pages import open_page
from tests.telemed.mydata.letters import later
from tests.telemed.service import listening

WHY = "Klage vor dem Landgericht, Frist am Freitag"


@pytest.fixture
def database_kind() -> str:
    """Nothing of it is in the database."""
    return "sqlite"


# Without the script people come out on the officer's first page, and what they had typed is gone.
@pytest.mark.parametrize(("script", "there"), [("kept", "Requests of patients"), ("lost", "Emergency accesses")])
async def test_what_was_typed_is_there_again_after_confirming(
    database_url: str, tmp_path: Path, browsers: Browsers, script: str, there: str
) -> None:
    base = f"http://localhost:{free_port()}"
    settings = Settings(environment=Environment.DEMO, data_dir=tmp_path, database_url=database_url, base_url=base)
    async with listening(settings) as service:
        link = await service.sign_in_link("clinic-a", role="privacy-officer", practitioner="anke")
        page: Page = (await open_page(await browsers.chromium(), base, language="en-GB")).page
        if script == "lost":
            await page.route("**/kept*.js", lambda route: route.abort())
        await page.goto(link)
        await page.goto("/console/requests")
        await page.fill("#patient", "patient-7")
        await page.fill("#why", WHY)
        with later(service.services, STEP_UP):
            await page.get_by_role("button", name="Take out the record").click()
            await expect(page.get_by_text("Nothing was done.")).to_be_visible()
            await page.get_by_role("link", name="Confirm").click()
            await page.get_by_role("button", name="Confirm").click()
            await expect(page.locator("h1")).to_have_text(there)

        if script == "lost":
            return
        assert (await page.input_value("#patient"), await page.input_value("#why")) == ("patient-7", WHY)
        await expect(page.get_by_text("What you had typed is here again")).to_be_visible()
        await page.reload()
        assert await page.input_value("#why") == ""
        assert await page.evaluate("Object.keys(sessionStorage)") == []
