"""A participant without a browser in a room with real browsers: pictures both ways, the same words, keys that change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
import pytest
from av import VideoFrame
from playwright.async_api import Page

from tests.video.site import LOOPBACK, PATIENCE, until
from tests.video.stage import LOCKED, Stage
from tests.video.test_attacks import OLD
from tests.video.test_call import swapping
from video.desk import Desk
from video.headless import robot
from video.headless.camera import SIZE, Camera
from video.headless.participant import CallTamperedError, Participant, Watch
from video.headless.socket import signalling
from video.ice import Ice
from video.messages import Answer, Offer
from video.room import NobodyWaits

GREEN: Final = (30, 170, 30)
RED: Final = (200, 30, 30)
BLUE: Final = (30, 30, 200)
SHOWN: Final = "look('{who}').color === 'green' && look('{who}').bar >= 0"
WORDS: Final = "seen.words && [...seen.words.words, seen.words.digits].join(' ')"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Guest:
    """A headless participant and what it was shown and told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.colours: dict[str, tuple[int, ...]] = {}
        self.participant: Participant
        self.task: asyncio.Task[None]

    def shown(self, id: str, picture: VideoFrame) -> None:
        """Keep the colour in a corner of a picture."""
        self.colours[id] = tuple(int(part) for part in picture.to_ndarray(format="rgb24")[4, 4])

    def sees(self, id: str, colour: tuple[int, ...]) -> bool:
        """True if the last picture of this participant has this colour."""
        found = self.colours.get(id, (0, 0, 0))
        return all(abs(part - wanted) < 60 for part, wanted in zip(found, colour, strict=True))

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; what ended the participant is raised."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that the test pages recognise: plain green, and a white bar that moves."""
    file = tmp_path_factory.mktemp("film") / "green.webm"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libvpx", rate=15)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate = 2_000_000
        for count in range(30):
            frame = VideoFrame(*SIZE, "rgb24").to_ndarray()
            frame[:] = GREEN
            frame[60:120, count * 10 % 280 : count * 10 % 280 + 32] = 255
            container.mux(stream.encode(VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file


@asynccontextmanager
async def _guest(stage: Stage, room: str, film: Path, *, who: str = "patient", **options: Any) -> AsyncIterator[Guest]:
    """Somebody without a browser, admitted."""
    guest, base = Guest(), f"http://{stage.site.host}"
    async with signalling(base, room, ticket=stage.site.ticket(who, room=room)) as socket:
        watch = Watch(said=lambda id, text: guest.said.append((id, text)), shown=guest.shown)
        guest.participant = Participant(socket, room, source=Camera(film), addresses=LOOPBACK, watch=watch, **options)
        guest.task = asyncio.create_task(guest.participant.run())
        if who != "doctor":
            stage.site.rooms.admit(room, who)
        try:
            yield guest
        finally:
            guest.task.cancel()
            await asyncio.gather(guest.task, return_exceptions=True)


async def _see_each_other(guest: Guest, page: Page, *, way: str) -> None:
    await guest.until(lambda: guest.participant.path == way and guest.sees("doctor", RED))
    await until(page, SHOWN.format(who="patient"))


async def test_guest_and_browser_see_each_other_directly_and_read_the_same_words(empty: Stage, film: Path) -> None:
    page = await empty.enter("guest-1", "doctor")

    async with _guest(empty, "guest-1", film) as guest:
        await _see_each_other(guest, page, way="direct")

        assert await page.evaluate("[seen.path, seen.lock, seen.errors]") == ["direct", True, []]
        assert await page.evaluate(WORDS) == str(guest.participant.words)
        await page.evaluate("call.say('Guten Tag')")
        await guest.until(lambda: ("doctor", "Guten Tag") in guest.said)
        guest.participant.write("Guten Morgen")
        await until(page, "Object.values(seen.lines).some(({ text, done }) => done && text === 'Guten Morgen')")


async def test_guest_and_browser_meet_in_the_unit_under_keys_that_both_agreed_on(empty: Stage, film: Path) -> None:
    page = await empty.enter("guest-2", "doctor")

    async with _guest(empty, "guest-2", film, through_unit=True) as guest:
        await _see_each_other(guest, page, way="unit")
        await until(page, "seen.path === 'unit' && seen.lock")

        assert await page.evaluate(WORDS) == str(guest.participant.words)
        assert await page.evaluate("seen.errors") == []
        seen = guest.participant.seen["doctor"]
        await guest.until(lambda: seen.sounds > 20)
        assert seen.strange == 0
        await page.evaluate("call.say('Guten Tag')")
        await guest.until(lambda: ("doctor", "Guten Tag") in guest.said)
        guest.participant.write("Guten Morgen")
        await until(page, "Object.values(seen.lines).some(({ text, done }) => done && text === 'Guten Morgen')")


async def test_words_change_when_a_third_comes_and_keys_when_one_leaves(empty: Stage, film: Path) -> None:
    page = await empty.enter("guest-3", "doctor")
    async with _guest(empty, "guest-3", film) as guest:
        await _see_each_other(guest, page, way="direct")
        of_two = guest.participant.words

        daughter = await empty.enter("guest-3", "daughter")
        for one in (page, daughter):
            await until(one, f"{LOCKED} && seen.words.participants.length === 3")
            await until(one, SHOWN.format(who="patient"))
        await guest.until(lambda: guest.sees("daughter", BLUE) and guest.participant.path == "unit")

        circle, of_three = guest.participant.circle, guest.participant.words
        assert circle is not None
        assert str(of_three) == await page.evaluate(WORDS) == await daughter.evaluate(WORDS) != str(of_two)
        epoch = circle.epoch
        await daughter.evaluate("call.hangUp()")
        await guest.until(lambda: circle.epoch == epoch + 1)
        before = guest.participant.seen["doctor"].pictures
        await guest.until(lambda: guest.participant.seen["doctor"].pictures > before + 15)
        assert guest.participant.words == of_three


async def test_server_that_swaps_a_fingerprint_makes_the_words_differ(
    empty: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty.site.rooms, "relay", partial(swapping(Offer), empty.site.rooms))
    page = await empty.enter("guest-4", "doctor")

    async with _guest(empty, "guest-4", film) as guest:
        await guest.until(lambda: guest.participant.words)
        await until(page, "seen.words")

        assert await page.evaluate(WORDS) != str(guest.participant.words)
        assert guest.participant.path == ""


async def test_guest_who_calls_notices_that_the_answers_fingerprint_is_anothers(
    empty: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty.site.rooms, "relay", partial(swapping(Answer), empty.site.rooms))
    async with _guest(empty, "guest-5", film, who="doctor") as guest:
        with suppress(NobodyWaits):  # the guest has let them in
            await empty.enter("guest-5", "daughter")

        with pytest.raises(CallTamperedError, match="fingerprint"):
            await guest.until(lambda: guest.participant.words)


async def test_something_that_nobody_sealed_ends_the_call(
    empty: Stage, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("video.uplink.key_id", lambda _frame: _Any())  # a unit that lets plain frames pass
    async with (
        _guest(empty, "guest-6", film, who="doctor", through_unit=True) as honest,
        _guest(empty, "guest-6", film, through_unit=True) as careless,
    ):
        await honest.until(lambda: honest.participant.circle and honest.participant.circle.opener("patient"))
        assert careless.participant.circle is not None
        monkeypatch.setattr(careless.participant.circle, "seal", lambda frame, **_: frame)

        with pytest.raises(CallTamperedError, match="nobody had sealed"):
            await honest.until(lambda: honest.participant.words is None)


class _Any:
    """A key id that is everybody's."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


async def test_robot_comes_the_direct_way_to_a_browser_that_can_not_encrypt_frames(
    empty: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robot, "COMES_AFTER", 0.0)
    site, room = empty.site, "guest-7"
    desk = Desk(site.rooms, site.tickets, Ice(), frozenset(), unit=site.media)
    phrases = robot.Phrases("Hello", "You wrote: %t")
    meeting = asyncio.create_task(
        robot.meet(room, site.ticket("doctor", room=room), desk=desk, phrases=phrases, addresses=LOOPBACK)
    )
    with suppress(NobodyWaits):  # the robot has let them in
        await empty.enter(room, "daughter", script=OLD)
    (page,) = empty.pages

    await until(page, "Object.values(seen.lines).some(({ text }) => text === 'Hello')")
    assert await page.evaluate("[seen.path, seen.lock, seen.remotes.doctor !== undefined]") == ["direct", True, True]
    await page.evaluate("call.type('Moin'); call.commit()")
    await until(page, "Object.values(seen.lines).some(({ text }) => text === 'You wrote: Moin')")
    await page.evaluate("call.hangUp()")
    async with asyncio.timeout(PATIENCE):
        await meeting
