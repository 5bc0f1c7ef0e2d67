"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): writing and reading.

What we receive we acknowledge, so that a browser can estimate its way to us; what browsers acknowledge tells us theirs.
"""

import struct
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, islice, takewhile
from operator import eq, sub
from typing import Final

from video import rtcp
from video.rtp import after

TICK: Final = 0.000_25
REFERENCE: Final = 0.064
MOST_PACKETS: Final = 1000
HEAD: Final = struct.Struct("!HHL")
RUN_FROM: Final = 8
"""Runs of the same status shorter than this go seven to a vector."""

LONGEST_RUN: Final = 0x1FFF
MISSING, SMALL, LARGE = 0, 1, 2


class Arrivals:
    """Which packets came when since the last feedback."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self._next = -1
        self._count = 0

    def note(self, number: int, now: float) -> None:
        """A packet with this transport-wide number came."""
        self.came[number] = now

    def feedback(self, *, sender: int, media: int) -> rtcp.Feedback | None:
        """What came since the last time; None if nothing did."""
        if not self.came:
            return None
        came = dict(self.came)
        self.came.clear()  # the same dictionary stays: the hot path writes into it
        numbers = list(came)
        some = numbers[0]
        if numbers != list(range(some, some + len(numbers))):  # nearly always they came in their order
            numbers.sort(key=lambda number: after(number, some))
        base, last = numbers[0], numbers[-1]
        if self._next >= 0 and 0 < after(base, self._next) < MOST_PACKETS:
            base = self._next  # those between are told as lost
        self._next = (last + 1) & 0xFFFF
        count = min(after(last, base) + 1, MOST_PACKETS)
        fci = _written(came, numbers, base=base, count=count, feedback=self._count)
        self._count = (self._count + 1) & 0xFF
        return rtcp.Feedback(rtcp.RTPFB, rtcp.TRANSPORT_WIDE, sender, media, fci)


def read(fci: bytes) -> list[tuple[int, float | None]]:
    """Each packet's number and when it came, in the receiver's time; None for one that did not. `MalformedError`."""
    if len(fci) < HEAD.size:
        raise rtcp.MalformedError
    base, count, time = HEAD.unpack_from(fci)
    reference = time >> 8
    if count > 10 * MOST_PACKETS:
        raise rtcp.MalformedError
    statuses: list[int] = []
    at = HEAD.size
    while len(statuses) < count:
        if at + 2 > len(fci):
            raise rtcp.MalformedError
        statuses += _chunk(fci[at] << 8 | fci[at + 1], count - len(statuses))
        at += 2
    del statuses[count:]
    if statuses == [SMALL] * count and base + count <= 0x10000 and at + count <= len(fci):  # as nearly always
        start = reference * REFERENCE
        times = [start + TICK * passed for passed in accumulate(fci[at : at + count])]
        return list(zip(range(base, base + count), times, strict=True))
    return list(_times(fci, at, base=base, reference=reference, statuses=statuses))


def _written(came: dict[int, float], numbers: list[int], *, base: int, count: int, feedback: int) -> bytes:
    reference = int(came[numbers[0]] / REFERENCE)
    start = reference * REFERENCE
    ticks = [round((came[number] - start) / TICK) for number in numbers if (number - base) & 0xFFFF < count]
    deltas = [ticks[0], *map(sub, ticks[1:], ticks)]
    head = HEAD.pack(base, count, (reference & 0xFFFFFF) << 8 | feedback)
    if len(ticks) == count and min(deltas) >= 0 and max(deltas) <= 0xFF:  # as nearly always
        return head + (SMALL << 13 | count).to_bytes(2, "big") + bytes(deltas)
    deltas = [max(-0x8000, min(0x7FFF, delta)) for delta in deltas]
    sizes = iter([SMALL if 0 <= delta <= 0xFF else LARGE for delta in deltas])
    told = ((base + offset) & 0xFFFF for offset in range(count))
    statuses = [next(sizes) if number in came else MISSING for number in told]
    written = (d.to_bytes(1, "big") if 0 <= d <= 0xFF else d.to_bytes(2, "big", signed=True) for d in deltas)
    return head + _chunks(statuses) + b"".join(written)


def _chunks(statuses: list[int]) -> bytes:
    out, at = bytearray(), 0
    while at < len(statuses):
        run = sum(1 for _ in takewhile(partial(eq, statuses[at]), islice(statuses, at, at + LONGEST_RUN)))
        if run >= RUN_FROM:
            out += (statuses[at] << 13 | run).to_bytes(2, "big")
            at += run
        else:
            out += _vector(statuses[at : at + 7])
            at += 7
    return bytes(out)


def _vector(statuses: list[int]) -> bytes:
    bits = 0b11 << 14
    for place, status in enumerate(statuses):
        bits |= status << 12 - 2 * place
    return bits.to_bytes(2, "big")


def _chunk(bits: int, left: int) -> list[int]:
    if not bits >> 15:
        return [bits >> 13 & 3] * min(bits & 0x1FFF, left) or [MISSING] * left
    if bits >> 14 & 1:
        return [bits >> 12 - 2 * place & 3 for place in range(7)]
    return [bits >> 13 - place & 1 for place in range(14)]


def _times(
    fci: bytes, at: int, *, base: int, reference: int, statuses: list[int]
) -> Iterator[tuple[int, float | None]]:
    time = reference * REFERENCE
    for offset, status in enumerate(statuses):
        number = (base + offset) & 0xFFFF
        size = status if status in (SMALL, LARGE) else 0
        if at + size > len(fci):
            raise rtcp.MalformedError
        if not size:
            yield number, None
            continue
        time += TICK * int.from_bytes(fci[at : at + size], "big", signed=status == LARGE)
        at += size
        yield number, time
