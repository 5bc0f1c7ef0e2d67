"""Calls on a bad line, in two Chromium pages: `python -m tests.bench.lines [RUNS [SECONDS [WAYS [LOSSES]]]]`.

For each way (browser to browser, through the unit) and each loss: freezes of the picture and the share of the sound that
was made up, from 3 seconds after the first frame on. Loss is of each direction of each page's line, so it meets twice
what goes through the unit, and twice what crosses between browsers.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from playwright.async_api import Page, async_playwright

from tests.fixtures.browsers import Browsers
from tests.fixtures.participants import Participants
from tests.video.crossing import Crossing
from tests.video.impairment import Line, impaired
from tests.video.site import open_site, until
from tests.video.stage import LOCKED, UNREACHABLE, Stage

LOSSES: Final = {0.0: "none", 0.05: "10 %", 0.15: "28 %"}
"""In each direction, and what it comes to from page to page."""

SETTLED: Final = 3.0
"""Seconds after the first frame: from then on it counts."""


@dataclass(frozen=True)
class Heard:
    """What one page saw and heard over some seconds."""

    way: str
    loss: str
    frozen: int
    froze: float
    concealed: float
    frames: int
    rest: str


async def call(stage: Stage, line: Line, *, way: str, loss: float, seconds: float, room: str) -> list[Heard]:
    """One call of two; what each side got."""
    line.loss = 0.0
    script = UNREACHABLE if way == "unit" else ""
    pages = [await stage.enter(room, who, script=script, camera=True) for who in ("doctor", "patient")]
    for page in pages:
        await until(page, LOCKED if way == "unit" else "globalThis.call?.state === 'live' && seen.path === 'direct'")
        await until(page, "counts().then(({ frames }) => frames > 0)")
    # Between browsers a packet crosses one line, through the unit two.
    line.loss = loss if way == "unit" else 1 - (1 - loss) ** 2
    await asyncio.sleep(SETTLED)
    before = [await counts(page) for page in pages]
    await asyncio.sleep(seconds)
    after = [await counts(page) for page in pages]
    await stage.clear()
    return [heard(way, loss, one, other) for one, other in zip(before, after, strict=True)]


def heard(way: str, loss: float, before: dict[str, Any], after: dict[str, Any]) -> Heard:
    """The difference of two counts."""
    grew = {key: after[key] - before[key] for key in before}
    delay = 1000 * grew["delay"] / max(grew["emitted"], 1)
    rest = f"lost {grew['lost']} repaired {grew['repaired']} asked {grew['asked']} keys {grew['keys']} of {grew['packets']}, {delay:.0f} ms"
    share = grew["concealed"] / max(grew["samples"], 1)
    return Heard(way, LOSSES[loss], grew["frozen"], grew["froze"], share, grew["frames"], rest)


async def counts(page: Page) -> dict[str, Any]:
    """What has come so far."""
    found: dict[str, Any] = await page.evaluate("counts()")
    return found


async def run(runs: int, seconds: float, *, ways: Sequence[str], losses: Sequence[float]) -> list[Heard]:
    """What was heard in all calls; ways and losses take turns."""
    found: list[Heard] = []
    line, crossing = Line(), Crossing()
    crossing.line = line
    async with (
        async_playwright() as playwright,
        open_site(impaired(line)) as through,
        open_site() as straight,
        AsyncExitStack() as stack,
    ):
        await stack.enter_async_context(crossing.between(straight.rooms))
        browsers = Browsers(playwright, Participants(strict=False))
        chromium = await browsers.chromium()
        stages = {"unit": Stage(through, browsers, chromium), "direct": Stage(straight, browsers, chromium)}
        for turn in range(runs):
            for loss in losses:
                for way in ways:
                    room = f"{way}-{turn}-{LOSSES[loss].split()[0]}"
                    both = await call(stages[way], line, way=way, loss=loss, seconds=seconds, room=room)
                    found += both
                    for one in both:
                        print(
                            f"{one.way:7} {one.loss:5} frozen {one.frozen} ({one.froze:.1f} s) concealed {one.concealed:6.2%} frames {one.frames} {one.rest}",
                            flush=True,
                        )
        await browsers.close()
    return found


def main() -> None:
    """Nothing; the figures have been printed."""
    runs, seconds = int(sys.argv[1] if len(sys.argv) > 1 else 10), float(sys.argv[2] if len(sys.argv) > 2 else 10)
    ways = sys.argv[3].split(",") if len(sys.argv) > 3 else ["unit", "direct"]
    losses = [float(one) for one in sys.argv[4].split(",")] if len(sys.argv) > 4 else list(LOSSES)
    found = asyncio.run(run(runs, seconds, ways=ways, losses=losses))
    for way in ways:
        for loss in {one.loss: 0 for one in found}:
            mine = [one for one in found if (one.way, one.loss) == (way, loss)]
            print(
                f"{way}, {loss} lost: {sum(one.frozen for one in mine)} freezes on {len(mine)} pages; "
                f"sound made up: {median(one.concealed for one in mine):.2%}, at worst {max(one.concealed for one in mine):.2%}"
            )


if __name__ == "__main__":
    main()
