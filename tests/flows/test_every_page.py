"""Every page and state in every language: nothing serious for axe, nothing cut off, and a picture of each is kept."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, ViewportSize

from infra.settings import Environment
from telemed.pages.languages import LANGUAGES, RIGHT_TO_LEFT
from tests.effort import EFFORT
from tests.fixtures.axe import Axe
from tests.fixtures.browsers import Browsers
from tests.flows.looking import Looking
from tests.flows.pages import PATIENCE
from tests.flows.scenes import SCENES, Scene
from tests.flows.test_narrow_screens import SIDEWAYS
from tests.telemed.visits.clinic import Clinic

PHONE, SMALL, DESKTOP = (ViewportSize(width=w, height=h) for w, h in ((390, 800), (320, 640), (1280, 800)))
# Every scene is looked at, half of them in German and half in the language that is written from the right; the others
# differ in words only, and are read where there are most. With more effort: everything in every language.
IN_FULL = {"de": SCENES[::2], "ar": SCENES[1::2]}
FOR_WORDS = tuple(scene for scene in SCENES if scene.name in {"here", "practice"})
# Words of a button or a heading that stand outside of what holds them.
CUT_OFF = """() => [...document.querySelectorAll("main button, main .button, main h1, main p, main label, .top a, summary, .lines, .lines li")]
  .filter(each => each.checkVisibility() && !each.closest(".unseen, .menu ul") && !each.classList.contains("unseen"))
  .filter(each => { const box = each.getBoundingClientRect();
    return box.left < -1 || box.right > innerWidth + 1 || each.scrollWidth > each.clientWidth + 2 && getComputedStyle(each).display !== "inline"; })
  .map(each => each.outerHTML.slice(0, 120))"""


async def new_page(browser: Browser, clinic: Clinic, scene: Scene, *, language: str) -> Page:
    """A phone that reads this language and may lack something."""
    base = clinic.services.settings.base_url
    context = await browser.new_context(base_url=base, viewport=PHONE, locale="de-DE")
    context.set_default_timeout(PATIENCE * 1000)
    await context.add_cookies([{"name": "lang", "value": language, "url": base}])
    if scene.script:
        await context.add_init_script(scene.script)
    return await context.new_page()


async def look(page: Page, scene: Scene, language: str, *, axe: Axe, folder: Path) -> list[str]:
    """What is wrong with a scene, on both screens and in both schemes; its pictures lie in the folder."""
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        found += [f"{scene.name} {language} {scheme}: {line}" for line in await axe.serious(page)]
        for screen, size in (("phone", PHONE), ("desktop", DESKTOP)):
            await page.set_viewport_size(size)
            await page.screenshot(path=folder / f"{scene.name}-{language}-{screen}-{scheme}.png", full_page=True)
    return found + await fits(page, scene, language)


async def read(page: Page, scene: Scene, language: str, *, axe: Axe) -> list[str]:
    """What is wrong with the words of a scene: colours and pictures are the same in every language."""
    found = [f"{scene.name} {language}: {line}" for line in await axe.serious(page)]
    return found + await fits(page, scene, language)


async def fits(page: Page, scene: Scene, language: str) -> list[str]:
    """What does not fit on the smallest phone."""
    await page.set_viewport_size(SMALL)
    wide = ["wider than a small phone"] if await page.evaluate(SIDEWAYS) else []
    return [f"{scene.name} {language}: {each}" for each in [*wide, *(await page.evaluate(CUT_OFF))]]


def outside_the_demo(clinic: Clinic) -> None:
    """Nothing; without a camera there is no test picture, as in earnest."""
    services = clinic.services
    changed = services.settings.model_copy(update={"environment": Environment.PRODUCTION})
    object.__setattr__(services, "settings", changed)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_can_be_read_by_everybody(
    clinic: Clinic, browsers: Browsers, looking: Looking, language: str
) -> None:
    axe, folder = looking
    outside_the_demo(clinic)
    browser, found = await browsers.chromium(), []
    in_full = language in IN_FULL or EFFORT >= 2
    for scene in SCENES if EFFORT >= 2 else IN_FULL.get(language, FOR_WORDS):
        page = await new_page(browser, clinic, scene, language=language)
        await scene.open(page, clinic)
        assert await page.get_attribute("html", "lang") == language
        assert await page.get_attribute("html", "dir") == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
        if in_full:
            found += await look(page, scene, language, axe=axe, folder=folder)
        else:
            found += await read(page, scene, language, axe=axe)
        await page.context.close()

    assert found == []
