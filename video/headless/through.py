"""The way through the forwarding unit: one connection at a time, the next one made before the last is dropped."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiortc import RTCIceServer

from video.headless.camera import RATE, Source
from video.headless.circle import Circle
from video.headless.media import Media
from video.sframe import FrameRefusedError, Suite, clear_of_vp8, key_id
from video.whole import whole

SOUNDS: Final = 50
STEP: Final = 0.005
SLOTS: Final = 7
"""Pairs of receiving sections: enough for every room."""

Say = Callable[..., None]
OnFrame = Callable[[str, str, bytes], None]
"""Participant, kind, and the frame."""


class Through:
    """The media of one participant at the unit. What comes is opened with the key of whom its place is said to carry."""

    def __init__(
        self, circle: Circle, source: Source, *, servers: list[RTCIceServer], addresses: Sequence[str], say: Say,
        on_frame: OnFrame, on_strange: Callable[[str, bytes], None], on_sealed: OnFrame,
    ) -> None:  # fmt: skip
        self.calls = 0
        self._circle, self._source, self._say = circle, source, say
        self._servers, self._addresses = servers, addresses
        self._on_frame, self._on_strange, self._on_sealed = on_frame, on_strange, on_sealed
        self._bound: dict[int, str] = {}
        self._begun: set[int] = set()
        self._used: Media | None = None
        self._next: tuple[str, Media] | None = None
        self._call = ""
        self._looked_at = True
        self._sending: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """True while media may flow."""
        return self._used is not None

    async def offer(self) -> None:
        """Make a connection; the one before goes on until this one is answered."""
        if self._next is not None:
            await self._next[1].close()
        call = secrets.token_urlsafe(18)
        media = Media(self._circle, on_frame=self._came, slots=SLOTS, addresses=self._addresses, servers=self._servers)
        self._next = call, media
        self.calls += 1
        self._say("unit", call=call, sdp=await whole(media.offer()), kid=self._circle.kid)

    async def answered(self, said: Mapping[str, Any]) -> None:
        """Go over to the connection that the unit has answered."""
        if self._next is None or said["call"] != self._next[0]:
            return
        call, media = self._next  # which it stays until it is connected, so that `close` finds it
        connected = await media.accept(said["sdp"])
        self._next = None
        if not connected:
            await media.close()
            return
        before, self._used, self._call = self._used, media, call
        if before is not None:
            await before.close()
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def again(self, said: Mapping[str, Any]) -> None:
        """Offer once more where it is about a connection of ours."""
        if said["call"] == self._call or (self._next is not None and said["call"] == self._next[0]):
            await self.offer()

    def bind(self, said: Mapping[str, Any]) -> None:
        """Note whom each place carries from now on; frames of anybody else open nothing there."""
        before = self._bound
        self._bound = {one["slot"]: one["participant"] for one in said["slots"] if one["participant"]}
        self._begun = {slot for slot in self._begun if before.get(slot) == self._bound.get(slot)}

    def wanted(self, said: Mapping[str, Any]) -> None:
        """Note whether anybody looks: a picture that is not needed is not encoded."""
        self._looked_at = said["high"] or said["low"]

    async def close(self) -> None:
        """Hang up."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        for media in (self._used, self._next[1] if self._next else None):
            if media is not None:
                await media.close()
        self._used = self._next = self._sending = None

    def _came(self, slot: int, kind: str, frame: bytes) -> None:
        who = self._bound.get(slot, "")
        self._on_sealed(who, kind, frame)
        opener = self._circle.opener(who)
        suite, clear = (Suite.CTR_80, 0) if kind == "audio" else (Suite.GCM_128, clear_of_vp8(frame))
        kid = key_id(frame)
        if kid >= 0 and (opener is None or not opener.knows(kid)):
            return  # it has overtaken its key, or who it is from
        try:
            if opener is None:
                raise FrameRefusedError
            plain = opener.open(frame, suite=suite, clear=clear)
        except FrameRefusedError:
            self._on_strange(who, frame)
            return
        if kind == "audio" or self._can_be_shown(slot, plain):
            self._on_frame(who, kind, plain)

    def _can_be_shown(self, slot: int, picture: bytes) -> bool:
        """False until a key frame has come: the first one may have overtaken its key, and is asked for again."""
        if picture and not picture[0] & 1:
            self._begun.add(slot)
        elif slot not in self._begun and self._used is not None:
            self._used.ask_key(slot)
        return slot in self._begun

    async def _send(self) -> None:
        """Nothing, ever: pictures and sounds go out in their time, once there is a key to seal them with."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        pictures = sounds = 0
        first = True
        while True:
            now, media = loop.time() - began, self._used
            ready = media is not None and self._circle.keyed
            while pictures < now * RATE:
                if media is not None and ready and self._looked_at:
                    media.picture(self._source.picture(key=first or media.key_wanted), ts=pictures * 90_000 // RATE)
                    media.key_wanted = first = False
                pictures += 1
            while sounds < now * SOUNDS:
                if media is not None and ready:
                    for frame in self._source.sounds():
                        media.sound(frame, ts=sounds * 960)
                sounds += 1
            await asyncio.sleep(STEP)
