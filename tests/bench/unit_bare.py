"""The bare work of a unit: each datagram that arrives is decrypted, encrypted and sent on, and nothing else is done.

The same loop, the same sockets, the same sizes at the same rates as in `unit.py`, but with keys that both know and no
look at anything. What the unit costs more than this is what it does.
"""

import asyncio
import socket
from typing import Any, Final, cast

from pylibsrtp import Policy, Session

from tests.bench.unit_load import Shape, Sink, Source, source

KEY: Final = bytes(range(44))
PICTURE, SOUND, WIDE = 96, 111, 3


def session(kind: int) -> Session:
    """SRTP under the key that both know."""
    return Session(Policy(key=KEY, ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM))


class Bare(asyncio.DatagramProtocol):
    """One participant's end at the server; `other` is the one it forwards to."""

    def __init__(self) -> None:
        self.other: Bare | None = None
        self.address: Any = None
        self._inward, self._out = session(Policy.SSRC_ANY_INBOUND), session(Policy.SSRC_ANY_OUTBOUND)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to send from."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Forward it."""
        self.address = addr
        other = self.other
        if other is not None and other.address is not None and not 192 <= data[1] <= 223:
            packet = self._inward.unprotect(data)
            other._transport.sendto(other._out.protect(packet), other.address)


async def pairs(calls: int) -> list[int]:
    """The ports of the server's ends of so many calls of two."""
    loop, found = asyncio.get_running_loop(), list[tuple[int, Bare]]()
    for _ in range(2 * calls):
        transport, end = await loop.create_datagram_endpoint(Bare, local_addr=("127.0.0.1", 0))
        found.append((transport.get_extra_info("sockname")[1], end))
    for (_, one), (_, other) in zip(found[::2], found[1::2], strict=True):
        one.other, other.other = other, one
    return [port for port, _ in found]


def load(ports: list[int], kilobits: int, *, seconds: float) -> tuple[list[Source], list[Sink]]:
    """Participants who send and receive at these ports what the callers of `unit.py` do."""
    sources, sinks = [], []
    for number, port in enumerate(ports):
        own = socket.socket(type=socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", 0))
        shape, out = Shape((PICTURE, 2 * number + 1), (SOUND, 2 * number + 2), WIDE), session(Policy.SSRC_ANY_OUTBOUND)
        wire = own, ("127.0.0.1", port)
        sources.append(source(shape, out.protect, kilobits=kilobits, seconds=seconds, wire=wire))
    for number, made in enumerate(sources):
        inward, out = session(Policy.SSRC_ANY_INBOUND), session(Policy.SSRC_ANY_OUTBOUND)
        of = sources[number ^ 1]
        sinks.append(Sink(made.socket, made.address, of, out.protect_rtcp, inward.unprotect, WIDE))
    return sources, sinks
