"""Where the time of a forwarded packet goes: each step alone, over batches, in one process that never sleeps.

Microseconds of processor a packet, the best of many rounds, so that neighbours on the machine count little. What waking
up costs comes on top; `unit.py` measures all of it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pylibsrtp import Policy

from tests.bench.unit import SIZES
from tests.bench.unit_bare import session
from tests.bench.unit_load import Shape, packet
from tests.bench.unit_server import floor
from video import rtcp, twcc
from video.datagrams import BATCH, bound
from video.group import Group
from video.headless import offer
from video.leg import Leg
from video.sdp import Local
from video.transport import Cipher
from video.unit_offer import parse_unit_offer

ROUNDS: Final = 300
ACKNOWLEDGED: Final = 17
"""Packets of one message at 175 a second and ten messages."""

KID: Final = 0x100
PICTURES: Final = 5
LOCAL: Final = Local("load", "p" * 22, (("sha-256", ":".join(["AA"] * 32)),), ())
SHAPE: Final = Shape(
    (offer.VP8, offer.FIRST_PICTURE_SSRC),
    (offer.OPUS, offer.AUDIO_SSRC),
    offer.WIDE_ID,
    bytes([0x90, KID >> 8, KID & 0xFF, 3]),
)


class Steps:
    """The best time of each step so far, in seconds a packet."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, *, count: int = BATCH) -> Iterator[None]:
        """Time what is done inside."""
        began = time.process_time()
        yield
        self.best[name] = min(self.best.get(name, 1.0), (time.process_time() - began) / count)


class Work:
    """One leg that sends and one that receives, the keys of both, and sockets on loopback."""

    def __init__(self) -> None:
        self.load, self.unit, self.far = (bound("127.0.0.1") for _ in range(3))
        self.to_unit, self.to_far = (one.packed(*one.socket.getsockname()) for one in (self.unit, self.far))
        self.tx, self.inward = session(Policy.SSRC_ANY_OUTBOUND), Cipher(session(Policy.SSRC_ANY_INBOUND))
        self.out = Cipher(session(Policy.SSRC_ANY_OUTBOUND))
        self.left, self.now = list[bytes](), 1.0
        self.group = Group(lambda who, said: None)
        self.legs = [self._leg(str(number)) for number in range(2)]
        for number, leg in enumerate(self.legs):
            leg.send_through(self.left.append)
            self.group.join(str(number), leg, self.now)
        self.count = 0

    def _leg(self, who: str) -> Leg:
        return Leg(
            parse_unit_offer(offer.write_offer(LOCAL, slots=1)),
            kid=KID,
            on_stream=lambda key: self.group.began(who, key, self.now),
            on_plain=lambda: None,
            now=lambda: self.now,
        )

    def come(self) -> None:
        """A batch of packets has come, five pictures to two sounds."""
        for _ in range(BATCH):
            turn, place = divmod(self.count, len(SIZES))
            is_picture = place < PICTURES
            number = turn * PICTURES + place if is_picture else turn * (len(SIZES) - PICTURES) + place - PICTURES
            self.load.queue(self.tx.protect(packet(SHAPE, self.count, is_picture=is_picture, n=number)), self.to_unit)
            self.count += 1
        self.load.flush()

    def forward(self, steps: Steps) -> None:
        """Forward the batch, step by step."""
        with steps.step("received, many in a call"):
            batch = self.unit.receive()
        with steps.step("decrypted"):
            plain = [self.inward.unprotect(data) for data, _ in batch]
        with steps.step("read, looked at, numbered anew, kept"):
            for one in plain:
                self.legs[0].rtp(one or b"")
        with steps.step("encrypted"):
            protected = [self.out.protect(one) for one in self.left]
        with steps.step("laid ready"):
            for one in protected:
                self.unit.queue(one or b"", self.to_far)
        with steps.step("sent, many in a call"):
            self.unit.flush()
        self.left.clear()
        while self.far.receive():
            pass

    def acknowledge(self, steps: Steps) -> None:
        """Tell a sender what came, and hear the same of a receiver."""
        sent = self.legs[1].out
        numbers = [(sent.number - place) & 0xFFFF for place in reversed(range(ACKNOWLEDGED))]
        arrivals = twcc.Arrivals()
        for place, number in enumerate(numbers):
            sent.sent.note(number, self.now, 1000)
            arrivals.note(number, self.now + place / 175)
        self.now += 0.1
        with steps.step("acknowledged, both ways", count=ACKNOWLEDGED):
            feedback: list[rtcp.Packet] = [one] if (one := arrivals.feedback(sender=1, media=2)) else []
            data = rtcp.write(feedback)
            self.out.protect(data)
            self.legs[1].rtcp(data)

    def close(self) -> None:
        """Give the sockets back."""
        for one in (self.load, self.unit, self.far):
            one.close()


def measured(rounds: int = ROUNDS) -> dict[str, float]:
    """Microseconds a packet: of each step, and of the floor that they are held against."""
    steps, work = Steps(), Work()
    for _ in range(rounds):
        work.come()
        work.forward(steps)
        work.acknowledge(steps)
    work.close()
    return {name: 1e6 * best for name, best in steps.best.items()} | {"the floor": min(floor(SIZES) for _ in range(5))}


if __name__ == "__main__":
    for what, cost in measured().items():
        print(f"{what:40} {cost:5.2f} us")
