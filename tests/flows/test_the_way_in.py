"""From the letter in the hand to the waiting room: how many taps, with the keyboard alone, and what goes over the wire."""

import asyncio
from collections.abc import Mapping

from playwright.async_api import Page, expect

from tests.fixtures.browsers import Browsers
from tests.flows.pages import PATIENCE, open_page
from tests.flows.test_every_page import DESKTOP
from tests.telemed.visits.clinic import VIDEO, Clinic

MOST_TAPS = 6
MOST_BYTES = 25_000
MOST_KEYS = 60
# The picture of the other side is the robot's face: its light skin in the middle, the night around it.
ROBOTS_FACE = """() => {
  const video = document.querySelector("[data-part=remote]");
  if (!video?.videoWidth) return false;
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const paint = canvas.getContext("2d");
  paint.drawImage(video, 0, 0, 320, 240);
  const near = (x, y, rgb) => rgb.every((part, at) => Math.abs(part - paint.getImageData(x, y, 1, 1).data[at]) < 40);
  return near(160, 76, [0x9c, 0xc7, 0xff]) && near(10, 10, [0x12, 0x32, 0x4f]);
}"""


async def tap(page: Page, selector: str, taps: list[str]) -> None:
    """One tap of a finger."""
    taps.append(selector)
    await page.click(selector)


async def test_an_eighty_year_old_needs_six_taps_at_most(clinic: Clinic, browsers: Browsers) -> None:
    watched = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    page, taps = watched.page, ["the address in the letter"]
    await page.goto("/j")
    await tap(page, "#code", taps)
    await page.keyboard.type(clinic.code)
    await page.keyboard.press("Tab")
    await page.keyboard.type("14.03.1951")
    await tap(page, "main form button.primary", taps)
    await tap(page, "main form button.primary", taps)
    await tap(page, "#start-check", taps)

    await tap(page, "#enter", taps)

    await expect(page.locator("#wait")).to_be_visible()
    print(f"taps from the letter to the waiting room: {len(taps)}")
    assert len(taps) <= MOST_TAPS
    assert watched.faults == []


async def test_what_goes_over_the_wire_to_the_waiting_room(clinic: Clinic, browsers: Browsers) -> None:
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    session = await page.context.new_cdp_session(page)
    sizes: dict[str, float] = {}
    urls: dict[str, str] = {}
    until_waiting = [True]

    def asked(event: Mapping[str, object]) -> None:
        request = event["request"]
        assert isinstance(request, dict)
        urls[str(event["requestId"])] = str(request["url"])

    def loaded(event: Mapping[str, object]) -> None:
        size = event["encodedDataLength"]
        assert isinstance(size, int | float)
        if until_waiting[0]:
            sizes[str(event["requestId"])] = size

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", loaded)
    await session.send("Network.enable")
    await page.goto(f"/j#{clinic.code}")
    await page.fill("#birth_date", "14.03.1951")
    await page.click("main form button.primary")
    await page.click("main form button.primary")
    await page.click("#without")
    await expect(page.locator("#wait")).to_be_visible()
    until_waiting[0] = False

    # Headers included: a policy of 400 bytes stands on each page of ours.
    total = sum(sizes.values())
    print(f"over the wire, with headers: {total:.0f} bytes in {len(sizes)} answers")
    assert total <= MOST_BYTES
    assert not any("call.js" in urls[id] or "group.js" in urls[id] for id in sizes)


async def press_to(page: Page, selector: str) -> None:
    """Nothing; the focus is where it should be, after no more keys than anybody has patience for."""
    for _ in range(MOST_KEYS):
        if await page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            assert await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") != "none", (
                selector
            )
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


async def test_the_whole_way_goes_with_the_keyboard_alone(clinic: Clinic, browsers: Browsers) -> None:
    page = (await open_page(await browsers.chromium(), clinic.services.settings.base_url)).page
    await page.goto("/j")
    await press_to(page, ".menu summary")
    await press_to(page, "#code")
    await page.keyboard.type(clinic.code)
    await press_to(page, "#birth_date")
    await page.keyboard.type("14.03.1951")
    await page.keyboard.press("Enter")
    await expect(page.locator("#place")).to_be_visible()
    await press_to(page, "#here-relative")
    await page.keyboard.press("Space")
    await press_to(page, "main form button.primary")
    await page.keyboard.press("Enter")
    await expect(page.locator("#start-check")).to_be_enabled()
    await press_to(page, "#start-check")
    await page.keyboard.press("Enter")
    await expect(page.locator("#enter")).to_be_visible()
    await press_to(page, "#enter")

    await page.keyboard.press("Enter")

    await expect(page.locator("#wait h1")).to_be_focused()
    told = (await (await clinic.clinician()).get(f"/console/visits/{VIDEO}/here")).json()
    assert told["people"] == ["Die Patientin oder der Patient", "Jemand aus der Familie oder dem Freundeskreis"]


async def test_the_robot_answers_and_lets_nobody_else_in(clinic: Clinic, browsers: Browsers) -> None:
    watched = await open_page(await browsers.chromium(), clinic.services.settings.base_url)
    page = watched.page
    await page.set_viewport_size(DESKTOP)
    await page.goto("/practice")
    await page.click("#start-check")
    await page.click("#enter")
    await expect(page.locator("[data-part=lines] .peer")).to_contain_text("Ich bin ein Roboter")
    await expect(page.locator("[data-part=lines] .peer b")).to_contain_text("Der Übungsroboter")
    await page.locator("#typing").press_sequentially("Moin")

    await page.locator("#typing").press("Enter")

    await expect(page.locator("[data-part=lines] .peer").last).to_contain_text("Sie haben geschrieben: Moin")
    await expect(page.locator("[data-part=lock]")).to_be_visible()
    async with asyncio.timeout(PATIENCE):
        while not await page.evaluate(ROBOTS_FACE):  # noqa: ASYNC110  a picture has no event
            await asyncio.sleep(0.05)
    assert watched.faults == []
    sent = [url for url in watched.requests if "/assets/" not in url]
    assert {url.rpartition("/")[2] for url in sent} == {"practice", "join"}
