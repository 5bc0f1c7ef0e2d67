"""A whole call of two headless participants through the service, to see that media flow and that nobody in between sees them.

They agree on their keys as pages do, so the service forwards what it can't read. One plays the physician, the other the
patient.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from av import VideoFrame

from video.headless.camera import Camera, Screen, alike, look
from video.headless.participant import CallFailedError, Participant, Watch
from video.headless.socket import signalling
from video.headless.words import Words

SEEN_WITHIN: Final = 25.0
STEP: Final = 0.1
ENOUGH: Final = 0.8
"""The share of what was sent that has to arrive and to be recognised."""


@dataclass(slots=True)
class Seen:
    """What one side saw of the other: counts of frames."""

    pictures: int = 0
    sounds: int = 0
    recognised: int = 0
    strange: int = 0
    leaked: int = 0
    sent_pictures: int = 0
    sent_sounds: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Both sides of a call."""

    sides: Mapping[str, Seen]
    words: tuple[Words | None, ...] = ()

    @property
    def flows(self) -> bool:
        """True if both saw the other's picture, recognised it, and heard the other."""
        return all(
            one.recognised > ENOUGH * one.pictures > 0
            and one.pictures >= ENOUGH * other.sent_pictures - 1
            and one.sounds >= ENOUGH * other.sent_sounds - 1
            for one, other in self._pairs
        )

    @property
    def sealed(self) -> bool:
        """True if both have the same words, no frame showed its picture without the key, and all opened with it."""
        same = None not in self.words and len(set(self.words)) == 1
        return same and all(not one.leaked and not one.strange for one in self.sides.values())

    @property
    def _pairs(self) -> list[tuple[Seen, Seen]]:
        first, second = self.sides.values()
        return [(first, second), (second, first)]


@dataclass(slots=True)
class _Side:
    camera: Camera
    seen: Seen = field(default_factory=Seen)
    other: "_Side | None" = None
    blind: Screen = field(default_factory=Screen)
    participant: Participant | None = None

    def shown(self, _id: str, picture: VideoFrame) -> None:
        self.seen.recognised += self._knows([picture])

    def forwarded(self, _id: str, kind: str, frame: bytes) -> None:
        if kind == "video":
            self.seen.leaked += self._knows(self.blind.decoded(frame))

    def _knows(self, pictures: list[VideoFrame]) -> bool:
        assert self.other is not None
        sent = self.other.camera.looks
        return any(alike(look(one), known) for one in pictures for known in sent)

    def counts(self) -> Seen:
        """All that was seen and sent until now."""
        assert self.participant is not None
        came = list(self.participant.seen.values())
        return Seen(
            sum(one.pictures for one in came), sum(one.sounds for one in came), self.seen.recognised,
            sum(one.strange for one in came), self.seen.leaked, self.camera.pictures, self.camera.spoken,
        )  # fmt: skip


async def probe(
    base_url: str,
    room: str,
    *,
    tickets: Mapping[str, str],
    seconds: float,
    file: Path | None = None,
    seen_within: float = SEEN_WITHIN,
) -> Report:
    """How a call of so many seconds went; `tickets` are of a physician and of a patient, in this order."""
    sides = {name: _Side(Camera(file)) for name in tickets}
    first, second = sides.values()
    first.other, second.other = second, first
    async with AsyncExitStack() as stack:
        for name, side in sides.items():
            socket = await stack.enter_async_context(signalling(base_url, room, ticket=tickets[name]))
            watch = Watch(shown=side.shown, sealed=side.forwarded)
            side.participant = Participant(
                socket, room, source=side.camera, addresses=("127.0.0.1",), through_unit=True, watch=watch
            )
        return await _talk(sides, seconds, seen_within=seen_within)


async def _talk(sides: Mapping[str, _Side], seconds: float, *, seen_within: float) -> Report:
    """Both send until both were seen and heard, and then for so many seconds, which are what counts."""
    participants = [side.participant for side in sides.values() if side.participant is not None]
    tasks = [asyncio.create_task(one.run()) for one in participants]

    async def going(steps: int, *, until_seen: bool) -> None:
        for _ in range(steps):
            for task in tasks:
                if task.done():
                    task.result()
                    raise CallFailedError("The service ended the call.")
            if until_seen and all(side.counts().pictures and side.counts().sounds for side in sides.values()):
                return
            await asyncio.sleep(STEP)

    try:
        await going(int(seen_within / STEP), until_seen=True)
        if not any(one.connected for one in participants):
            raise CallFailedError("No answer, or no way to the media. Look at TELEMED_ICE_SERVERS and the firewall.")
        before = {name: side.counts() for name, side in sides.items()}
        await going(int(seconds / STEP), until_seen=False)
        found = {name: _since(before[name], side.counts()) for name, side in sides.items()}
        participants[0].say("end")
        await asyncio.sleep(STEP)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Report(found, tuple(one.words for one in participants))


def _since(before: Seen, now: Seen) -> Seen:
    """What came in between; of what should never come, all there was."""
    return Seen(
        now.pictures - before.pictures, now.sounds - before.sounds, now.recognised - before.recognised,
        now.strange, now.leaked, now.sent_pictures - before.sent_pictures, now.sent_sounds - before.sent_sounds,
    )  # fmt: skip
