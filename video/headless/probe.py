"""A whole call of two headless participants through the service, to see that media flow and that nobody in between sees them.

Their keys are drawn here and never leave the process: what the service forwards it can't have read. One plays the
physician, the other the patient.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from video.headless.camera import RATE, Camera, Look, Screen, alike
from video.headless.media import Media, opened
from video.headless.socket import Signalling, signalling
from video.sframe import FrameRefusedError, Opener, Sealer

CONNECT_WITHIN: Final = 15.0
SEEN_WITHIN: Final = 10.0
STEP: Final = 0.1
SOUNDS: Final = 50
ENOUGH: Final = 0.8
"""The share of what was sent that has to arrive and to be recognised."""


class CallFailedError(Exception):
    """The call did not come about; the text says where it stopped."""


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
        """True if no frame showed its picture without the key, and none opened with another key."""
        return all(not one.leaked and not one.strange for one in self.sides.values())

    @property
    def _pairs(self) -> list[tuple[Seen, Seen]]:
        first, second = self.sides.values()
        return [(first, second), (second, first)]


@dataclass(slots=True)
class _Side:
    name: str
    kid: int
    base: bytes
    camera: Camera
    seen: Seen = field(default_factory=Seen)
    other: "_Side | None" = None
    media: Media | None = None
    screen: Screen = field(default_factory=Screen)
    blind: Screen = field(default_factory=Screen)
    opener: Opener | None = None

    def received(self, slot: int, kind: str, frame: bytes) -> None:
        assert self.other is not None
        assert self.opener is not None
        try:
            plain = opened({slot: self.opener}, slot, kind, frame)
        except FrameRefusedError:
            self.seen.strange += 1
            return
        if kind == "audio":
            self.seen.sounds += 1
            return
        self.seen.pictures += 1
        self.seen.recognised += self._known(self.screen.show(plain))
        self.seen.leaked += self._known(self.blind.show(frame))

    def _known(self, looks: list[Look]) -> bool:
        assert self.other is not None
        return any(alike(one, sent) for one in looks for sent in self.other.camera.looks)


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
    sides = [
        _Side(name, 0x1000 + 0x100 * number, secrets.token_bytes(32), Camera(file))
        for number, name in enumerate(tickets)
    ]
    for side, other in zip(sides, reversed(sides), strict=True):
        side.other, side.opener = other, Opener({other.kid: other.base})
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(signalling(base_url, room, ticket=tickets[side.name])) for side in sides
        ]
        await sockets[0].say("admit", participant=sides[1].name)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await _heard(sockets[1], "admitted")
                for side, socket in zip(sides, sockets, strict=True):
                    await _connected(side, socket, stack)
        except TimeoutError:
            raise CallFailedError(
                "No answer, or no way to the media. Look at TELEMED_ICE_SERVERS and the firewall."
            ) from None
        await _talk(sides, seconds, seen_within=seen_within)
        await sockets[0].say("end")
    return Report({side.name: side.seen for side in sides})


async def _connected(side: _Side, socket: Signalling, stack: AsyncExitStack) -> None:
    side.media = Media(Sealer(side.base, side.kid), on_frame=side.received, addresses=("127.0.0.1",))
    stack.push_async_callback(side.media.close)
    await socket.say("unit", call=f"probe-{side.kid}", sdp=await side.media.offer(), kid=side.kid)
    answer = await _heard(socket, "unit")
    if not await side.media.accept(answer["sdp"]):
        raise CallFailedError("The handshake with the unit failed.")


async def _heard(socket: Signalling, kind: str) -> dict[str, Any]:
    while (said := await socket.hear())["type"] != kind:
        if said["type"] == "refused" and said["reason"] != "NobodyWaits":
            raise CallFailedError(f"The service refused: {said['reason']}.")
    return said


async def _talk(sides: Sequence[_Side], seconds: float, *, seen_within: float) -> None:
    """Both send until both were seen and heard, and then for so many seconds, which are what counts."""
    sending = [asyncio.create_task(_send(side)) for side in sides]
    try:
        for _ in range(int(seen_within / STEP)):
            if all(side.seen.pictures and side.seen.sounds for side in sides):
                break
            await asyncio.sleep(STEP)
        for side in sides:
            side.seen = Seen(strange=side.seen.strange, leaked=side.seen.leaked)
        await asyncio.sleep(seconds)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
    await asyncio.sleep(STEP)  # for what is on its way


async def _send(side: _Side) -> None:
    media, loop = side.media, asyncio.get_running_loop()
    assert media is not None
    began = loop.time()
    pictures = sounds = 0
    while True:
        now = loop.time() - began
        if pictures < now * RATE:
            media.picture(side.camera.picture(key=media.key_wanted or pictures == 0), ts=pictures * 90_000 // RATE)
            media.key_wanted = False
            pictures += 1
            side.seen.sent_pictures += 1
        while sounds < now * SOUNDS:
            sounds += 1
            for frame in side.camera.sounds():
                media.sound(frame, ts=sounds * 960)
                side.seen.sent_sounds += 1
        await asyncio.sleep(0.005)
