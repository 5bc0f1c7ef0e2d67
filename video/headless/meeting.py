"""A participant without a browser in a room where others are: joins, stays for a while, and tells what it saw."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from av import VideoFrame

from video.headless.camera import Camera, Look, look
from video.headless.participant import CallFailedError, Participant, Watch
from video.headless.socket import signalling

ADMITTED_WITHIN: Final = 300.0
SEEN_WITHIN: Final = 30.0
STEP: Final = 0.1
SOMEBODY: Final = "Somebody is to be seen."


@dataclass(slots=True)
class Met:
    """What a participant saw of all others together, how it was connected, and the words to compare."""

    words: str = ""
    path: str = ""
    pictures: int = 0
    sounds: int = 0
    strange: int = 0
    looks: list[Look] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def moves(self) -> bool:
        """True if a picture was seen that moves."""
        return any(sum(abs(a - b) for a, b in zip(one, self.looks[0], strict=True)) > 1 for one in self.looks[1:])

    @property
    def flows(self) -> bool:
        """True if a picture was seen that moves, sound came, all of it opened, and there are words."""
        return self.moves and self.sounds > 0 and not self.strange and bool(self.words)


async def meet(
    base_url: str, room: str, ticket: str, *, seconds: float, file: Path | None = None, says: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Met:  # fmt: skip
    """What was seen in so many seconds after somebody else was there; `CallFailedError` where nobody came.

    `says` is written to whoever is met; the check words are told as soon as they are agreed on, and when they change.
    """
    met, told, greeted = Met(), "", set[str]()

    def greet(id: str) -> None:
        if says and id not in greeted:
            greeted.add(id)
            participant.write(says)

    watch = Watch(lambda _, text: met.texts.append(text), greet, lambda _, picture: _keep(met, picture))
    async with signalling(base_url, room, ticket=ticket) as socket:
        participant = Participant(socket, room, source=Camera(file), addresses=("127.0.0.1",), watch=watch)
        running = asyncio.create_task(participant.run())
        loop = asyncio.get_running_loop()
        began = admitted = loop.time()
        since = 0.0
        try:
            while not since or loop.time() - since < seconds:
                await asyncio.sleep(STEP)
                now = loop.time()
                if running.done():
                    running.result()
                    break
                if participant.words is not None and str(participant.words) != told:
                    told = str(participant.words)
                    tell(f"Check words: {told}")
                if not participant.others:
                    admitted = now
                seen = met.moves and any(one.sounds for one in participant.seen.values())
                if seen and not since:
                    since = now
                    tell(SOMEBODY)
                if not since and (now - began > ADMITTED_WITHIN or now - admitted > SEEN_WITHIN):
                    raise CallFailedError("Nobody was to be seen. Is anybody in the room, and did they let us in?")
            participant.say("bye")
            await asyncio.wait((running,), timeout=STEP)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    met.words, met.path = told, participant.path
    for one in participant.seen.values():
        met.pictures, met.sounds, met.strange = (
            met.pictures + one.pictures, met.sounds + one.sounds, met.strange + one.strange,
        )  # fmt: skip
    return met


def _keep(met: Met, picture: VideoFrame) -> None:
    met.looks = [*met.looks[-199:], look(picture)]
