"""RTP packets (RFC 3550, 8285) and the VP8 payload descriptor (RFC 7741), read from bytes; nothing of a frame's content."""

import struct
from dataclasses import dataclass
from typing import Final

HEADER: Final = struct.Struct("!BBHLL")
HEADER_SIZE: Final = 12
LARGEST: Final = 1500
ONE_BYTE: Final = 0xBEDE
MARKER: Final = 0x80
PADDING: Final = 0x20
EXTENDED: Final = 0x10
EXTENSION: Final = struct.Struct("!HH")


def after(number: int, other: int) -> int:
    """How far a sequence number lies after another one, -32768 to 32767."""
    return ((number - other + 0x8000) & 0xFFFF) - 0x8000


def payload_start(packet: bytes) -> int:
    """Where the payload begins, padding not regarded; -1 for what is no RTP packet."""
    if not HEADER_SIZE <= len(packet) <= LARGEST or packet[0] >> 6 != 2:
        return -1
    start = HEADER_SIZE + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if start + 4 > len(packet):
            return -1
        start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
    return start if start <= len(packet) else -1


def extensions(packet: bytes) -> dict[int, bytes]:
    """The one-byte header extensions of a packet that `payload_start` accepted; empty where there are none."""
    at = HEADER_SIZE + 4 * (packet[0] & 0x0F)
    found: dict[int, bytes] = {}
    if not packet[0] & 0x10 or packet[at] << 8 | packet[at + 1] != ONE_BYTE:
        return found
    end = payload_start(packet)
    at += 4
    while at < end:
        number, size = packet[at] >> 4, (packet[at] & 0x0F) + 1
        if number == 0:  # padding
            at += 1
            continue
        if number == 15 or at + 1 + size > end:
            break
        found[number] = packet[at + 1 : at + 1 + size]
        at += 1 + size
    return found


def read(packet: bytes, wide: int) -> tuple[int, int, int, int, bytes, int] | None:
    """Second byte, sequence number, time stamp, SSRC, payload without padding, transport-wide number; None for no RTP.

    `wide` is the id of the header extension with that number, 0 where none was agreed; the number is -1 where none is.
    All in one function, as this is done for every packet.
    """
    size, number = len(packet), -1
    if not HEADER_SIZE <= size <= LARGEST:
        return None
    first, second, seq, ts, ssrc = HEADER.unpack_from(packet)
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & EXTENDED:
        at = start + 4
        if at > size:
            return None
        profile, words = EXTENSION.unpack_from(packet, start)
        start = at + 4 * words
        if profile != ONE_BYTE or not wide or start > size:
            at = start
        while at < start:
            element = packet[at]
            if element >> 4 == wide:
                if element & 0x0F == 1 and at + 3 <= start:
                    number = packet[at + 1] << 8 | packet[at + 2]
                break
            at += (element & 0x0F) + 2 if element >> 4 else 1
    if first >> 6 != 2 or start > size:
        return None
    return second, seq, ts, ssrc, packet[start : size - packet[-1] if first & PADDING else size], number


@dataclass(frozen=True, slots=True)
class Vp8:
    """A VP8 payload descriptor: where the numbers of the picture stand (0 where they do not), and what begins here."""

    size: int
    picture_at: int
    picture_bits: int
    level_at: int
    starts_frame: bool
    starts_key_frame: bool

    def picture(self, payload: bytes) -> int:
        """The picture id, 0 where there is none."""
        if self.picture_bits == 15:
            return (payload[self.picture_at] & 0x7F) << 8 | payload[self.picture_at + 1]
        return payload[self.picture_at] & 0x7F if self.picture_at else 0

    def level(self, payload: bytes) -> int:
        """The number of the last base layer picture (TL0PICIDX), 0 where there is none."""
        return payload[self.level_at] if self.level_at else 0

    def moved(self, payload: bytes, picture: int, *, level: int) -> bytes:
        """The same payload with other numbers, in the same size."""
        out = bytearray(payload)
        if self.picture_bits == 15:
            out[self.picture_at] = 0x80 | picture >> 8 & 0x7F
            out[self.picture_at + 1] = picture & 0xFF
        elif self.picture_at:
            out[self.picture_at] = picture & 0x7F
        if self.level_at:
            out[self.level_at] = level & 0xFF
        return bytes(out)


def vp8(payload: bytes) -> Vp8 | None:
    """The descriptor at the start of a payload; None where it is cut off."""
    if not payload:
        return None
    first, at = payload[0], 1
    picture_at = bits = level_at = 0
    if first & 0x80:
        if len(payload) < 2:
            return None
        more, at = payload[1], 2
        if more & 0x80:
            if at >= len(payload):
                return None
            picture_at, bits = at, 15 if payload[at] & 0x80 else 7
            at += 2 if bits == 15 else 1
        if more & 0x40:
            level_at, at = at, at + 1
        if more & 0x30:
            at += 1
    if at >= len(payload):
        return None
    starts = bool(first & 0x10) and not first & 0x07
    return Vp8(at, picture_at, bits, level_at, starts, starts and not payload[at] & 1)
