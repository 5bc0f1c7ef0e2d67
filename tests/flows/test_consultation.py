"""A whole consultation in two real browsers: from the mail to the stored encounter, under the strict policy."""

import pytest
from playwright.async_api import Page, expect

from infra.database import Session
from telemed.visits import service
from telemed.visits.models import Stage
from tests.fixtures.browsers import Browsers
from tests.flows import scenes
from tests.flows.pages import (
    check_and_wait,
    eventually,
    hurry_to_waiting_room,
    open_page,
    open_visit,
    require_moving_picture,
    words_of,
)
from tests.telemed.visits.clinic import TENANT, VIDEO, Clinic
from tests.telemed.visits.records import found

LEVEL = "meter => meter.value"
SAID = "Guten Tag, hören Sie mich? Ja – größer"


async def open_consultation(page: Page, clinic: Clinic, *, practitioner: str = "doctor-1") -> None:
    """The consultation on the clinic's screen, by way of today's list."""
    await page.goto(await clinic.service.sign_in_link(TENANT, practitioner=practitioner))
    await page.goto("/console")
    await expect(page.locator("tr[data-state=waiting]")).to_be_visible()
    await page.click(f"a[href='/console/visits/{VIDEO}']")


async def document(page: Page) -> None:
    """The documentation, entered and saved."""
    await page.fill("#reason", "Husten seit drei Tagen")
    await page.fill("#note", "Lunge frei.")
    await page.select_option("#diagnosis", "J06.9")
    await page.fill("#task", "Anruf in drei Tagen")
    await page.click("#document button")
    await expect(page.locator("#saved")).to_be_visible()


def end_without_a_word(session: Session) -> None:
    """Nothing; the visit has ended, and the patient's session has not heard of it."""
    service.found(session, VIDEO, tenant=TENANT).stage = Stage.ENDED


async def text_arrives(sender: Page, receiver: Page, text: str) -> None:
    """Nothing; what one side types stands on the other side letter by letter, before Enter is pressed."""
    await sender.locator("#typing").press_sequentially(text)
    await expect(receiver.locator("[data-part=lines] .peer").last).to_contain_text(text)
    await sender.locator("#typing").press("Enter")
    await expect(receiver.locator("[data-part=announcer]")).to_contain_text(text)


@pytest.mark.parametrize(
    ("patients", "clinics"), [("chromium", "chromium"), ("chromium", "firefox"), ("firefox", "chromium")]
)
async def test_from_the_mail_to_the_stored_encounter(
    clinic: Clinic, browsers: Browsers, patients: str, clinics: str
) -> None:
    base = clinic.services.settings.base_url
    patient = await open_page(await browsers.named(patients), base)
    doctor = await open_page(await browsers.named(clinics), base)

    await open_visit(patient.page, code=clinic.code)
    await check_and_wait(patient.page)
    await open_consultation(doctor.page, clinic)
    await doctor.page.click("#admit")
    await require_moving_picture(patient.page)
    await require_moving_picture(doctor.page)
    assert await words_of(patient.page) == await words_of(doctor.page)
    await text_arrives(patient.page, doctor.page, SAID)
    await text_arrives(doctor.page, patient.page, SAID)
    await document(doctor.page)
    await expect(patient.page.locator("#bye")).to_be_visible()
    await patient.page.click("#after [value=well]")
    await expect(patient.page.locator("#after [role=status]")).to_contain_text("Ihre Antwort ist gezählt")

    (encounter,) = await found(clinic, "Encounter")
    assert encounter["status"] == "finished"
    assert encounter["reasonCode"][0]["coding"][0]["code"] == "J06.9"
    assert (await clinic.read("Appointment", VIDEO))["status"] == "fulfilled"
    assert patient.faults == []
    assert doctor.faults == []


async def test_after_the_last_page_without_script_there_are_the_calendar_and_one_question(
    clinic: Clinic, browsers: Browsers
) -> None:
    base = clinic.services.settings.base_url
    context = await (await browsers.chromium()).new_context(base_url=base, java_script_enabled=False, locale="de-DE")
    page = await context.new_page()

    await scenes.bye(page, clinic)
    async with page.expect_download() as calendar:
        await page.click("#after a.button")
    await page.click("[value=badly]")

    assert (await calendar.value).suggested_filename == "appointment.ics"
    assert "Ihre Antwort ist gezählt" in await page.inner_text("main")


async def test_a_second_tab_takes_over_and_the_first_can_take_back(clinic: Clinic, browsers: Browsers) -> None:
    browser = await browsers.chromium()
    first = await open_page(browser, clinic.services.settings.base_url)
    await open_visit(first.page, code=clinic.code)
    await hurry_to_waiting_room(first.page)

    second = await first.page.context.new_page()
    await second.goto("/visit")
    await hurry_to_waiting_room(second)

    await expect(first.page.locator("#stopped")).to_be_visible()
    await expect(first.page.locator("#stopped-title")).to_contain_text("anderen Fenster")
    await first.page.click("#continue-here")
    await expect(first.page.locator("#wait")).to_be_visible()
    await expect(second.locator("#stopped")).to_be_visible()


async def test_without_a_camera_the_demo_says_so_and_shows_a_test_picture_when_asked(
    clinic: Clinic, browsers: Browsers
) -> None:
    browser = await browsers.chromium(camera=False)
    patient = await open_page(browser, clinic.services.settings.base_url)
    await open_visit(patient.page, code=clinic.code)

    await patient.page.click("#start-check")

    await expect(patient.page.locator("#device-message")).to_be_visible()
    await expect(patient.page.locator("#preview")).to_be_hidden()
    await patient.page.click("#test-picture")
    await expect(patient.page.locator("#preview [data-test-picture]")).to_contain_text("Testbild, nur in der Demo")
    own = patient.page.locator("#own")
    await eventually(lambda: own.evaluate("video => video.videoWidth"), lambda width: width > 0)


async def test_the_bar_of_the_device_check_follows_the_microphone(clinic: Clinic, browsers: Browsers) -> None:
    patient = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await open_visit(patient.page, code=clinic.code)
    level = patient.page.locator("#level")
    before = await level.evaluate(LEVEL)

    await patient.page.click("#start-check")

    # The made-up microphone beeps once a second and is silent in between.
    await expect(level).to_be_visible()
    await eventually(lambda: level.evaluate(LEVEL), lambda value: value > 0.05)
    await eventually(lambda: level.evaluate(LEVEL), lambda value: value < 0.01)
    await eventually(lambda: level.evaluate(LEVEL), lambda value: value > 0.05)
    assert before == 0
    assert patient.faults == []


async def test_five_wrong_birth_dates_end_in_a_call_to_the_practice(clinic: Clinic, browsers: Browsers) -> None:
    patient = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await patient.page.goto(f"/j#{clinic.code}")

    for _ in range(5):
        await patient.page.fill("#birth_date", "15.03.1951")
        await patient.page.click("form button")

    await expect(patient.page.locator("#error")).to_contain_text("gesperrt")
    await expect(patient.page.locator("#error")).to_contain_text(clinic.services.settings.phone)
    await expect(patient.page.locator("#error")).to_be_focused()


async def test_without_script_code_and_birth_date_lead_to_the_phone(clinic: Clinic, browsers: Browsers) -> None:
    browser = await browsers.chromium()
    context = await browser.new_context(base_url=clinic.services.settings.base_url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/j")
    await page.fill("#code", clinic.code.replace("-", " ").lower())
    await page.fill("#birth_date", "14.03.1951")

    await page.click("form button")

    await expect(page.locator("noscript, main")).not_to_have_count(0)
    assert clinic.services.settings.phone in await page.content()
    assert page.url.endswith("/visit/here")


async def test_a_cancelled_appointment_is_told_in_the_middle_of_it(clinic: Clinic, browsers: Browsers) -> None:
    patient = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await open_visit(patient.page, code=clinic.code)
    await clinic.change("Appointment", VIDEO, status="cancelled")

    await patient.page.click("#start-check")

    await expect(patient.page.get_by_role("heading", name="Dieser Termin wurde abgesagt.")).to_be_visible()


async def test_an_appointment_that_is_not_open_says_so_and_stays_quiet(clinic: Clinic, browsers: Browsers) -> None:
    patient = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    await open_visit(patient.page, code=clinic.code)
    await clinic.services.database.write(end_without_a_word)

    await patient.page.click("#without")

    await expect(patient.page.locator("#stopped")).to_be_visible()
    asked = [url for url in patient.requests if url.endswith("/join")]
    assert len(asked) <= 2
