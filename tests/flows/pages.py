"""A patient's and a clinic's browser, and what can be seen in them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

T = TypeVar("T")
PATIENCE = 30.0
expect.set_options(timeout=PATIENCE * 1000)
# Firefox reports the style that its screenshots inject; nothing of ours.
FOREIGN = ("screenshot",)

# Firefox counts no frames of a stream in getVideoPlaybackQuality; the page shows what the connection decoded.
FRAMES = "stage => Number(stage.dataset.frames ?? 0)"
# A few points of the picture; enough to see that it moves, whatever it shows.
POINTS = """video => {
  const canvas = document.createElement("canvas");
  canvas.width = 16; canvas.height = 12;
  const paint = canvas.getContext("2d");
  paint.drawImage(video, 0, 0, 16, 12);
  return Array.from(paint.getImageData(0, 0, 16, 12).data).join(",");
}"""


class Watched:
    """A page, and everything on it that should not happen."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._base = base
        page.on("pageerror", lambda error: self._fault(str(error)))
        page.on("console", self._console)
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._fault(message.text)

    def _fault(self, text: str) -> None:
        # A refused sign-in is an answer, not a fault of the page.
        if "401" not in text and not any(word in text for word in FOREIGN):
            self.faults.append(text)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self._base, "blob:", "data:")):
            self.faults.append(f"asked elsewhere: {request.url}")


async def open_page(browser: Browser, base: str, *, language: str = "de-DE") -> Watched:
    """A new page with cookies of its own."""
    context: BrowserContext = await browser.new_context(base_url=base, locale=language)
    context.set_default_timeout(PATIENCE * 1000)
    return Watched(await context.new_page(), base)


async def open_visit(page: Page, *, code: str, birth_date: str = "14.03.1951") -> None:
    """From the link of the mail to the device check, as a person would go."""
    await page.goto(f"/j#{code}")
    await expect(page.locator("#code")).to_have_value(code)
    await page.fill("#birth_date", birth_date)
    await page.click("main form button.primary")
    await expect(page.locator("#place")).to_be_visible()
    await page.click("main form button.primary")
    await expect(page.locator("#check")).to_be_visible()


async def check_and_wait(page: Page) -> None:
    """Through the whole device check, echo included, into the waiting room."""
    await page.click("#start-check")
    # A busy machine is no good network; only "none" would mean that nothing came back.
    await expect(page.locator("#network")).to_have_attribute("data-verdict", re.compile("good|fair|audio"))
    await hurry_to_waiting_room(page)


async def hurry_to_waiting_room(page: Page) -> None:
    """Into the waiting room without waiting for the verdict on the connection."""
    if await page.locator("#enter").is_hidden():
        await page.click("#start-check")
    await page.click("#enter")
    await expect(page.locator("#wait")).to_be_visible()


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """What is seen as soon as it is good; a page under a strict policy can't be waited for otherwise."""
    async with asyncio.timeout(PATIENCE):
        while not good(found := await look()):  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(0.1)
        return found


async def require_moving_picture(page: Page) -> None:
    """Nothing; frames of the other side are decoded, and what they show changes."""
    remote, stage = page.locator("[data-part=remote]"), page.locator("[data-part=stage]")
    decoded: int = await eventually(lambda: stage.evaluate(FRAMES), lambda frames: frames > 5)
    await eventually(lambda: stage.evaluate(FRAMES), lambda frames: frames > decoded + 5)
    seen = await remote.evaluate(POINTS)
    await eventually(lambda: remote.evaluate(POINTS), lambda points: points != seen)


async def words_of(page: Page) -> str:
    """The check words and digits on this side, once they are there."""
    parts = page.locator("[data-part=words], [data-part=digits]")
    found = await eventually(parts.all_inner_texts, lambda texts: len(texts[0].split()) == 4 and bool(texts[1]))
    return " ".join(found)
