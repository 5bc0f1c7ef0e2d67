"""The forwarding unit over real sockets: who gets whose frames, and that only sealed ones go anywhere."""

from tests.video.calling import DELTA_FRAME, KEY_FRAME, Person, calls
from video.messages import Refused


class Camera:
    """Frames that differ, thirty a second in time stamps; a key frame first and when one is asked for."""

    def __init__(self, person: Person) -> None:
        self.person, self.count = person, 0

    def __call__(self) -> None:
        media = self.person.media
        frame = KEY_FRAME if self.count % 10 == 0 or media.key_wanted else DELTA_FRAME
        media.key_wanted = False
        self.count += 1
        media.picture(frame + self.count.to_bytes(4, "big"), ts=self.count * 3000)
        media.sound(b"\xf8" + self.count.to_bytes(4, "big"), ts=self.count * 960)


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
