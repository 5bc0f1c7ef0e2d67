"""From the click that joins to the first picture of the other side: `python -m tests.bench.joins [TIMES]`.

The other side is there already and lets in at once whoever comes, as a physician does who is waiting. The clock is the
page's own: from the click to the moment at which a picture that was decoded is handed to the screen.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from playwright.async_api import async_playwright

from tests.bench import bars
from tests.bench.figures import Figure, limited
from tests.fixtures.browsers import Browsers
from tests.fixtures.participants import Participants
from tests.video.site import Site, open_site, until
from tests.video.stage import LOCKED, Stage
from video.rooms import Kind

TIMES: Final = 10
RESIDENTS: Final = {"direct": ("doctor",), "unit": ("doctor", "daughter")}
"""Who is there before: with one other a call goes directly, with two through the unit."""

JOINED: Final = "globalThis.seen?.first && seen.first - seen.clicked"


async def admitting(site: Site) -> None:
    """Let in everybody who waits, for as long as this runs."""
    async with site.rooms.watch() as events:
        async for event in events:
            if event.kind is Kind.WAITING:
                site.rooms.admit(event.room, event.participant)


async def join(stage: Stage, way: str) -> float:
    """Seconds of one join; the one who came leaves again."""
    page = await stage.open(way, "patient", query="&click=1")
    await until(page, "globalThis.seen")
    await page.click("#join")
    seconds = float(await until(page, JOINED)) / 1000
    path = await page.evaluate("call.path")
    assert path == "direct" or await until(page, LOCKED), "a call through the unit is sealed"
    await page.evaluate("call.hangUp()")
    await page.context.close()
    stage.pages.remove(page)
    return seconds


async def measure(times: int) -> dict[str, list[float]]:
    """Seconds of so many joins by each way."""
    found: dict[str, list[float]] = {way: [] for way in RESIDENTS}
    async with async_playwright() as playwright, open_site() as site:
        browsers = Browsers(playwright, Participants(strict=False))
        stage = Stage(site, browsers, await browsers.chromium())
        waiter = asyncio.create_task(admitting(site))
        for way, residents in RESIDENTS.items():
            for who in residents:
                await until(await stage.open(way, who), "globalThis.seen?.events.includes('admitted')")
            await join(stage, way)  # the first one loads modules, and moves the residents to the unit
            for _ in range(times):
                found[way].append(await join(stage, way))
            await stage.clear()
        waiter.cancel()
        await browsers.close()
    return found


def figures(found: Mapping[str, Sequence[float]]) -> list[Figure]:
    """A line for each way."""
    names = {"direct": "browser to browser", "unit": "through the unit"}
    return [
        limited(f"from click to first picture, {names[way]}", median(seconds), "s", most=bars.JOIN)
        for way, seconds in found.items()
    ]


def main() -> None:
    """Nothing; the figures have been printed."""
    for way, seconds in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else TIMES)).items():
        order = sorted(seconds)
        print(f"{way}: {len(order)} joins, p50 {median(order):.2f} s, fastest {order[0]:.2f}, slowest {order[-1]:.2f}")


if __name__ == "__main__":
    main()
