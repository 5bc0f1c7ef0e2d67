"""The pre-call check in real browsers: their own media come back through an echo that decodes nothing."""

import asyncio
import threading

import httpx
import pytest

from tests.fixtures.browsers import Browsers
from tests.video.site import Site, until
from tests.video.test_sdp import CHROMIUM
from video.ice import Ice
from video.mirror import Mirror
from video.precheck import Budgeted, ChecksBusy, Precheck


@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_browser_sees_and_hears_itself_through_the_echo(browsers: Browsers, site: Site, name: str) -> None:
    page = await (await browsers.named(name)).new_page()
    await page.goto(f"http://{site.host}/page/precheck")

    verdict = await until(page, "globalThis.seen?.verdict")

    assert await page.evaluate("seen.errors") == []
    assert verdict["frames"] > 20, verdict
    assert verdict["kbps"] > 50, verdict
    assert verdict["loss"] < 0.5, verdict
    assert verdict["camera"]
    assert verdict["microphone"]
    assert verdict["speaker"] == await page.evaluate("seen.played")
    if name == "chromium":  # Firefox starts no AudioContext where the machine has no sound device
        assert await page.evaluate("seen.level") > 0
        assert verdict["speaker"]
    await site.precheck.close()
    assert site.precheck.running == 0


def _decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "decod" in thread.name]


async def test_echo_decodes_nothing(browsers: Browsers, site: Site) -> None:
    page = await (await browsers.chromium()).new_page()
    await page.goto(f"http://{site.host}/page/precheck")
    while not site.precheck.running:  # noqa: ASYNC110 - the session begins in the server's own time
        await asyncio.sleep(0.01)

    assert await until(page, "document.getElementById('remote').currentTime > 1")
    assert _decoders() == []


async def test_check_without_a_ticket_is_refused(site: Site) -> None:
    async with httpx.AsyncClient(base_url=f"http://{site.host}") as client:
        refused = await client.post("/video/precheck", json={"ticket": "no.ticket", "sdp": CHROMIUM})
        damaged = await client.post("/video/precheck", content=b"{")
        useless = await client.post("/video/precheck", json={"ticket": site.ticket("patient"), "sdp": "v=0"})
        large = await client.post("/video/precheck", json={"ticket": "", "sdp": "x" * 90_000})

    assert [answer.status_code for answer in (refused, damaged, useless, large)] == [401, 400, 422, 413]
    assert site.precheck.running == 0


async def test_session_that_nobody_connects_to_ends_by_itself() -> None:
    precheck = Precheck(Ice(), addresses=("127.0.0.1",), longest=0.2)

    await precheck.open("room/patient", CHROMIUM)
    session = precheck._sessions["room/patient"]
    await asyncio.wait_for(session, 5)

    assert precheck.running == 0


async def test_second_check_of_a_participant_ends_the_first_and_their_number_is_bounded() -> None:
    precheck = Precheck(Ice(), addresses=("127.0.0.1",), most=1)
    try:
        await precheck.open("room/patient", CHROMIUM)
        await precheck.open("room/patient", CHROMIUM)
        assert precheck.running == 1

        with pytest.raises(ChecksBusy):
            await precheck.open("room/another", CHROMIUM)
    finally:
        await precheck.close()


def test_echo_stops_when_its_bytes_are_used_up() -> None:
    packet = bytes([0x80, 96]) + bytes(98)
    echo = Budgeted(Mirror({96: 1}), budget=250)

    assert [echo.rtp(packet) is not None for _ in range(4)] == [True, True, False, False]
    assert echo.rtcp(packet) is None
