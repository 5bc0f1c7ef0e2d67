"""The bare work of a unit: each datagram that arrives is decrypted, encrypted and sent on, and nothing else is done.

The same loop, the same sockets, the same sizes at the same rates as in `unit.py`, but with keys that both know and no
look at anything. What the unit costs more than this is what it does.
"""

import asyncio
import time
from typing import Any, Final, cast

from pylibsrtp import Policy, Session

from tests.bench.unit_load import BEAT, SOUND_BYTES, VIDEO_BYTES

KEY: Final = bytes(range(44))
HEAD: Final = 24


def session(kind: int) -> Session:
    """SRTP under the key that both know."""
    return Session(Policy(key=KEY, ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM))


class Bare(asyncio.DatagramProtocol):
    """One participant's end at the server; `other` is the one it forwards to."""

    def __init__(self) -> None:
        self.other: Bare | None = None
        self.forwarded = 0
        self.address: Any = None
        self._inward, self._out = session(Policy.SSRC_ANY_INBOUND), session(Policy.SSRC_ANY_OUTBOUND)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to send from."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Forward it."""
        self.address = addr
        other = self.other
        if other is not None and other.address is not None:
            packet = self._inward.unprotect(data)
            other._transport.sendto(other._out.protect(packet), other.address)
            self.forwarded += 1


async def pairs(calls: int) -> list[tuple[int, Bare]]:
    """The server's ends of so many calls of two, each with its port."""
    loop, found = asyncio.get_running_loop(), list[tuple[int, Bare]]()
    for _ in range(2 * calls):
        transport, end = await loop.create_datagram_endpoint(Bare, local_addr=("127.0.0.1", 0))
        found.append((transport.get_extra_info("sockname")[1], end))
    for (_, one), (_, other) in zip(found[::2], found[1::2], strict=True):
        one.other, other.other = other, one
    return found


class BareCaller(asyncio.DatagramProtocol):
    """A participant that sends what the callers of `unit.py` send."""

    def __init__(self, number: int, *, kilobits: int) -> None:
        self._ssrc, self._session, self._seq = number + 1, session(Policy.SSRC_ANY_OUTBOUND), 0
        self._every = VIDEO_BYTES * 8 / (kilobits * 1000)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to send from."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    async def send(self, until: float, *, started: float) -> None:
        """Send until then."""
        pictures = sounds = 0
        while (now := time.monotonic()) < until:
            while pictures * self._every < now - started:
                pictures += 1
                self._packet(VIDEO_BYTES)
            while sounds * 0.02 < now - started:
                sounds += 1
                self._packet(SOUND_BYTES)
            await asyncio.sleep(BEAT)

    def _packet(self, size: int) -> None:
        self._seq = (self._seq + 1) & 0xFFFF
        head = b"\x80\x60" + self._seq.to_bytes(2, "big") + bytes(4) + self._ssrc.to_bytes(4, "big")
        self._transport.sendto(self._session.protect(head + bytes(size + HEAD - 12)))
