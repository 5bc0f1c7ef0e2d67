"""Calls between two real browsers under the strict content security policy."""

import asyncio
import re
from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from playwright.async_api import Browser, Page

from tests.video.site import until
from tests.video.stage import Stage
from video.messages import Answer, Offer, Relayed
from video.rooms import Rooms

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIRS = [("chromium", "chromium"), ("chromium", "firefox"), ("firefox", "chromium"), ("firefox", "firefox")]


async def open_page(stage: Stage, browser: Browser, *, participant: str) -> Page:
    """A page of this participant, with a browser profile of its own."""
    page = await (await browser.new_context()).new_page()
    stage.pages.append(page)
    await page.goto(f"http://{stage.site.host}/page/call?room=room-1&participant={participant}")
    await until(page, "globalThis.seen?.events.includes('welcome')")
    return page


async def connected(stage: Stage, doctors: Browser, patients: Browser) -> tuple[Page, Page]:
    """Physician and patient in a live call."""
    doctor, patient = await asyncio.gather(
        open_page(stage, doctors, participant="doctor"), open_page(stage, patients, participant="patient")
    )
    stage.site.rooms.admit("room-1")
    for page in (doctor, patient):
        await until(page, "seen.states.includes('live') && seen.words")
    return doctor, patient


async def in_call(stage: Stage) -> tuple[Page, Page]:
    """Physician and patient in a live call, in one browser."""
    return await connected(stage, stage.browser, stage.browser)


@pytest.mark.parametrize("pair", PAIRS)
async def test_two_browsers_see_hear_and_read_each_other(empty: Stage, pair: tuple[str, str]) -> None:
    doctor, patient = await connected(empty, await empty.named(pair[0]), await empty.named(pair[1]))

    for page in (doctor, patient):
        first = await until(page, "seen.stats.framesDecoded")
        assert await until(page, f"seen.stats.framesDecoded > {first} && seen.stats.framesDecoded")
        assert await until(page, "document.getElementById('remote').currentTime > 0.5")
        assert await until(page, "seen.media?.audio && seen.media?.video")
        assert await page.evaluate("seen.errors") == []
    words = await doctor.evaluate("seen.words")
    assert words == await patient.evaluate("seen.words")
    assert len(set(words["words"])) > 1
    for writer, reader, text in ((doctor, patient, "Grüß Gott 👩‍⚕️"), (patient, doctor, "Mir geht’s schön")):
        await writer.locator("#text").press_sequentially(text)
        assert await until(reader, f"Object.values(seen.lines).some(l => l.from !== 'me' && l.text === '{text}')")


async def test_page_that_is_loaded_again_is_back_in_the_call(empty: Stage) -> None:
    doctor, patient = await in_call(empty)
    before = await doctor.evaluate("seen.words")

    for page, other in ((patient, doctor), (doctor, patient)):
        await other.evaluate("seen.words = null")
        await page.reload()
        await until(page, "globalThis.seen?.states.includes('live') && seen.words")
        await until(other, "seen.words && seen.stats.framesDecoded > 0")

        assert await page.evaluate("seen.words") == await other.evaluate("seen.words") != before


async def test_second_tab_takes_the_call_over(empty: Stage) -> None:
    doctor, patient = await in_call(empty)
    await doctor.evaluate("seen.stats = {}")

    second = await patient.context.new_page()
    await second.goto(patient.url)

    await until(second, "globalThis.seen?.states.includes('live') && seen.stats.framesDecoded")
    assert await until(patient, "seen.events.includes('elsewhere') && call.state === 'closed'")
    assert await until(doctor, "call.state === 'live' && seen.stats.framesDecoded")
    assert "refused" not in await second.evaluate("seen.events")


async def test_call_survives_a_lost_signalling_connection_and_a_restart(empty: Stage) -> None:
    doctor, patient = await in_call(empty)
    words = await doctor.evaluate("seen.words")

    empty.site.rooms.close()  # as a restart does
    empty.site.rooms._rooms.clear()

    for page in (doctor, patient):
        assert await until(page, "seen.events.filter(e => e === 'welcome').length === 2")
    assert await until(patient, "seen.events.filter(e => e === 'admitted').length === 2")
    for page in (doctor, patient):
        assert await page.evaluate("[call.state, seen.states.filter(s => s === 'live').length]") == ["live", 1]
        assert await page.evaluate("seen.words") == words


async def test_end_by_the_clinic_ends_the_call_on_both_sides(empty: Stage) -> None:
    doctor, patient = await in_call(empty)

    empty.site.rooms.end("room-1")

    for page in (doctor, patient):
        assert await until(page, "call.state === 'closed' && seen.events.includes('ended')")


async def test_muting_and_switching_the_camera_off_is_told_to_the_other_side(empty: Stage) -> None:
    doctor, patient = await in_call(empty)
    await until(doctor, "seen.media?.audio && seen.media?.video")

    await patient.evaluate("call.mute(true)")
    assert await until(doctor, "seen.media.audio === false && seen.media.video === true")
    await patient.evaluate("call.camera(true); call.mute(false)")

    assert await until(doctor, "seen.media.audio === true && seen.media.video === false")


async def test_screen_photo_and_chat_go_between_two_as_well(empty: Stage) -> None:
    doctor, patient = await in_call(empty)

    await doctor.evaluate("call.share()")
    await until(patient, "look('screen-doctor').color === 'cyan'")
    await doctor.evaluate("call.unshare()")
    await until(patient, "look('screen-doctor').color === ''")
    await patient.evaluate("call.takePhoto().then((blob) => call.sendPhoto(blob)); call.say('So sieht es aus')")

    assert await until(doctor, "seen.photos[0]?.width >= 320 && seen.photos[0].from") == "patient"
    assert await until(doctor, "seen.chats[0]") == {"from": "patient", "text": "So sieht es aus"}


async def test_text_is_seen_within_half_a_second(empty: Stage) -> None:
    doctor, patient = await in_call(empty)
    await doctor.evaluate(
        "call.addEventListener('text', () => { seen.heard = performance.timeOrigin + performance.now(); })"
    )

    sent = await patient.evaluate("(call.type('A'), performance.timeOrigin + performance.now())")

    assert await until(doctor, "seen.heard") - sent < 500


def swapping(kind: type[Offer] | type[Answer]) -> Callable[..., bool]:
    """A relay that replaces the fingerprint in each message of a kind, as a server in between would."""

    def relay(rooms: Rooms, room: str, sender: str, *, message: Relayed) -> bool:
        if isinstance(message, kind):
            other = re.sub(r"(fingerprint:sha-256 )\S\S", r"\1EE", message.sdp)
            message = msgspec.structs.replace(message, sdp=other)
        return Rooms.relay(rooms, room, sender, message=message)

    return relay


async def test_server_that_swaps_the_answers_fingerprint_breaks_the_commitment(
    empty: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty.site.rooms, "relay", partial(swapping(Answer), empty.site.rooms))
    doctor = await open_page(empty, empty.browser, participant="doctor")
    await open_page(empty, empty.browser, participant="patient")

    empty.site.rooms.admit("room-1")

    assert await until(doctor, "seen.events.includes('tampered') && call.state === 'failed'")
    assert await doctor.evaluate("seen.words") is None


async def test_server_that_swaps_the_offers_fingerprint_makes_the_words_differ(
    empty: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty.site.rooms, "relay", partial(swapping(Offer), empty.site.rooms))
    doctor = await open_page(empty, empty.browser, participant="doctor")
    patient = await open_page(empty, empty.browser, participant="patient")

    empty.site.rooms.admit("room-1")

    assert await until(doctor, "seen.words") != await until(patient, "seen.words")
    assert "live" not in await patient.evaluate("seen.states")


async def test_who_has_no_camera_and_no_microphone_still_sees_and_writes(empty: Stage) -> None:
    doctor, patient = await connected(empty, empty.browser, await empty.named("chromium without devices"))

    assert await until(patient, "seen.stats.framesDecoded")
    assert await until(doctor, "seen.media && !seen.media.audio && !seen.media.video")
    await patient.locator("#text").press_sequentially("Ich höre Sie")
    assert await until(doctor, "Object.values(seen.lines).some(l => l.text === 'Ich höre Sie')")


CAPTURE = """
const Real = RTCPeerConnection;
globalThis.opened = [];
globalThis.RTCPeerConnection = class extends Real { constructor(...given) { super(...given); opened.push(this); } };
globalThis.current = () => opened.filter((pc) => pc.signalingState !== "closed").at(-1);
"""
UFRAG = "current().remoteDescription.sdp.match(/ice-ufrag:(.*)/)[1]"


async def captured(stage: Stage) -> tuple[Page, Page]:
    """A live call whose connections the test can reach."""
    doctor, patient = await in_call(stage)
    for page in (doctor, patient):
        await page.add_init_script(CAPTURE)
        await page.evaluate("seen.words = null")
    await asyncio.gather(doctor.reload(), patient.reload())
    for page in (doctor, patient):
        await until(page, "globalThis.seen?.states.includes('live') && seen.words && seen.stats.framesDecoded")
    return doctor, patient


async def test_failed_connection_restarts_ice_within_the_same_call(empty: Stage) -> None:
    doctor, patient = await captured(empty)
    words, before = await doctor.evaluate("seen.words"), await patient.evaluate(UFRAG)

    await doctor.evaluate(
        """() => {
            globalThis.hurt = current();
            Object.defineProperty(hurt, "connectionState", { value: "failed", configurable: true });
            hurt.dispatchEvent(new Event("connectionstatechange"));
        }"""
    )
    assert await until(patient, f"{UFRAG} !== '{before}'")
    await doctor.evaluate("delete hurt.connectionState; hurt.dispatchEvent(new Event('connectionstatechange'))")

    assert await until(doctor, "call.state === 'live'")
    frames = await until(doctor, "seen.stats.framesDecoded")
    assert await until(doctor, f"seen.stats.framesDecoded > {frames}")
    assert [await page.evaluate("seen.words") for page in (doctor, patient)] == [words, words]


async def test_connection_that_is_gone_for_good_is_replaced_by_a_new_call(empty: Stage) -> None:
    doctor, patient = await captured(empty)
    words = await doctor.evaluate("seen.words")

    await patient.evaluate("current().close()")

    for page in (doctor, patient):
        assert await until(
            page,
            f"seen.words && seen.words.digits + seen.words.words !== '{words['digits'] + ','.join(words['words'])}'",
        )
        assert await until(page, "call.state === 'live'")
