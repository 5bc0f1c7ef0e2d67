"""A clinician's passkey in a real browser with a virtual authenticator: from the invitation to the recovery code."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from infra.clock import SystemClock
from infra.settings import Environment, Settings
from telemed.signin import invitations
from tests.fixtures.browsers import Browsers
from tests.fixtures.processes import free_port
from tests.flows.pages import Watched, open_page
from tests.telemed.service import Service, listening
from tests.telemed.signin.people import clinician, registered

DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A production service at localhost: passkeys refuse an address in numbers."""
    base = f"http://localhost:{free_port()}"
    settings = Settings(
        environment=Environment.PRODUCTION, data_dir=tmp_path, database_url=database_url, base_url=base,
        allow_file_keys=True,
    )  # fmt: skip
    async with listening(settings) as service:
        yield service


async def authenticator(page: Page, *, verifies: bool = True) -> str:
    """A device that answers for its user at once; its id."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = DEVICE | {"isUserVerified": verifies, "automaticPresenceSimulation": True}
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return str(added["authenticatorId"])


async def invited(service: Service, id: str) -> str:
    """The path of an invitation for a new clinician."""
    await registered(service.services.database, clinician(id))
    unit = partial(invitations.invite, vault=service.services.vault, clinician_id=id, now=SystemClock().now())
    return invitations.url("", await service.services.database.write(unit))


async def enrolled(house: Service, browsers: Browsers) -> tuple[Watched, list[str]]:
    """A page of a clinician who has just made a passkey, and the codes it showed."""
    watched = await open_page(await browsers.chromium(), house.services.settings.base_url, language="en-GB")
    page = watched.page
    await authenticator(page)
    await page.goto(await invited(house, "anke"))
    await page.fill("#name", "Laptop")
    await page.click("[data-passkey]")
    await expect(page.locator("#codes li")).to_have_count(10)
    return watched, await page.locator("#codes li").all_inner_texts()


async def sign_out(page: Page) -> None:
    await page.goto("/console/account")
    await page.get_by_role("button", name="Sign out", exact=True).click()


async def test_from_the_invitation_to_a_recovery_code(house: Service, browsers: Browsers) -> None:
    watched, codes = await enrolled(house, browsers)
    page = watched.page
    assert "#" not in page.url
    await page.click("#after a")
    await expect(page.locator("h1")).to_contain_text("Today")

    await sign_out(page)
    await page.goto("/console/account")
    await page.click("main a.primary")
    await page.click("[data-passkey=get]")
    await expect(page).to_have_url(f"{house.services.settings.base_url}/console/account")
    await expect(page.locator("input[name=name]")).to_have_value("Laptop")

    await page.click("text=Make ten new codes")
    await expect(page.locator("#codes li")).to_have_count(10)
    assert not set(codes) & set(await page.locator("#codes li").all_inner_texts())
    fresh = await page.locator("#codes li").first.inner_text()

    await sign_out(page)
    await page.goto("/console/sign-in")
    await page.click("main summary")
    await page.fill("#code", codes[0])
    await page.click("text=Sign in with this code")
    await expect(page.locator("#status")).to_have_text("This did not work. Please try again.")
    await page.click("main summary")
    await page.fill("#code", fresh.lower())
    await page.click("text=Sign in with this code")
    await expect(page.locator("h1")).to_have_text("Your sign-in")
    await expect(page.locator("text=Codes left:")).to_contain_text("9")
    assert watched.faults == []


async def test_a_step_up_opens_what_was_shut_and_a_second_passkey_is_added_and_removed(
    house: Service, browsers: Browsers
) -> None:
    watched, codes = await enrolled(house, browsers)
    page, base = watched.page, house.services.settings.base_url
    # Back with a code on paper: nothing but a new passkey is open.
    await sign_out(page)
    await page.goto("/console/sign-in")
    await page.click("main summary")
    await page.fill("#code", codes[0])
    await page.click("text=Sign in with this code")
    await expect(page.locator("text=Make ten new codes")).to_be_disabled()
    before = {cookie["name"]: cookie["value"] for cookie in await page.context.cookies()}

    await page.get_by_role("link", name="Confirm").click()
    await page.click("[data-passkey=get]")

    await expect(page).to_have_url(f"{base}/console/account")
    after = {cookie["name"]: cookie["value"] for cookie in await page.context.cookies()}
    assert before["telemed_session"] != after["telemed_session"]
    # The device holds one passkey of this person; another device makes another.
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await page.fill("#name", "Key")
    await page.click("[data-passkey=create]")
    await expect(page.locator("#status")).to_have_text("This did not work. Please try again.")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | {
        "transport": "usb", "isUserVerified": True, "automaticPresenceSimulation": True,
    }})  # fmt: skip
    await page.click("[data-passkey=create]")
    await expect(page.locator("input[name=name]")).to_have_count(2)
    await page.locator("text=Remove").first.click()
    await expect(page.locator("input[name=name]")).to_have_count(1)
    await page.locator("text=Remove").first.click()
    await expect(page.locator("#status")).to_contain_text("your only passkey")
    assert [fault for fault in watched.faults if "409" not in fault] == []


async def test_a_device_that_does_not_verify_its_user_gets_nobody_in(house: Service, browsers: Browsers) -> None:
    watched = await open_page(await browsers.chromium(), house.services.settings.base_url, language="en-GB")
    await authenticator(watched.page, verifies=False)
    await watched.page.goto(await invited(house, "anke"))

    await watched.page.click("[data-passkey]")

    await expect(watched.page.locator("#status")).to_have_text("This did not work. Please try again.")
    assert watched.faults == []
