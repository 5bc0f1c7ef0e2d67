"""Whoever reloads, hangs up or comes back: both sides see what is so now, not what was."""

from playwright.async_api import Page, expect

from tests.fixtures.browsers import Browsers
from tests.flows.pages import hurry_to_waiting_room, open_page, open_visit, require_moving_picture, words_of
from tests.flows.test_consultation import document, open_consultation
from tests.telemed.visits.clinic import VIDEO, Clinic

STATUS, COVER = "[data-part=status]", "[data-part=placeholder]"


async def in_call(clinic: Clinic, browsers: Browsers, *, reloads: bool = False) -> tuple[Page, Page]:
    """The patient's and the clinic's page, in conversation; the patient may have loaded the waiting room again."""
    browser, base = await browsers.chromium(), clinic.services.settings.base_url
    patient, doctor = (await open_page(browser, base)).page, (await open_page(browser, base)).page
    await open_visit(patient, code=clinic.code)
    await hurry_to_waiting_room(patient)
    if reloads:
        await patient.reload()
        await expect(patient.locator("#wait")).to_be_visible()
    await open_consultation(doctor, clinic)
    await doctor.click("#admit")
    await require_moving_picture(doctor)
    return patient, doctor


async def test_who_reloads_is_back_in_the_call_and_seen_as_they_are_now(clinic: Clinic, browsers: Browsers) -> None:
    patient, doctor = await in_call(clinic, browsers, reloads=True)
    await expect(doctor.locator("#begin")).to_be_hidden()
    await patient.click("[data-part=microphone]")
    await expect(doctor.locator(STATUS)).to_contain_text("hat den Ton ausgeschaltet")
    await patient.click("[data-part=camera]")
    await expect(doctor.locator(COVER)).to_contain_text("hat Bild und Ton ausgeschaltet")
    await expect(doctor.locator(STATUS)).not_to_contain_text("ausgeschaltet")

    await patient.reload()

    await require_moving_picture(patient)
    await expect(doctor.locator(COVER)).to_be_hidden()
    await expect(doctor.locator(STATUS)).to_have_text("Sie sind verbunden.")
    await doctor.reload()
    await require_moving_picture(doctor)
    assert await words_of(patient) == await words_of(doctor)


async def test_who_hangs_up_leaves_no_picture_and_waits_anew(clinic: Clinic, browsers: Browsers) -> None:
    patient, doctor = await in_call(clinic, browsers)

    await patient.click("[data-part=end]")

    await expect(doctor.locator("[data-part=remote]")).to_be_hidden()
    await expect(doctor.locator("[data-part=words]")).to_have_text("…")
    await expect(doctor.locator("#state")).to_have_text("gerade nicht da")
    await patient.click("#return")
    await expect(doctor.locator("#state")).to_have_text("wartet seit 0 Min.")
    await doctor.click("#admit")
    await require_moving_picture(patient)
    await doctor.click("[data-part=end]")
    await expect(patient.locator(COVER)).to_contain_text("Dr. Wiebke Testfeld hat das Gespräch verlassen")
    await expect(patient.locator("[data-part=remote]")).to_be_hidden()
    await expect(doctor.locator("#admit")).to_have_text("Zurück ins Gespräch")
    await document(doctor)
    await expect(doctor.locator("#call")).to_be_hidden()
    await doctor.click(f"#saved a[href$='{VIDEO}']")
    await expect(doctor.locator(".documented")).to_contain_text("Lunge frei.")
