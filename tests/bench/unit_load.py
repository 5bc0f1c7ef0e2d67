"""A cheap load for what forwards packets: encrypted before it begins, sent when due, and timed by the kernel.

It is one thread that blocks: no loop, no decryption but of every sixteenth packet, whose number tells when it was sent.
"""

import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from video import rtcp, rtp, twcc

BUFFER: Final = 2**21
STEP: Final = 0.001
POLLED_EVERY: Final = 5
"""Steps from one look at a socket to the next; the kernel notes when each datagram came."""

VIDEO_BYTES: Final = 1000
SOUND_BYTES: Final = 120
SOUNDS: Final = 50
KEY_EVERY: Final = 100
OPENED_EVERY: Final = 16
ACKNOWLEDGED_EVERY: Final = 0.1
STAMPS: Final = 35
"""SO_TIMESTAMPNS of Linux, and the type of the message that carries the time; Python has no name for it."""

STAMP: Final = Struct("@ll")
NUMBER: Final = Struct("!L")
DESCRIPTOR: Final = 4
Protect = Callable[[bytes], bytes | None]


@dataclass(slots=True)
class Source:
    """What one participant sends, and when each picture left."""

    socket: socket.socket
    address: tuple[str, int]
    packets: list[bytes]
    due: list[float]
    sent: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Sink:
    """Where one participant receives; `source` is whom it receives. Acknowledgements go back where packets came from."""

    socket: socket.socket
    address: tuple[str, int]
    source: Source
    protect: Protect
    unprotect: Protect
    wide: int
    received: int = 0
    delays: list[float] = field(default_factory=list)
    arrivals: twcc.Arrivals = field(default_factory=twcc.Arrivals)
    acknowledged: float = 0.0


@dataclass(frozen=True, slots=True)
class Driven:
    """One run: packets sent and received, the delays of some in order, and how far the load itself fell behind."""

    sent: int
    received: int
    seconds: float
    delays: list[float]
    behind: float
    spent: float
    """Processor seconds of whom it was driven through."""

    @property
    def late(self) -> float:
        """The delay of the slowest hundredth."""
        return self.delays[int(len(self.delays) * 0.99)] if self.delays else float("inf")


@dataclass(frozen=True, slots=True)
class Shape:
    """One participant's stream: payload types and SSRCs of picture and sound, and the bytes behind each frame."""

    picture: tuple[int, int]
    sound: tuple[int, int]
    wide: int
    trailer: bytes = b""


def source(
    shape: Shape, protect: Protect, *, kilobits: int, seconds: float, wire: tuple[socket.socket, tuple[str, int]]
) -> Source:
    """All packets of one participant: pictures of one packet each, and fifty sounds a second; beginning anywhere in a beat."""
    every = VIDEO_BYTES * 8 / (kilobits * 1000)
    phase = random.random() * every
    times = [(phase + n * every, True, n) for n in range(int(seconds / every))]
    times += [(phase / 2 + n / SOUNDS, False, n) for n in range(int(seconds * SOUNDS))]
    made = Source(*wire, [], [])
    for number, (due, is_picture, n) in enumerate(sorted(times)):
        protected = protect(packet(shape, number, is_picture=is_picture, n=n))
        assert protected is not None
        made.packets.append(protected)
        made.due.append(due)
    made.sent = [0.0] * len(made.packets)
    return made


def packet(shape: Shape, number: int, *, is_picture: bool, n: int) -> bytes:
    """The packet of this transport-wide number, the `n`th of its kind."""
    kind, ssrc = shape.picture if is_picture else shape.sound
    head = rtp.HEADER.pack(0x90, (rtp.MARKER if is_picture else 0) | kind, n & 0xFFFF, n * 3000 & 0xFFFFFFFF, ssrc)
    extension = b"\xbe\xde\x00\x01" + bytes([shape.wide << 4 | 1]) + (number & 0xFFFF).to_bytes(2, "big") + b"\0"
    if not is_picture:
        return head + extension + bytes(SOUND_BYTES) + shape.trailer
    descriptor = b"\x90\x80" + (0x8000 | n & 0x7FFF).to_bytes(2, "big")
    frame = (b"\x11" if n % KEY_EVERY else b"\x10") + NUMBER.pack(number)
    return head + extension + descriptor + frame.ljust(VIDEO_BYTES - DESCRIPTOR, b"\0") + shape.trailer


def drive(
    sources: Sequence[Source], sinks: Sequence[Sink], *, warm: float, seconds: float, spent: Callable[[], float]
) -> Driven:
    """Send everything when it is due, then close the sockets. What counts begins after `warm` seconds and lasts `seconds`."""
    try:
        return _driven(sources, sinks, warm=warm, seconds=seconds, spent=spent)
    finally:
        for used in [*(one.socket for one in sources), *(one.socket for one in sinks)]:
            used.close()


def _driven(
    sources: Sequence[Source], sinks: Sequence[Sink], *, warm: float, seconds: float, spent: Callable[[], float]
) -> Driven:
    for sink in sinks:
        sink.socket.setblocking(False)
        sink.socket.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
        sink.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # what counts is what was sent to us
    events = sorted((due, one, place) for one, made in enumerate(sources) for place, due in enumerate(made.due))
    began, position, looks, behind = time.monotonic(), 0, 0, 0.0
    used = used_from = spent()
    counted_from: tuple[float, int] | None = None
    while (now := time.monotonic() - began) < warm + seconds:
        if counted_from is None and now >= warm:
            for sink in sinks:
                sink.received, sink.delays = 0, []
            counted_from, used_from = (now, position), spent()
        while position < len(events) and events[position][0] <= now:
            due, one, place = events[position]
            made = sources[one]
            made.sent[place] = time.time()
            made.socket.sendto(made.packets[place], made.address)
            position += 1
            if counted_from is not None:
                behind = max(behind, now - due)
        if now >= looks * STEP:
            for sink in sinks[looks % POLLED_EVERY :: POLLED_EVERY]:
                _poll(sink, now)
            looks += 1
        next_due = min(events[position][0] if position < len(events) else now + STEP, looks * STEP)
        if (pause := began + next_due - time.monotonic()) > 0:
            time.sleep(pause)
    used, now = spent(), time.monotonic() - began
    since, first = counted_from or (now, position)
    delays = sorted(delay for sink in sinks for delay in sink.delays)
    return Driven(position - first, sum(one.received for one in sinks), now - since, delays, behind, used - used_from)


def _poll(sink: Sink, now: float) -> None:
    receive, wide = sink.socket.recvmsg, sink.wide << 4 | 1
    try:
        while True:
            packet, stamps, _, _ = receive(2048, 64)
            if not 127 < packet[0] < 192 or 192 <= packet[1] <= 223:
                continue
            sink.received += 1
            second, nano = STAMP.unpack(stamps[0][2])
            came = second + nano / 1e9
            if packet[0] & 0x10 and packet[16] == wide:
                sink.arrivals.note(packet[17] << 8 | packet[18], came)
            if sink.received % OPENED_EVERY == 0 and len(packet) > VIDEO_BYTES:
                _time(sink, packet, came)
    except BlockingIOError:
        pass
    if now - sink.acknowledged >= ACKNOWLEDGED_EVERY:
        sink.acknowledged = now
        _acknowledge(sink)


def _time(sink: Sink, packet: bytes, came: float) -> None:
    plain = sink.unprotect(packet)
    if plain is not None:
        (number,) = NUMBER.unpack_from(plain, rtp.payload_start(plain) + DESCRIPTOR + 1)
        sink.delays.append(came - sink.source.sent[number])


def _acknowledge(sink: Sink) -> None:
    if (feedback := sink.arrivals.feedback(sender=1, media=1)) is not None:
        out: list[rtcp.Packet] = [feedback]
        protected = sink.protect(rtcp.write(out))
        if protected is not None:
            sink.socket.sendto(protected, sink.address)
