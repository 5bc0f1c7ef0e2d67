"""Every trouble a patient can meet, provoked in a real browser, says its sentence in German, plain German and English."""

import httpx
import pytest
from playwright.async_api import Page, expect

from telemed.pages.assets import asset_url
from telemed.pages.languages import translate
from telemed.pages.texts import CALL, CALL_BACK, CALL_OF_VISIT, REFUSALS, told
from tests.fixtures.browsers import Browsers
from tests.flows import scenes
from tests.flows.pages import eventually
from tests.flows.scenes import BLOCKED, BUSY, IN_APP, NO_DEVICE, OLD, Opening, Scene
from tests.flows.test_every_page import new_page, outside_the_demo
from tests.telemed.visits.clinic import VIDEO, Clinic

LANGUAGES = ("de", "de-simple", "en")
# Where each state shows, and what it says: the source of its sentence.
STATES: tuple[tuple[str, Opening, str, str], ...] = (
    ("blocked", scenes.refused, BLOCKED, CALL["blocked"]),
    ("nodev", scenes.refused, NO_DEVICE, CALL["nodev"]),
    ("busy", scenes.refused, BUSY, CALL["busy"]),
    ("old", scenes.refused, OLD, CALL["old"]),
    ("in-app", scenes.refused, IN_APP, CALL["in-app"]),
    ("in-app before anything is typed", scenes.code, IN_APP, CALL["in-app"]),
    ("over", scenes.over, "", REFUSALS["over"].title),
    ("cancelled", scenes.cancelled, "", REFUSALS["cancelled"].title),
    ("dob", scenes.wrong, "", REFUSALS["wrong"].title),
    ("elsewhere", scenes.elsewhere, "", REFUSALS["elsewhere"].title),
    ("call back", scenes.call_back, "", CALL_BACK["title"]),
)
LITERALLY = {
    ("de", "blocked"): "Tippen Sie auf das Schloss neben der Adresse",
    ("de-simple", "old"): "Das Internet-Programm ist zu alt für Video.",
    ("en", "in-app"): "Please open the link in Chrome, Firefox or Safari.",
}


# The panel as it stands on the page is told of a step, as the call would tell it.
ADVISE = """async ([module, sentence]) => {
  const { CallPanel } = await import(module), { call } = JSON.parse(document.getElementById("page").textContent);
  const parts = { advice: document.querySelector("[data-part=advice]") }, texts = await (await fetch(call)).json();
  CallPanel.prototype.advise.call({ texts, parts }, { sentence, call_back: false });
}"""


async def said(page: Page) -> str:
    """What stands on the page for people."""
    return " ".join((await page.inner_text("body")).split())


async def presence(doctor: httpx.AsyncClient) -> str:
    """How far the visit has come, as the clinic sees it."""
    visits = (await doctor.get("/console/waiting")).json()["visits"]
    return str(visits.get(VIDEO, {}).get("state", ""))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_trouble_says_what_happened_and_what_to_do(
    clinic: Clinic, browsers: Browsers, language: str
) -> None:
    outside_the_demo(clinic)
    browser = await browsers.chromium()
    for name, opening, script, source in STATES:
        page = await new_page(browser, clinic, Scene(name, opening, script), language=language)
        await opening(page, clinic)

        words = await said(page)

        assert translate(language, source) in words, name
        assert LITERALLY.get((language, name), "") in words
        await page.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_happens_while_somebody_waits_is_told(clinic: Clinic, browsers: Browsers, language: str) -> None:
    page = await new_page(await browsers.chromium(), clinic, Scene("waiting", scenes.waiting), language=language)
    await scenes.waiting(page, clinic)
    doctor = await clinic.clinician()
    await eventually(lambda: presence(doctor), lambda state: state == "waiting")

    await doctor.post(f"/console/visits/{VIDEO}/late")
    await expect(page.locator("#late")).to_have_text(translate(language, CALL_OF_VISIT["late"]).replace("%n", "10"))
    await page.context.set_offline(True)
    clinic.services.rooms.close()
    await expect(page.locator("#banner")).to_have_text(translate(language, CALL["net"]))
    await page.context.set_offline(False)
    await expect(page.locator("#banner")).to_be_hidden()
    await expect(page.locator("#wait")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_too_early_names_the_time_and_a_fault_of_ours_keeps_the_appointment(
    clinic: Clinic, browsers: Browsers, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await browsers.chromium()
    page = await new_page(browser, clinic, Scene("early", scenes.early), language=language)
    await scenes.early(page, clinic)
    early = await said(page)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(type(clinic.services.database), "write", broken)
    await scenes.code(page, clinic)
    await page.fill("#code", clinic.code)
    await page.fill("#birth_date", "14.03.1951")
    await page.click("main form button.primary")

    assert told("early", language).title in early and "202" in early
    trouble = told("trouble", language)
    assert trouble.title in await said(page) and trouble.advice in await said(page)


async def test_a_slow_network_is_explained_step_by_step(clinic: Clinic, browsers: Browsers) -> None:
    page = await new_page(await browsers.chromium(), clinic, Scene("practice", scenes.practice), language="de")
    await scenes.practice(page, clinic)
    advice = page.locator("[data-part=advice]")

    for step in ("less", "small", "sound", "sound-thin", "telephone", "better", "full"):
        await page.evaluate(ADVISE, [asset_url("pages/call-panel.js"), step])
        await expect(advice).to_have_text(translate("de", CALL[step]))


async def test_the_link_is_copied_with_its_code_out_of_another_app(clinic: Clinic, browsers: Browsers) -> None:
    page = await new_page(await browsers.chromium(), clinic, Scene("in-app", scenes.code, IN_APP), language="de")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    await page.goto(f"/j#{clinic.code}")
    await page.click("#copy")

    await expect(page.locator("#copy")).to_have_text("Der Link ist kopiert.")
    copied = await page.evaluate("() => navigator.clipboard.readText()")
    assert copied == f"{clinic.services.settings.base_url}/j#{clinic.code}"


async def test_without_a_clipboard_the_link_stands_there_to_be_copied_by_hand(
    clinic: Clinic, browsers: Browsers
) -> None:
    none = IN_APP + "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
    page = await new_page(await browsers.chromium(), clinic, Scene("in-app", scenes.code, none), language="de")

    await page.goto(f"/j#{clinic.code}")
    await page.click("#copy")

    await expect(page.locator("#link")).to_have_value(f"{clinic.services.settings.base_url}/j#{clinic.code}")


async def test_without_a_script_the_way_leads_to_the_check_and_to_the_phone(clinic: Clinic, browsers: Browsers) -> None:
    base = clinic.services.settings.base_url
    context = await (await browsers.chromium()).new_context(base_url=base, java_script_enabled=False, locale="de-DE")
    page = await context.new_page()

    await page.goto("/j")
    await page.fill("#code", clinic.code)
    await page.fill("#birth_date", "14.03.1951")
    await page.click("main form button.primary")
    await page.check("#here-relative")
    await page.fill("#place", "Musterdeich 7")
    await page.click("main form button.primary")
    assert "rufen Sie uns an" in await said(page)
    await page.click("#check .call-me button")

    assert "Wir rufen Sie an." in await said(page)
    assert await page.locator(".menu a[hreflang=ar]").count() == 1
