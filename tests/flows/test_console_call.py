"""The clinic's side of a call: who is there, what is written survives, somebody is invited, and all of it by keyboard."""

from playwright.async_api import Page, expect

from tests.fixtures.browsers import Browsers
from tests.flows.looking import Looking
from tests.flows.pages import hurry_to_waiting_room, open_page, require_moving_picture
from tests.flows.test_consultation import document, open_consultation
from tests.flows.test_every_page import DESKTOP, PHONE
from tests.telemed.visits.clinic import VIDEO, Clinic

NOTE = "Lunge frei, kein Fieber."


async def patient_waits(clinic: Clinic, browsers: Browsers) -> Page:
    """The patient's page, in the waiting room, with a relative at the device."""
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await page.goto(f"/j#{clinic.code}")
    await page.fill("#birth_date", "14.03.1951")
    await page.click("main form button.primary")
    await page.check("#here-relative")
    await page.fill("#place", "Musterdeich 7, Gettorf")
    await page.click("main form button.primary")
    await expect(page.locator("#start-check")).to_be_enabled()
    await hurry_to_waiting_room(page)
    return page


async def test_a_consultation_by_keyboard_with_a_note_that_survives(
    clinic: Clinic, browsers: Browsers, looking: Looking
) -> None:
    axe, folder = looking
    patient = await patient_waits(clinic, browsers)
    watched = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    doctor = watched.page
    await doctor.set_viewport_size(DESKTOP)
    await open_consultation(doctor, clinic)
    await expect(doctor.locator("#here")).to_contain_text("Jemand aus der Familie")
    await expect(doctor.locator("#here-place")).to_have_text("Musterdeich 7, Gettorf")
    await expect(doctor.locator("#admit")).to_be_enabled()

    await doctor.locator("h1").click()
    await doctor.keyboard.press("s")
    await require_moving_picture(doctor)
    await doctor.keyboard.press("n")
    await expect(doctor.locator("#note")).to_be_focused()
    await doctor.keyboard.type(NOTE)
    await expect(doctor.locator("#draft")).to_contain_text("Zwischengespeichert")
    await doctor.locator("h1").click()
    await doctor.keyboard.press("m")
    await expect(patient.locator("[data-part=status]")).to_contain_text("hat den Ton ausgeschaltet")
    assert await axe.serious(doctor) == []
    for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        await doctor.set_viewport_size(size)
        await doctor.screenshot(path=folder / f"console-call-{name}.png", full_page=True)
    await doctor.set_viewport_size(DESKTOP)

    await doctor.reload()

    await expect(doctor.locator("#note")).to_have_value(NOTE)
    await expect(doctor.locator("#here-place")).to_have_text("Musterdeich 7, Gettorf")
    await document(doctor)
    await expect(doctor.locator("#here")).to_be_hidden()
    assert await doctor.locator("#here-place").text_content() == ""  # as the patient was promised
    assert watched.faults == []


async def test_two_windows_are_told_of_each_other(clinic: Clinic, browsers: Browsers) -> None:
    first = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await first.goto(await clinic.service.sign_in_link("clinic-a", practitioner="doctor-1"))
    second = await first.context.new_page()
    for page in (first, second):
        await page.goto(f"/console/visits/{VIDEO}")
        await expect(page.locator("#document")).to_be_visible()
    await first.fill("#note", "from the first")
    await expect(first.locator("#draft")).to_contain_text("Zwischengespeichert")

    await second.fill("#note", "from the second")

    await expect(second.locator("#draft-conflict")).to_be_visible()
    await expect(second.locator("#draft-who")).to_contain_text("Dr. Wiebke Testfeld")
    await second.click("#draft-theirs")
    await expect(second.locator("#note")).to_have_value("from the first")
