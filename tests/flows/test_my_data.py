"""The own record in real browsers: from the letter to a consent withdrawn, with a script and without."""

from itertools import pairwise

import pytest
from playwright.async_api import Page, ViewportSize, expect

from telemed.visits import resource
from tests.fixtures.browsers import Browsers
from tests.flows.pages import PATIENCE, Watched
from tests.flows.test_narrow_screens import LINES, ROWS_OF_LINKS, SIDEWAYS, WIDTHS
from tests.telemed.mydata.letters import letter
from tests.telemed.visits.clinic import PLATFORM, TENANT, VIDEO, Clinic

OTHER = "Pflegedienst Musterwind"
PAGES = ("/my", "/my/consents", "/my/apps", "/my/looks", "/my/requests", "/my/record", "/my/erasure")
# Fields and buttons whose name a screen reader could not say; headings; contrast of what stands on the ground.
NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, main a")]
  .filter(each => !(each.labels?.length || each.textContent.trim() || each.ariaLabel)).length"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1]))"
SMALL = """() => [...document.querySelectorAll("main button, main input:not([type=hidden]), main select, main .button")]
  .map(each => each.closest(".choice") ?? each).filter(each => each.getBoundingClientRect().height < 43).length"""
FAINT = """() => {
  const light = text => {
    const part = text.match(/[\\d.]+/g).slice(0, 3).map(n => n / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
  };
  const ground = each => {
    for (; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$/.test(colour) && colour !== "transparent") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("main *, footer *")].filter(each => {
    if (![...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) return false;
    const [a, b] = [light(getComputedStyle(each).color), light(ground(each))].sort((one, two) => two - one);
    return (a + .05) / (b + .05) < 4.5;
  }).map(each => each.outerHTML.slice(0, 80));
}"""


async def opened(clinic: Clinic, browsers: Browsers, *, script: bool = True, scheme: str = "light") -> Watched:
    """A patient's phone."""
    base = clinic.services.settings.base_url
    context = await (await browsers.chromium()).new_context(
        base_url=base,
        locale="de-DE",
        java_script_enabled=script,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport=ViewportSize(width=390, height=800),
    )
    context.set_default_timeout(PATIENCE * 1000)
    return Watched(await context.new_page(), base)


async def enter(page: Page, clinic: Clinic, *, script: bool = True) -> None:
    """From the letter to the overview."""
    issued = await letter(clinic)
    if script:
        await page.goto(f"/my#{issued.code}")
        await expect(page.locator("#code")).to_have_value(issued.code)
        await expect(page.locator("#pin")).to_be_focused()
    else:
        await page.goto("/my")
        await page.fill("#code", issued.code)
    await page.fill("#pin", issued.pin)
    await page.click("main form button")
    await expect(page.locator("h1")).to_have_text("Meine Daten")
    await expect(page.locator(".choices a")).to_have_count(6)


@pytest.mark.parametrize("browser", ["with a script", "without one"])
async def test_a_patient_gives_consent_withdraws_it_asks_and_leaves(
    clinic: Clinic, browsers: Browsers, browser: str
) -> None:
    script = browser == "with a script"
    body = resource.parsed({"resourceType": "Organization", "name": OTHER})
    caller, store = PLATFORM._replace(tenant="clinic-b"), clinic.services.store
    await clinic.services.database.write(lambda session: store.create(session, caller, body, id="clinic-b"))
    watched = await opened(clinic, browsers, script=script)
    page = watched.page
    await enter(page, clinic, script=script)

    await page.click("text=Worin habe ich eingewilligt?")
    await page.select_option("#clinic", label=OTHER)
    await page.click("text=Ich willige ein")
    await expect(page.locator("[role=status]")).to_contain_text("kann Ihre Akte ab jetzt sehen")
    await page.click(f"button:has-text('{OTHER}')")
    await expect(page.locator("[role=status]")).to_contain_text("Ab jetzt öffnet keine Ihrer Einwilligungen dort")
    await page.click(".top strong a")
    await page.click("text=Etwas stimmt nicht")
    await page.check("#kind-restriction")
    await page.fill("#text", "Bitte den Befund vorerst nicht benutzen.")
    await page.click("text=An die Praxis senden")
    await expect(page.locator(".card")).to_contain_text("gesendet")
    await page.click("text=Abmelden")

    await expect(page.locator("#error")).to_contain_text("Sie sind abgemeldet")
    assert watched.faults == []
    assert not [url for url in watched.requests if "Befund" in url or "patient-1" in url]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_can_be_read_heard_and_tapped_on_a_phone(
    clinic: Clinic, browsers: Browsers, scheme: str
) -> None:
    page = (await opened(clinic, browsers, scheme=scheme)).page
    await enter(page, clinic)
    await page.goto(await clinic.service.sign_in_link(TENANT, practitioner="doctor-1"))

    for path in (*PAGES, f"/console/visits/{VIDEO}/codes"):
        await page.goto(path)
        headings = await page.evaluate(HEADINGS)
        assert headings.count(1) == 1 and headings[0] == 1, path
        assert all(after - before <= 1 for before, after in pairwise(headings)), path
        assert await page.evaluate(NAMELESS) == 0, path
        assert await page.evaluate(SMALL) == 0, path
        assert await page.evaluate(FAINT) == [], path
        for width in WIDTHS:
            await page.set_viewport_size(ViewportSize(width=width, height=800))
            assert await page.evaluate(SIDEWAYS) == 0, (path, width)
            assert await page.evaluate(LINES) < 3 and await page.evaluate(ROWS_OF_LINKS) < 2, (path, width)


async def test_a_faint_word_and_a_field_without_a_name_are_seen(clinic: Clinic, browsers: Browsers) -> None:
    page = (await opened(clinic, browsers)).page
    await page.goto("/my")

    await page.evaluate("() => { document.querySelector('h1').style.color = '#bbb'; }")
    await page.evaluate("() => document.querySelector('label[for=pin]').remove()")

    assert len(await page.evaluate(FAINT)) == 1 and await page.evaluate(NAMELESS) == 1


async def test_what_went_wrong_is_focused_and_the_keyboard_reaches_all(clinic: Clinic, browsers: Browsers) -> None:
    page = (await opened(clinic, browsers)).page
    await page.goto("/my")
    await page.fill("#code", "0000-0000-0000")
    await page.fill("#pin", "123456")
    await page.keyboard.press("Enter")

    await expect(page.locator("#error")).to_be_focused()
    seen = []
    for _ in range(4):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("() => document.activeElement.id || document.activeElement.tagName"))
    assert seen == ["A", "code", "pin", "BUTTON"]
