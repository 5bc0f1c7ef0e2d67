"""Who comes in the middle of a call: seen at once, let in by one key, beside the others, shown out and back again."""

from pathlib import Path

from playwright.async_api import Page, ViewportSize, expect

from tests.fixtures.axe import Axe
from tests.fixtures.browsers import Browsers
from tests.flows.looking import Looking
from tests.flows.pages import eventually, hurry_to_waiting_room, open_page, require_moving_picture
from tests.flows.test_console_call import patient_waits
from tests.flows.test_consultation import open_consultation
from tests.telemed.visits.clinic import Clinic

LAPTOP, PHONE = ViewportSize(width=1366, height=768), ViewportSize(width=360, height=740)
# How many pairs of pictures on the stage cover a part of each other; a hidden one covers nothing.
OVERLAPS = """stage => {
  const boxes = [...stage.querySelectorAll("video")].filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect());
  const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return [boxes.length, boxes.flatMap((one, at) => boxes.slice(at + 1).filter(other => covers(one, other))).length];
}"""
SHOWN = "area => [area.querySelector('canvas').clientWidth, area.clientWidth]"
FOCUSED = "() => document.activeElement.id"


async def invited(doctor: Page, *, role: str) -> tuple[str, str]:
    """Link and PIN of a guest, made in the middle of the call."""
    await doctor.click("#invite summary")
    await doctor.select_option("#invite-role", role)
    await doctor.click("#invite-form button")
    await expect(doctor.locator("#invited")).to_be_visible()
    return await doctor.input_value("#invited-link"), await doctor.inner_text("#invited-pin")


async def guest_waits(clinic: Clinic, browsers: Browsers, *, link: str, pin: str) -> Page:
    """The guest's page, in the waiting room."""
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await page.goto(link)
    await page.fill("#birth_date", pin)
    await page.click("main form button.primary")
    await expect(page.locator("#check")).to_contain_text("Dolmetsch")
    await expect(page.locator("#start-check")).to_be_enabled()
    await hurry_to_waiting_room(page)
    return page


async def overlaps_of_three(page: Page) -> int:
    """How many of three pictures cover each other, once all are there."""
    stage = page.locator("[data-part=stage]")
    seen: list[int] = await eventually(lambda: stage.evaluate(OVERLAPS), lambda seen: bool(seen[0] == 3))
    return seen[1]


async def look_at_the_photo(doctor: Page, axe: Axe, folder: Path) -> None:
    """Nothing; the photo opens large by keyboard, can be enlarged, and is put away."""
    small = doctor.locator("button.photo")
    await small.focus()
    await doctor.keyboard.press("Enter")
    area = doctor.locator("dialog.photo-large .area")
    await expect(area).to_be_focused()
    whole, _ = await area.evaluate(SHOWN)
    await doctor.keyboard.press("+")
    await doctor.keyboard.press("+")
    enlarged, room = await area.evaluate(SHOWN)
    assert enlarged > 1.9 * whole and enlarged > room
    assert await axe.serious(doctor) == []
    await doctor.screenshot(path=folder / "photo-large.png")

    await doctor.keyboard.press("Escape")

    await expect(area).to_be_hidden()
    await expect(small).to_be_focused()
    await doctor.locator("[data-part=photos] li > button").last.click()
    await expect(doctor.locator("[data-part=photos]")).to_be_hidden()


async def test_an_interpreter_is_seen_at_once_and_covers_nobody(
    clinic: Clinic, browsers: Browsers, looking: Looking
) -> None:
    axe, folder = looking
    patient = await patient_waits(clinic, browsers)
    watched = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    doctor = watched.page
    await doctor.set_viewport_size(LAPTOP)
    await open_consultation(doctor, clinic)
    await doctor.click("#admit")
    await require_moving_picture(doctor)
    await patient.click(".more summary")
    await patient.click("[data-part=photo]")
    await look_at_the_photo(doctor, axe, folder)
    await expect(doctor.locator("#invite a[target=_blank]")).to_have_count(1)  # to the codes, while the call goes on
    title = await doctor.title()
    link, pin = await invited(doctor, role="interpreter")
    await doctor.click("#note")

    guest = await guest_waits(clinic, browsers, link=link, pin=pin)

    await expect(doctor.locator("#knock-in")).to_be_in_viewport()
    await expect(doctor.locator("#knock-words")).to_have_text("Wartet auf Einlass: Dolmetscherin oder Dolmetscher.")
    assert "Wartet auf Einlass" in await doctor.title()
    assert await doctor.evaluate(FOCUSED) == "note"
    await doctor.screenshot(path=folder / "guest-waits.png")
    await doctor.locator("h1").click()
    await doctor.keyboard.press("l")
    await expect(doctor.locator("#knock-in")).to_be_hidden()
    assert await doctor.title() == title
    await guest.set_viewport_size(PHONE)
    for page in (doctor, guest):
        assert await overlaps_of_three(page) == 0
    await doctor.screenshot(path=folder / "three-console.png")
    await guest.screenshot(path=folder / "three-phone.png")

    await doctor.locator("#seats li[data-role=interpreter] button").last.click()

    await expect(guest.locator("#stopped-title")).to_contain_text("aus dem Gespräch genommen")
    await guest.screenshot(path=folder / "taken-out.png")
    await guest.click("#continue-here")
    await expect(guest.locator("#wait")).to_be_visible()
    await doctor.set_viewport_size(PHONE)
    await doctor.emulate_media(color_scheme="dark")
    await expect(doctor.locator("#knock-in")).to_be_in_viewport()
    await doctor.screenshot(path=folder / "guest-waits-phone.png")
    assert await axe.serious(doctor) == []
    await doctor.click("#knock-in")
    await expect(guest.locator("#call")).to_be_visible()
    assert watched.faults == []


async def test_who_comes_back_when_the_practice_has_hung_up_reads_that_it_is_not_there(
    clinic: Clinic, browsers: Browsers
) -> None:
    patient = await patient_waits(clinic, browsers)
    doctor = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await open_consultation(doctor, clinic)
    await expect(doctor.locator("#admit")).to_be_enabled()
    await doctor.click("#mirror")
    await expect(doctor.locator("[data-part=self]")).to_be_visible()
    await doctor.locator("h1").click()
    await doctor.keyboard.press("s")
    await require_moving_picture(patient)
    assert await doctor.evaluate(FOCUSED) == "call"
    await doctor.keyboard.press("h")
    for page, words in ((doctor, "Sie haben das Gespräch angehalten"), (patient, "Das Gespräch ist angehalten")):
        await expect(page.locator("[data-part=placeholder]")).to_contain_text(words)
    await doctor.keyboard.press("h")
    for page in (doctor, patient):
        await expect(page.locator("[data-part=placeholder]")).to_be_hidden()
    await doctor.keyboard.press("Shift+End")
    await expect(doctor.locator("#admit")).to_be_visible()

    await patient.reload()

    await expect(patient.locator("[data-part=placeholder]")).to_contain_text("Dr. Wiebke Testfeld ist gerade nicht da")
    await doctor.click("#admit")
    await require_moving_picture(patient)
