"""Three people through the forwarding unit, in real browsers, encrypted from page to page."""

import pytest

from tests.video.site import until
from tests.video.stage import LOCKED, Call, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_three_see_each_others_own_pictures_and_hear_each_other(trio: Call) -> None:
    await trio.see_each_other()

    await trio.all("Object.values(seen.speaking).filter(Boolean).length >= 1")
    for page in trio.pages.values():
        assert await page.evaluate("[seen.errors, seen.tampered, seen.lock]") == [[], None, True]
        assert await page.evaluate("Object.keys(seen.remotes).length") == 2


async def test_all_have_the_same_words_about_the_same_three(trio: Call) -> None:
    found = [await page.evaluate("seen.words") for page in trio.pages.values()]

    assert len({(*words["words"], words["digits"]) for words in found}) == 1
    for words in found:
        assert sorted(one["id"] for one in words["participants"]) == ["daughter", "doctor", "patient"]


async def test_typed_text_is_seen_by_all_others_within_half_a_second(trio: Call) -> None:
    writer, *readers = (trio.pages[who] for who in ("patient", "doctor", "daughter"))
    for page in readers:
        await page.evaluate(
            "call.addEventListener('text', ({ detail }) => { seen.heard = [detail.text, performance.timeOrigin + performance.now()]; })"
        )

    sent = await writer.evaluate("(call.type('Grüß Gott 👩‍⚕️'), performance.timeOrigin + performance.now())")

    for page in readers:
        text, at = await until(page, "seen.heard")
        assert text == "Grüß Gott 👩‍⚕️"
        assert at - sent < 500


async def test_lines_typed_letter_by_letter_arrive_whole(trio: Call) -> None:
    await trio.pages["daughter"].locator("#text").press_sequentially("Mama hört schlecht", delay=5)
    await trio.pages["daughter"].evaluate("call.commit()")

    for who in ("doctor", "patient"):
        line = await until(trio.pages[who], "Object.values(seen.lines).find((l) => l.from === 'daughter' && l.done)")
        assert line["text"] == "Mama hört schlecht"


async def test_chat_and_a_sharp_photo_reach_all_and_nobody_else_could_read_them(trio: Call, stage: Stage) -> None:
    said: list[str] = []
    relay = stage.site.rooms.relay
    stage.site.rooms.relay = lambda *given, **named: (said.append(named["message"].data), relay(*given, **named))[1]  # type: ignore[method-assign, func-returns-value]
    try:
        await trio.pages["patient"].evaluate(
            """async () => {
                call.say("Der Fleck am Arm");
                const canvas = Object.assign(document.createElement("canvas"), { width: 2400, height: 1200 });
                const paint = canvas.getContext("2d");
                paint.fillStyle = "rgb(30 170 30)";
                paint.fillRect(0, 0, 2400, 1200);
                for (let at = 0; at < 2400; at += 3) { paint.fillStyle = `hsl(${at * 7} 60% 50%)`; paint.fillRect(at, 300, 2, 300); }
                await call.sendPhoto(await new Promise((done) => canvas.toBlob(done, "image/png")));
            }"""
        )
        for who in ("doctor", "daughter"):
            assert await until(trio.pages[who], "seen.chats[0]?.text") == "Der Fleck am Arm"
            size = await until(
                trio.pages[who], "seen.photos[0] && [seen.photos[0].width, seen.photos[0].height, seen.photos[0].from]"
            )
            assert size == [1600, 800, "patient"]
            corner = await trio.pages[who].evaluate(
                """async () => {
                    const picture = await createImageBitmap(seen.photos[0].blob), canvas = new OffscreenCanvas(1, 1);
                    canvas.getContext("2d").drawImage(picture, 0, 0);
                    return [picture.width, ...canvas.getContext("2d").getImageData(0, 0, 1, 1).data];
                }"""
            )
            assert corner[0] == 1600
            assert abs(corner[2] - 170) < 12
    finally:
        stage.site.rooms.relay = relay  # type: ignore[method-assign]

    assert said
    assert {data[:1] for data in said} == {"A"}
    assert {data[:2] for data in said} <= {"AQ", "AA"}, "byte 1 is sealed"


async def test_muting_and_holding_by_the_clinic_is_done_and_told(trio: Call) -> None:
    doctor, patient = trio.pages["doctor"], trio.pages["patient"]

    await doctor.evaluate("call.muteOther('patient')")
    assert await until(patient, "seen.notices.find((one) => one.key === 'muted')?.by") == "doctor"
    await until(doctor, "seen.media?.id === 'patient' && !seen.media.audio && seen.media.video")
    await patient.evaluate("call.mute(false)")
    await until(doctor, "seen.media.audio")

    await doctor.evaluate("call.hold(true)")
    await until(patient, "seen.notices.some((one) => one.key === 'held') && seen.media?.held")
    await until(patient, "look('doctor').color === ''")
    await doctor.evaluate("call.hold(false)")
    await until(patient, "seen.notices.at(-1).key === 'resumed'")
    await trio.see_each_other()


async def test_patient_can_neither_mute_nor_hold_the_others(trio: Call) -> None:
    await trio.pages["patient"].evaluate("call.muteOther('doctor'); call.say('fertig')")

    await until(trio.pages["doctor"], "seen.chats.at(-1)?.text === 'fertig'")
    assert await trio.pages["doctor"].evaluate("seen.notices.length") == 0


async def test_screen_of_the_clinic_is_shown_beside_its_camera_until_it_ends(trio: Call) -> None:
    doctor, others = trio.pages["doctor"], [trio.pages["patient"], trio.pages["daughter"]]

    await doctor.evaluate("call.share()")

    for page in others:
        await until(page, "look('screen-doctor').color === 'cyan' && look('doctor').color === 'red'")
    await doctor.evaluate("call.unshare()")
    for page in others:
        await until(page, "look('screen-doctor').color === ''")
    assert await doctor.evaluate("[seen.lock, seen.tampered]") == [True, None]


async def test_lost_signalling_changes_neither_pictures_nor_words(trio: Call, stage: Stage) -> None:
    words = await trio.pages["doctor"].evaluate("seen.words")

    stage.site.drop(trio.room)

    await trio.all("seen.events.filter((one) => one === 'welcome').length === 2")
    await trio.all("seen.lock && call.state === 'live'")
    await trio.see_each_other()
    assert [await page.evaluate("seen.words.digits") for page in trio.pages.values()] == [words["digits"]] * 3


async def test_new_connection_to_the_unit_keeps_keys_and_words(trio: Call, stage: Stage) -> None:
    words = await trio.pages["doctor"].evaluate("seen.words")

    await stage.site.another_unit()
    for page in trio.pages.values():
        await page.evaluate(
            "seen.remotes = {}; document.querySelectorAll('video').forEach((one) => { one.srcObject = null; })"
        )

    await trio.all(f"{LOCKED} && Object.keys(seen.remotes).length === 2")
    await trio.see_each_other()
    assert [await page.evaluate("seen.words.digits") for page in trio.pages.values()] == [words["digits"]] * 3


async def test_removed_participant_is_out_and_the_others_go_on_with_new_keys(trio: Call) -> None:
    doctor, patient, daughter = (trio.pages[who] for who in ("doctor", "patient", "daughter"))
    words = await doctor.evaluate("seen.words.digits")

    await doctor.evaluate("call.remove('daughter')")

    await until(daughter, "seen.events.includes('removed') && call.state === 'closed'")
    for page in (doctor, patient):
        await until(page, "!('daughter' in seen.remotes)")
    await until(patient, f"look('doctor').color === 'red' && {LOCKED}")
    assert await doctor.evaluate("seen.words.digits") == words
