"""RTCP (RFC 3550, 4585, 5104, REMB) as values: parsing and writing, pure and apart from the network.

What an echo or a forwarding unit passes on is read; everything else in a compound packet is left out.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SR: Final = 200
RR: Final = 201
RTPFB: Final = 205
PSFB: Final = 206
NACK: Final = 1
PLI: Final = 1
FIR: Final = 4
AFB: Final = 15
TRANSPORT_WIDE: Final = 15
REMB: Final = b"REMB"

HEADER: Final = struct.Struct("!BBH")
SSRC: Final = struct.Struct("!L")
BLOCK_SIZE: Final = 24
SENDER_INFO_SIZE: Final = 20
MOST_PACKETS: Final = 32
MOST_BLOCKS: Final = 31


class MalformedError(ValueError):
    """These bytes are no RTCP."""


@dataclass(frozen=True, slots=True)
class Block:
    """One report block: whom it is about, and the 20 bytes of loss, jitter and times."""

    ssrc: int
    rest: bytes

    @property
    def lost(self) -> int:
        """Packets lost since the beginning; less than none where some came twice."""
        return int.from_bytes(self.rest[1:4], "big", signed=True)

    @property
    def highest(self) -> int:
        """The extended highest sequence number that came."""
        return int.from_bytes(self.rest[4:8], "big")


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report (`sender_info` of 20 bytes) or a receiver report (empty)."""

    ssrc: int
    sender_info: bytes
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """NACK, PLI, FIR, REMB and their like; `fci` is the feedback control information as it came."""

    kind: int
    format: int
    sender: int
    media: int
    fci: bytes


Packet = Report | Feedback


def parse(data: bytes) -> list[Packet]:
    """The reports and feedback of a compound packet, in order; `MalformedError` where lengths do not add up."""
    packets: list[Packet] = []
    position = seen = 0
    while position < len(data):
        if len(data) - position < HEADER.size or seen == MOST_PACKETS:
            raise MalformedError
        first, kind, words = HEADER.unpack_from(data, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise MalformedError
        body = data[position + HEADER.size : end]
        if first & 0x20:
            body = _unpadded(body)
        packets += _packet(kind, first & 0x1F, body=body)
        position, seen = end, seen + 1
    return packets


def write(packets: list[Packet]) -> bytes:
    """The compound packet of these reports and feedback."""
    return b"".join(map(_written, packets))


def remb_ssrcs(fci: bytes) -> tuple[int, ...]:
    """Whom a REMB message is about; empty where it is none."""
    if fci[:4] != REMB or len(fci) < 8 or len(fci) != 8 + 4 * fci[4]:
        return ()
    return struct.unpack_from(f"!{fci[4]}L", fci, 8)


def with_remb_ssrcs(fci: bytes, ssrcs: tuple[int, ...]) -> bytes:
    """The same REMB estimate about other streams."""
    return fci[:4] + bytes([len(ssrcs)]) + fci[5:8] + struct.pack(f"!{len(ssrcs)}L", *ssrcs)


def remb_bits(fci: bytes) -> int:
    """The estimate of a REMB message in bits a second; 0 where it is none."""
    return ((fci[5] & 3) << 16 | fci[6] << 8 | fci[7]) << (fci[5] >> 2) if remb_ssrcs(fci) else 0


def remb(bits: int, *, sender: int, ssrcs: tuple[int, ...]) -> Feedback:
    """A REMB message: no more than so many bits a second for these streams together."""
    exponent = max(bits.bit_length() - 18, 0)
    mantissa = bits >> exponent
    head = bytes([len(ssrcs), exponent << 2 | mantissa >> 16, mantissa >> 8 & 0xFF, mantissa & 0xFF])
    return Feedback(PSFB, AFB, sender, 0, REMB + head + struct.pack(f"!{len(ssrcs)}L", *ssrcs))


def nack(numbers: Sequence[int], *, sender: int, media: int) -> Feedback:
    """What is asked for again (RFC 4585 section 6.2.1): each entry a number and a mask of the sixteen after it."""
    entries: list[list[int]] = []
    for number in numbers:
        behind = (number - entries[-1][0] - 1) & 0xFFFF if entries else 16
        if behind < 16:
            entries[-1][1] |= 1 << behind
        else:
            entries.append([number, 0])
    return Feedback(RTPFB, NACK, sender, media, b"".join(struct.pack("!HH", *entry) for entry in entries))


def nacked(fci: bytes) -> list[int]:
    """The sequence numbers that a NACK asks for."""
    numbers = []
    for first, mask in struct.iter_unpack("!HH", fci[: len(fci) & ~3]):
        numbers.append(first)
        numbers += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return numbers


def block(ssrc: int, fraction: int, *, lost: int, highest: int, jitter: int, sr: int, delay: int) -> Block:
    """A report block (RFC 3550 section 6.4.1); `sr` and `delay` are LSR and DLSR."""
    lost = max(-0x800000, min(0x7FFFFF, lost)) & 0xFFFFFF
    numbers = (fraction << 24 | lost, highest & 0xFFFFFFFF, jitter & 0xFFFFFFFF, sr, delay & 0xFFFFFFFF)
    return Block(ssrc, struct.pack("!5L", *numbers))


def _unpadded(body: bytes) -> bytes:
    padding = body[-1] if body else 0
    if not 0 < padding <= len(body):
        raise MalformedError
    return body[:-padding]


def _packet(kind: int, count: int, *, body: bytes) -> list[Packet]:
    if kind in (SR, RR):
        start = 4 + (SENDER_INFO_SIZE if kind == SR else 0)
        if len(body) < start + count * BLOCK_SIZE:
            raise MalformedError
        blocks = (body[at : at + BLOCK_SIZE] for at in range(start, start + count * BLOCK_SIZE, BLOCK_SIZE))
        return [
            Report(
                SSRC.unpack_from(body)[0],
                body[4:start],
                tuple(Block(SSRC.unpack_from(block)[0], block[4:]) for block in blocks),
            )
        ]
    if kind in (RTPFB, PSFB):
        if len(body) < 8:
            raise MalformedError
        return [Feedback(kind, count, SSRC.unpack_from(body)[0], SSRC.unpack_from(body, 4)[0], body[8:])]
    return []


def _written(packet: Packet) -> bytes:
    if isinstance(packet, Report):
        blocks = packet.blocks[:MOST_BLOCKS]
        kind, count = SR if packet.sender_info else RR, len(blocks)
        body = packet.sender_info + b"".join(SSRC.pack(block.ssrc) + block.rest for block in blocks)
        ssrc = packet.ssrc
    else:
        kind, count, ssrc = packet.kind, packet.format, packet.sender
        body = SSRC.pack(packet.media) + packet.fci + bytes(-len(packet.fci) % 4)
    return HEADER.pack(0x80 | count, kind, len(body) // 4 + 1) + SSRC.pack(ssrc) + body
