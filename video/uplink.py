"""One stream that a participant sends: what is missing of it, whether it is sealed, and what we report about it. No I/O.

The SFrame trailer is looked for in the last packet of every frame. Until it was seen once, packets are held back, so of
a stream that was never sealed nothing leaves (SFrame in our frames, in the manual).
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from video import rtp
from video.rtcp import Block, Report, block
from video.sframe import EPOCHS, key_id

MOST_HELD: Final = 256
"""Packets of a first frame: a key frame of 1280x720 has about 100."""

LARGEST_GAP: Final = 512
"""A stream that jumps further than our history has begun anew."""

ASK_AGAIN: Final = 0.02, 0.2
"""Between twice the time that an answer took of late, and these bounds."""

ASK_AFTER: Final = 0.005
ASK_FOR: Final = {"audio": 0.4, "video": 1.0}
"""Seconds after which a lost packet comes too late to be played."""

MOST_ASKED: Final = 64
RATE_OVER: Final = 1.0

Sink = Callable[[int, int, int, bytes], None]
"""Marker and payload type (second byte of the header), sequence number, time stamp, payload."""


class Seal(Enum):
    """What is known of a stream's frames."""

    UNSEEN = 0
    SEALED = 1
    PLAIN = 2


class Uplink:
    """A stream from its first packet on."""

    def __init__(self, ssrc: int, kind: str, *, layer: str, kid: int, clock: int) -> None:
        self.ssrc, self.kind, self.layer, self.clock = ssrc, kind, layer, clock
        self.seal = Seal.UNSEEN
        self.sinks: tuple[Sink, ...] = ()  # replaced, never changed: a sink may change it while it is called
        self.asked_key = 0.0
        self.at = 0.0
        self.rate = 0.0
        self.on_report: tuple[Callable[[Report], None], ...] = ()
        self.losses: tuple[Callable[[], int], ...] = ()
        """Of all who receive it: the share lost beyond us since they were last asked, in 256ths."""

        self._last_report: tuple[int, float] = 0, 0.0
        self._kids = range(kid, kid + EPOCHS)
        self._held: list[tuple[int, int, int, bytes]] = []
        self._next = -1
        self._cycles = self._first = 0
        self.missing: dict[int, tuple[float, float]] = {}
        self._patience = ASK_AGAIN[0]
        self._received = self._expected_before = self._received_before = 0
        self._transit = float("inf")
        self._jitter = 0.0
        self._bytes, self._since = 0, 0.0

    def take(self, second: int, seq: int, ts: int, payload: bytes, *, now: float) -> bool:
        """Pass a packet on to whoever watches; False if it showed that this stream is not sealed."""
        if seq == self._next:
            self._next = (seq + 1) & 0xFFFF
            if not self._next:
                self._cycles += 0x10000
            before, self._transit = self._transit, now * self.clock - ts
            distance = abs(self._transit - before)  # RFC 3550 section 6.4.1
            if distance < self.clock:  # not after a jump of the time stamps
                self._jitter += (distance - self._jitter) / 16
        elif not self._is_new(seq, now):
            return True
        self._received += 1
        self._bytes += len(payload)
        self.at = now
        if (second & rtp.MARKER or self.kind == "audio") and payload:
            if key_id(payload) not in self._kids:
                return self._found_plain()
            if self.seal is Seal.UNSEEN:
                self._release()
        if self.seal is Seal.SEALED:
            for sink in self.sinks:
                sink(second, seq, ts, payload)
        elif self.seal is Seal.UNSEEN:
            self._held.append((second, seq, ts, payload))
            if len(self._held) > MOST_HELD:
                self._held.clear()
        return True

    def watch(self, sink: Sink) -> None:
        """Hand what comes from now on to this sink, too."""
        self.sinks = (*self.sinks, sink)

    def unwatch(self, sink: Sink) -> None:
        """Hand this sink nothing any more."""
        self.sinks = tuple(one for one in self.sinks if one != sink)

    def asked_for(self, now: float) -> list[int]:
        """The sequence numbers to ask for again now; what would come too late is given up."""
        asked: list[int] = []
        for seq, (since, last) in list(self.missing.items()):
            if now - since > ASK_FOR[self.kind]:
                del self.missing[seq]
            elif now - last >= self._patience and now - since >= ASK_AFTER and len(asked) < MOST_ASKED:
                self.missing[seq] = since, now
                asked.append(seq)
        return asked

    def reported(self, report: Report, now: float) -> None:
        """Take in the sender's own report, for our answer to it, and pass it on to those who receive this stream."""
        self._last_report = int.from_bytes(report.sender_info[2:6], "big"), now
        for pass_on in self.on_report:
            pass_on(report)

    def report(self, now: float) -> Block:
        """What a receiver report says of this stream since the last one; the worst loss beyond us counts as ours."""
        highest = self._cycles + ((self._next - 1) & 0xFFFF) if self._next else max(self._cycles - 1, 0)
        expected = highest - self._first + 1
        lost, since = expected - self._received, expected - self._expected_before
        missed = max(since - (self._received - self._received_before), 0)
        own = (missed << 8) // since if since > 0 else 0
        fraction = min(255, max([own, *(lost() for lost in self.losses)]))
        self._expected_before, self._received_before = expected, self._received
        middle, heard = self._last_report
        delay = int((now - heard) * 65536) if heard else 0
        return block(self.ssrc, fraction, lost=lost, highest=highest, jitter=int(self._jitter), sr=middle, delay=delay)

    def measured(self, now: float) -> float:
        """Bits a second, over the last second."""
        if now - self._since >= RATE_OVER:
            self.rate = 8 * self._bytes / (now - self._since) if self._since else self.rate
            self._bytes, self._since = 0, now
        return self.rate

    def _is_new(self, seq: int, now: float) -> bool:
        if self._next < 0:
            self._first = seq
            self._next = (seq + 1) & 0xFFFF
            self._cycles = 0 if self._next else 0x10000
            return True
        ahead = rtp.after(seq, self._next)
        if ahead < 0:
            asked = self.missing.pop(seq, None)
            if asked is not None and asked[1]:
                least, most = ASK_AGAIN
                self._patience += (min(max(2 * (now - asked[1]), least), most) - self._patience) / 4
            return asked is not None
        if ahead > LARGEST_GAP:
            self.missing.clear()
        else:
            self.missing |= {(self._next + n) & 0xFFFF: (now, 0.0) for n in range(ahead)}
            while len(self.missing) > LARGEST_GAP:
                del self.missing[next(iter(self.missing))]
        following = (seq + 1) & 0xFFFF
        self._cycles += 0x10000 if following < self._next else 0
        self._next = following
        return True

    def _release(self) -> None:
        self.seal = Seal.SEALED
        held, self._held = self._held, []
        for one in held:
            for sink in self.sinks:
                sink(*one)

    def _found_plain(self) -> bool:
        self.seal = Seal.PLAIN
        self._held.clear()
        return False
