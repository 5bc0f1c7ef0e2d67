"""A tap in the server: all pictures that arrive, put together, and what a decoder makes of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import av
import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor

from video.uplink import Uplink

MARKER = 0x80


@dataclass
class Tap:
    """The frames of each stream of pictures, as they came in."""

    frames: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _parts: dict[int, bytes] = field(default_factory=lambda: defaultdict(bytes))

    def take(self, ssrc: int, second: int, payload: bytes) -> None:
        """One packet; frames end with a marker."""
        self._parts[ssrc] += VpxPayloadDescriptor.parse(payload)[1]
        if second & MARKER:
            self.frames[ssrc].append(self._parts.pop(ssrc))


def tapped(monkeypatch: pytest.MonkeyPatch) -> Tap:
    """A tap behind the server's decryption, on everything from now on."""
    tap, honest = Tap(), Uplink.take

    def take(self: Uplink, second: int, seq: int, ts: int, payload: bytes, **named: Any) -> bool:
        if self.kind == "video":
            tap.take(self.ssrc, second, payload)
        return honest(self, second, seq, ts, payload, **named)

    monkeypatch.setattr(Uplink, "take", take)
    return tap


def pictures(frames: Iterable[bytes], opened: Callable[[bytes], bytes]) -> list[tuple[int, int, int]]:
    """The colour in the corner of every picture that a decoder gets out of these frames."""
    decoder, found = av.CodecContext.create("vp8", "r"), []
    for frame in frames:
        try:
            decoded = decoder.decode(av.Packet(opened(frame)))
        except (av.error.FFmpegError, ValueError):
            continue
        for picture in decoded:
            red, green, blue = picture.to_ndarray(format="rgb24")[4, 4]
            found.append((int(red), int(green), int(blue)))
    return found
