"""Frames to RTP payloads and back (RFC 7741 for VP8; a sound is one packet). Pure."""

from typing import Final

from video import rtp

LARGEST_PAYLOAD: Final = 1100
MOST_WAITING: Final = 512


def packetised(frame: bytes, picture: int) -> list[bytes]:
    """The payloads of one VP8 frame, each with a descriptor that carries its 15 bit picture id."""
    number = (0x8000 | picture & 0x7FFF).to_bytes(2, "big")
    parts = [frame[at : at + LARGEST_PAYLOAD] for at in range(0, len(frame), LARGEST_PAYLOAD)]
    return [bytes([0x90 if not place else 0x80, 0x80]) + number + part for place, part in enumerate(parts)]


class Assembly:
    """The frames of one received VP8 stream, each once all its packets are there; packets may come in any order."""

    def __init__(self) -> None:
        self._packets: dict[int, tuple[bool, bytes]] = {}

    def add(self, second: int, seq: int, payload: bytes) -> bytes | None:
        """The frame that this packet completes, if it does."""
        self._packets[seq] = bool(second & rtp.MARKER), payload
        while len(self._packets) > MOST_WAITING:
            del self._packets[next(iter(self._packets))]
        return self._complete(seq)

    def _complete(self, seq: int) -> bytes | None:
        first = seq
        while (descriptor := self._descriptor(first)) is not None and not descriptor.starts_frame:
            first = (first - 1) & 0xFFFF
        if descriptor is None:
            return None
        parts, at = [], first
        while (held := self._packets.get(at)) is not None:
            found = rtp.vp8(held[1])
            if found is None or (found.starts_frame and at != first):
                return None
            parts.append(held[1][found.size :])
            if held[0]:
                for number in range(len(parts)):
                    del self._packets[(first + number) & 0xFFFF]
                return b"".join(parts)
            at = (at + 1) & 0xFFFF
        return None

    def _descriptor(self, seq: int) -> rtp.Vp8 | None:
        held = self._packets.get(seq)
        return rtp.vp8(held[1]) if held else None
