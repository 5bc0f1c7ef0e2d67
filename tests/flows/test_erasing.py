"""Erasing a record in the console, in a browser: looked at, typed, gone; with a script and without."""

from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from telemed.mydata.requests import Kind
from tests.fixtures.browsers import Browsers
from tests.flows.looking import Looking
from tests.flows.pages import PATIENCE, Watched
from tests.flows.test_narrow_screens import SIDEWAYS
from tests.telemed.rights.desk import desk_of, forget_treatment, is_kept
from tests.telemed.visits.clinic import Clinic

APART = """() => { const [keep, erase] = ["main a.button", "button.danger"].map(each => document.querySelector(each).getBoundingClientRect());
  return erase.top - keep.bottom; }"""


async def officers(clinic: Clinic, browsers: Browsers, *, script: bool) -> Watched:
    """The privacy officer's browser, on a phone, signed in."""
    base = clinic.services.settings.base_url
    context = await (await browsers.chromium()).new_context(
        base_url=base, locale="de-DE", java_script_enabled=script, viewport=ViewportSize(width=390, height=800)
    )
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    await page.goto(clinic.links["nurse-1"])
    return Watched(page, base)


async def pictured(page: Page, folder: Path, name: str) -> None:
    """Nothing; the page fits and its pictures lie in the folder."""
    for scheme, width in (("light", 390), ("dark", 1280)):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size(ViewportSize(width=width, height=800))
        assert not await page.evaluate(SIDEWAYS)
        await page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True)
    await page.set_viewport_size(ViewportSize(width=390, height=800))


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without one"])
async def test_a_record_goes_only_after_its_page_was_seen_and_the_word_was_typed(
    clinic: Clinic, browsers: Browsers, looking: Looking, *, script: bool
) -> None:
    desk = await desk_of(clinic)
    forget_treatment(desk)
    await desk.ask(Kind.ERASURE)
    axe, folder = looking
    watched = await officers(clinic, browsers, script=script)
    page = watched.page

    await page.goto("/console/requests")
    await expect(page.locator("button.danger")).to_have_count(0)
    await pictured(page, folder, "requests")
    await page.get_by_role("link", name="Ansehen, was beim Löschen verloren ginge").click()
    await expect(page.locator(".facts")).to_contain_text("Musterkai")
    await pictured(page, folder, "erase")
    if script:
        assert await page.evaluate(APART) >= 16
        assert await axe.serious(page) == []
    await page.fill("#word", "ja")
    await page.click("button.danger")
    await expect(page.get_by_role("alert")).to_contain_text("Es wurde nichts gelöscht")
    assert await is_kept(desk)
    await page.fill("#word", "löschen")
    await page.click("button.danger")

    await expect(page.get_by_role("status")).to_have_text("Die Akte ist endgültig gelöscht.")
    assert not await is_kept(desk)
    assert [fault for fault in watched.faults if "422" not in fault] == []
