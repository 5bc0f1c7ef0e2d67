"""Other browsers, more people and bad lines: calls through the unit that differ from the usual three."""

from typing import Final

import pytest
from playwright.async_api import Page

from tests.effort import EFFORT
from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.video.impairment import Line, impaired
from tests.video.site import open_site, until
from tests.video.stage import LOCKED, UNREACHABLE, Call, Stage

SECONDS: Final = 5
BARS: Final = {0.15: 0.08} if EFFORT < 2 else {0.05: 0.03, 0.15: 0.08}
"""Loss in each direction, so about 10 and 28 % from page to page; and how much of the sound may be made up."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_firefox_and_chromium_in_one_group(empty: Stage) -> None:
    firefox = await empty.browsers.firefox()
    pages = {
        "doctor": await empty.enter("mixed", "doctor"),
        "patient": await empty.enter("mixed", "patient", browser=firefox),
        "daughter": await empty.enter("mixed", "daughter"),
    }
    call = Call("mixed", pages)

    await call.all(f"{LOCKED} && seen.words.participants.length === 3")
    await call.see_each_other()
    await firefox.close()


@pytest.mark.skipif(EFFORT < 2, reason="five pages at once take both cores for a minute; done by make soak")
async def test_five_see_each_other(empty: Stage) -> None:
    call = await empty.call("doctor", "patient", "daughter", "nurse", "interpreter")

    await call.see_each_other()


async def test_sound_survives_a_bad_line_and_the_call_a_dead_one(participants: Participants) -> None:
    line = Line()
    async with open_browsers(participants) as browsers, open_site(impaired(line)) as site:
        stage = Stage(site, browsers, await browsers.chromium())
        call = await stage.call("doctor", "patient", script=UNREACHABLE)
        words = await call.pages["doctor"].evaluate("seen.words.digits")

        for loss, most in BARS.items():
            line.loss = loss
            assert await _concealed(call.pages["patient"]) < most, loss
        line.loss = 1.0
        await call.all("seen.states.includes('reconnecting')")
        line.loss = 0.0

        await call.all(LOCKED)
        await call.pages["patient"].evaluate("call.retryVideo()")
        await call.pages["doctor"].evaluate("call.retryVideo()")
        await call.see_each_other()
        assert await call.pages["patient"].evaluate("seen.words.digits") == words


async def _concealed(page: Page) -> float:
    """The share of sound that was made up, over some seconds."""
    concealed, received = await page.evaluate(CONCEALED)
    await until(page, f"({CONCEALED}).then(([, samples]) => samples > {received + 48_000 * SECONDS})")
    after = await page.evaluate(CONCEALED)
    share: float = (after[0] - concealed) / (after[1] - received)
    return share


CONCEALED: Final = """(async () => {
    const sums = [0, 0];
    for (const pc of connections.filter((one) => one.connectionState === "connected")) {
        for (const report of (await pc.getStats()).values()) {
            if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
            sums[0] += report.concealedSamples - report.silentConcealedSamples;
            sums[1] += report.totalSamplesReceived;
        }
    }
    return sums;
})()"""
