"""Pages on a phone: nothing is wider than the screen, and what matters is not cut off."""

from playwright.async_api import Page, ViewportSize

from tests.fixtures.browsers import Browsers
from tests.flows import scenes
from tests.flows.pages import open_page
from tests.telemed.visits.clinic import TENANT, VIDEO, Clinic

WIDTHS = (390, 360, 320)
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
ROWS_OF_LINKS = (
    "() => document.querySelector('.tools').clientHeight / document.querySelector('.tools > a').clientHeight"
)
LINES = "() => document.querySelector('header').clientHeight / document.querySelector('.tools > a').clientHeight"


async def is_within(page: Page, selector: str, width: int) -> bool:
    """True if all of an element lies between the edges of the screen."""
    box = await page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"] >= 0 and box["x"] + box["width"] <= width


async def test_no_page_is_wider_than_a_phone_and_the_list_shows_what_to_tap(clinic: Clinic, browsers: Browsers) -> None:
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await page.goto(await clinic.service.sign_in_link(TENANT, practitioner="doctor-1"))

    own = [f"/console/{name}" for name in ("sign-in", "step-up", "account", "enrol", "emergency")]
    visits = f"/console/visits/{VIDEO}", f"/console/visits/{VIDEO}/looks"
    for path in ("/", "/j", "/dev/outbox", *own, *visits, "/console"):
        await page.goto(path)
        for width in WIDTHS:
            await page.set_viewport_size(ViewportSize(width=width, height=800))
            assert await page.evaluate(SIDEWAYS) == 0, path
            assert await page.evaluate(LINES) < 3, path
            assert await page.evaluate(ROWS_OF_LINKS) < 2, path

    for width in WIDTHS:
        await page.set_viewport_size(ViewportSize(width=width, height=800))
        assert await is_within(page, "td .button", width)


async def test_at_two_hundred_percent_on_a_phone_long_words_break(clinic: Clinic, browsers: Browsers) -> None:
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await page.set_viewport_size(ViewportSize(width=180, height=400))

    for language in ("de", "uk", "pl"):
        url = clinic.services.settings.base_url
        await page.context.add_cookies([{"name": "lang", "value": language, "url": url}])
        for scene in (scenes.here, scenes.check, scenes.code, scenes.start):
            await scene(page, clinic)
            assert await page.evaluate(SIDEWAYS) == 0, (language, scene.__name__)
