"""Other browsers, more people and bad lines: calls through the unit that differ from the usual three."""

import pytest

from tests.effort import EFFORT
from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.video.impairment import Line, impaired
from tests.video.site import open_site, until
from tests.video.stage import LOCKED, Call, Stage

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


@pytest.mark.parametrize("loss", [0.05, 0.15])
async def test_sound_and_picture_survive_a_bad_line(participants: Participants, loss: float) -> None:
    async with open_browsers(participants) as browsers, open_site(impaired(Line(loss=loss))) as site:
        stage = Stage(site, browsers, await browsers.chromium())
        call = await stage.call("doctor", "patient", script="RTCPeerConnection.prototype.addIceCandidate = async () => {};")
        patient = call.pages["patient"]
        before = await patient.evaluate(CONCEALED)
        frames = await patient.evaluate("seen.stats.framesDecoded")

        await until(patient, f"seen.stats.framesDecoded > {frames} + 50")

        after = await patient.evaluate(CONCEALED)
        share = (after[0] - before[0]) / (after[1] - before[1])
        print("loss", loss, "concealed", share)
        assert share < 0.08


CONCEALED = """globalThis.call && (async () => {
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
