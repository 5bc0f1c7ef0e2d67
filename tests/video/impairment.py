"""A bad line between sockets and forwarding, both ways: lost and late packets by a script that a seed decides.

Datagrams are lost before they are decrypted and after they were encrypted, as on the air. Handshakes and connectivity
checks pass.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from random import Random

from video.link import Deliver, Link


@dataclass
class Line:
    """What a line does to packets in each direction: the share that is lost, and how many seconds each may be late."""

    loss: float = 0.0
    jitter: float = 0.0
    seed: int = 1
    passed: int = 0
    lost: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def carry(self, deliver: Deliver, packet: bytes) -> None:
        """Deliver a packet now, later or never."""
        if self.random.random() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        if self.jitter:
            asyncio.get_running_loop().call_later(self.random.random() * self.jitter, deliver, packet)
        else:
            deliver(packet)


def impaired(line: Line) -> Link:
    """For `ForwardingUnit(link=...)`: every media datagram of every participant crosses this line, in both directions."""
    return lambda deliver: partial(line.carry, deliver)
