"""The forwarding unit over real sockets: who gets whose frames, and that only sealed ones go anywhere."""

import asyncio
from dataclasses import replace

import pytest

from tests.video.calling import KEY_FRAME, Camera, calls
from tests.video.impairment import Line, impaired
from video import datagrams
from video.messages import Again, Refused, UnitAnswer, UnitOffer, Want, Wanted
from video.unit import ForwardingUnit


async def test_two_see_and_hear_each_other() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")
        first, second = Camera(anna), Camera(bert)

        def both() -> None:
            first()
            second()

        await anna.until(lambda: len(anna.got("video", "bert")) > 5 and len(bert.got("video", "anna")) > 5, doing=both)

        assert anna.got("audio", "bert")
        assert bert.got("audio", "anna")
        assert bert.got("video", "anna")[0].startswith(KEY_FRAME)


async def test_calls_share_one_port_and_a_kernel_without_batches_serves_them_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagrams, "_system", lambda own: None)
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")
        camera = Camera(anna, bert)
        await anna.until(lambda: anna.got("audio", "bert") and bert.got("video", "anna"), doing=camera)

        ports = {one.path.address for one in made.unit._calls.values()}  # type: ignore[attr-defined]  # in this process
        assert len(ports) == 1


async def test_plain_frames_go_nowhere_and_their_sender_is_told() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")

        def plain() -> None:
            anna.media.picture_as_it_is(KEY_FRAME, ts=3000)

        await anna.until(lambda: anna.heard(Refused), doing=plain)

        assert anna.heard(Refused) == [Refused("plain", "c1")]
        assert bert.sealed == []


async def test_third_person_is_bound_without_a_new_answer_and_leaves_without_one() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")
        carl = await made.call("carl")
        camera = Camera(anna, bert, carl)

        await anna.until(lambda: anna.got("audio", "carl") and carl.got("video", "anna"), doing=camera)
        assert anna.bound == {0: "bert", 1: "carl"}
        made.unit.leave("r", "bert")  # type: ignore[attr-defined]  # a unit in this process can do more
        await anna.until(lambda: anna.bound == {1: "carl"}, doing=camera)

        assert len(anna.heard(UnitAnswer)) == 1
        anna.frames.clear()
        await anna.until(lambda: anna.got("audio", "carl"), doing=camera)
        assert not anna.got("audio", "bert")


async def test_small_layer_is_sent_to_who_wants_it_and_nothing_to_who_looks_away() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna", layers=True), await made.call("bert")
        camera = Camera(anna, keys=("h", "l"))
        await bert.until(lambda: any(b"h" in frame[-5:] for frame in bert.got("video", "anna")), doing=camera)

        made.unit.view("r", "bert", want={"anna": Want.LOW})
        await bert.until(lambda: bert.got("video", "anna")[-1][-5:-4] == b"l", doing=camera)
        await anna.until(lambda: anna.heard(Wanted)[-1:] == [Wanted(high=False, low=True, screen=False)], doing=camera)
        made.unit.view("r", "bert", want={"anna": Want.OFF})
        await anna.until(lambda: anna.heard(Wanted)[-1:] == [Wanted(high=False, low=False, screen=False)], doing=camera)

        bert.frames.clear()
        await bert.until(lambda: len(bert.got("audio", "anna")) > 3, doing=camera)
        assert not bert.got("video", "anna")


async def test_picture_that_has_not_begun_is_wanted_as_soon_as_somebody_is_there_to_look() -> None:
    async with calls() as made:
        anna = await made.call("anna")
        await anna.until(lambda: anna.heard(Wanted))
        assert anna.heard(Wanted) == [Wanted(high=False, low=False, screen=False)]

        await made.call("bert")

        await anna.until(lambda: len(anna.heard(Wanted)) > 1)
        assert anna.heard(Wanted)[-1] == Wanted(high=True, low=True, screen=False)


async def test_screen_is_shown_in_the_section_of_its_own() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna", screen=True), await made.call("bert")

        await bert.until(lambda: bert.got("screen", "anna"), doing=Camera(anna, keys=("screen",)))

        assert bert.bound[-1] == "anna"
        assert -1 not in anna.bound


async def test_other_address_after_an_ice_restart_goes_on_under_the_same_keys() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")
        camera = Camera(anna, bert)
        await anna.until(lambda: anna.got("video", "bert") and bert.got("video", "anna"), doing=camera)

        offer = await anna.media.offer_again()
        made.unit.offer("r", "anna", message=UnitOffer("c1", offer, anna.kid))
        await anna.until(lambda: len(anna.heard(UnitAnswer)) == 2, doing=camera)
        before = anna.media.address
        anna.media.move(await made.answered(anna, "c1"))
        await anna.until(lambda: anna.media.address != before, doing=camera)
        anna.frames.clear()
        bert.frames.clear()

        await anna.until(lambda: anna.got("audio", "bert") and bert.got("audio", "anna"), doing=camera)
        assert bert.bound == {0: "anna"}


@pytest.mark.parametrize("steps", range(0, 16, 2))
async def test_room_that_ends_just_before_the_process_does_leaves_no_socket_open(steps: int) -> None:
    async with calls() as made:
        await made.call("anna")
        unit = made.unit
        assert isinstance(unit, ForwardingUnit)
        path = unit._calls["r", "anna"].path

        unit.end("r")
        for _ in range(steps):
            await asyncio.sleep(0)
        await unit.close()

        assert path._gatherer._connection._protocols == []


async def test_key_id_of_somebody_else_is_refused() -> None:
    async with calls() as made:
        anna = await made.call("anna")
        made.people["bert"], other = anna, anna.made()
        made.unit.offer("r", "bert", message=UnitOffer("c9", await other.offer(), anna.kid))
        await anna.until(lambda: anna.heard(Refused))
        await other.close()

        assert anna.heard(Refused) == [Refused("kid", "c9")]


async def test_offer_that_is_none_is_refused() -> None:
    async with calls() as made:
        anna = await made.call("anna")
        made.unit.offer("r", "anna", message=UnitOffer("c9", "v=0", anna.kid))
        await anna.until(lambda: anna.heard(Refused))

        assert anna.heard(Refused) == [Refused("offer", "c9")]


@pytest.mark.parametrize("lost", [0.05, 0.15])
async def test_sound_comes_through_a_line_that_loses_packets(lost: float) -> None:
    line = Line(loss=lost, jitter=0.005)
    async with calls(impaired(line)) as made:
        anna, bert = await made.call("anna"), await made.call("bert")
        camera = Camera(anna)
        await bert.until(lambda: len(bert.got("audio", "anna")) > 1, doing=camera)
        begun = camera.count

        await bert.until(lambda: camera.count > begun + 150, doing=camera)

        heard = {int.from_bytes(frame[1:], "big") for frame in bert.got("audio", "anna")}
        expected = set(range(begun, begun + 130))
        # What is lost on the way up is asked for; this participant asks for nothing on the way down.
        assert line.lost > 20
        assert len(expected - heard) / len(expected) < 2.5 * lost


async def test_who_repeats_sound_is_asked_to_stop_once_when_somebody_comes_who_does_not_understand_it() -> None:
    async with calls() as made:
        anna = await made.call("anna")
        call = made.unit._calls["r", "anna"]  # type: ignore[attr-defined]  # headless participants never offer RED
        call.red, audio = True, call.leg._own["audio"]
        call.leg._own["audio"] = replace(audio, payloads=(("red", 63), *audio.payloads))

        await made.call("bert")
        await made.call("carl")
        await anna.until(lambda: anna.heard(Again))

        assert anna.heard(Again) == [Again("c1")]
        assert "red/48000" not in (await made.answered(anna, "c1"))
