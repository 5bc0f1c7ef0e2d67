"""The forwarding unit over real sockets: who gets whose frames, and that only sealed ones go anywhere."""

from tests.video.calling import KEY_FRAME, Camera, calls
from video.messages import Refused


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


async def test_plain_frames_go_nowhere_and_their_sender_is_told() -> None:
    async with calls() as made:
        anna, bert = await made.call("anna"), await made.call("bert")

        def plain() -> None:
            anna.media.picture_as_it_is(KEY_FRAME, ts=3000)

        await anna.until(lambda: anna.heard(Refused), doing=plain)

        assert anna.heard(Refused) == [Refused("plain", "c1")]
        assert bert.sealed == []
