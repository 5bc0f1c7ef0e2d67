"""Callers for the measurements of the unit: cheap transports that send sealed-looking frames and time what comes back."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from video import rtcp, rtp, twcc
from video.headless.media import Media
from video.headless.offer import WIDE_ID
from video.sframe import Sealer

BEAT: Final = 0.01
VIDEO_BYTES: Final = 1000
SOUND_BYTES: Final = 120


class Caller(Media):
    """A participant at a steady rate. Frames carry the time they left and a trailer; nothing is really sealed."""

    def __init__(self, kid: int, *, kilobits: int) -> None:
        super().__init__(Sealer(bytes(16), kid), on_frame=_nowhere, slots=1, addresses=("127.0.0.1",))
        self.delays: list[float] = []
        self._trailer = bytes([0x90, kid >> 8, kid & 0xFF, 3])
        self._every = VIDEO_BYTES * 8 / (kilobits * 1000)
        self._arrivals, self._counted = twcc.Arrivals(), 0

    async def send(self, until: float, *, started: float) -> None:
        """Send until then: pictures of one packet each, fifty sounds a second, ten acknowledgements a second."""
        pictures = sounds = acknowledged = 0
        while (now := time.monotonic()) < until:
            while pictures * self._every < now - started:
                first = 0x10 if pictures % 100 == 0 or self.key_wanted else 0x11
                self.key_wanted = False
                body = bytes([first]) + now.hex().encode().ljust(VIDEO_BYTES - 5, b"\0")
                self.picture_as_it_is(body + self._trailer, ts=pictures * 3000)
                pictures += 1
            while sounds * 0.02 < now - started:
                self._send(self._sound, bytes(SOUND_BYTES) + self._trailer, ts=sounds * 960, last=False)
                sounds += 1
            if acknowledged * 0.1 < now - started:
                acknowledged += 1
                self._acknowledge()
            await asyncio.sleep(BEAT)

    def rtp(self, packet: bytes) -> None:
        """Count a packet and note how long it took; nothing is put together."""
        now = time.monotonic()
        self.received += 1
        if packet[0] & 0x10 and packet[16] == WIDE_ID << 4 | 1:
            self._arrivals.note(packet[17] << 8 | packet[18], now)
        if len(packet) > VIDEO_BYTES and self.received % 4 == 0:
            start = rtp.payload_start(packet)
            text = packet[start + 5 : start + 40].split(b"\0")[0]
            self.delays.append(now - float.fromhex(text.decode()))

    def _acknowledge(self) -> None:
        if (feedback := self._arrivals.feedback(sender=1, media=0x7E1E_1001)) is not None:
            out: list[rtcp.Packet] = [feedback]
            self.feedback(out)


def _nowhere(slot: int, kind: str, frame: bytes) -> None:
    """Nothing: frames are not put together here."""


Ask = Callable[[dict[str, object]], object]
