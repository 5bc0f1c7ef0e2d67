"""One socket for all ICE connections of a process at one address: whose a datagram is, by its sender's address.

An address belongs to the connection whose password its latest connectivity check knew (RFC 8445 section 7.3), so nobody
takes another's over by naming them. What comes from elsewhere, and is no such check, is nobody's.
"""

import asyncio
import socket
import struct
from functools import partial
from typing import Any, Final

import aioice
from aioice import stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

from video.datagrams import Address, bound
from video.link import Deliver
from video.turns import Turns

MOST_ADDRESSES: Final = 16
"""Of one connection; the one first seen is forgotten."""

HELD_A_CONNECTION: Final = 52_000
"""Bytes of buffer for what a participant sends in an eighth of a second, as the kernel counts them."""

FIRST_OTHER: Final = 4
FIRST_MEDIA: Final = 128
LAST_MEDIA: Final = 191
"""By a datagram's first byte RFC 7983 parts RTP and RTCP from STUN, which is below 4, and from the rest."""


class Mux:
    """The sockets of one process: at each address as many as their buffers need, opened when they are needed."""

    def __init__(self) -> None:
        self._ports: dict[str, list[Port]] = {}

    def open(self, connection: aioice.Connection, host: str, *, component: int) -> StunProtocol:
        """The connection's end at this address of ours, with its candidate; `OSError` if it is not ours."""
        ports = self._ports.setdefault(host, [])
        port = next((one for one in ports if one.room), None)
        if port is None:
            port = Port(host)
            ports.append(port)
        protocol = port.add(connection)
        protocol.local_candidate = aioice.Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=protocol.transport.get_extra_info("sockname")[1],
            type="host",
        )
        return protocol

    def close(self) -> None:
        """Give all sockets back."""
        for port in (port for ports in self._ports.values() for port in ports):
            port.close()
        self._ports.clear()


class Port:
    """One socket, and the connections that share it."""

    def __init__(self, host: str) -> None:
        self.turns = Turns(bound(host), self.take)
        self.datagrams = self.turns.datagrams
        self.close = self.turns.close
        """Sends what waits, and gives the socket back."""

        granted = self.datagrams.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._most = max(granted // HELD_A_CONNECTION, 1)
        self._ends: dict[str, Shared] = {}
        self._bound: dict[Address, Shared] = {}

    @property
    def room(self) -> bool:
        """True if another connection may share it."""
        return len(self._ends) < self._most

    def add(self, connection: aioice.Connection) -> StunProtocol:
        """Another connection's end at this socket."""
        end = self._ends[connection.local_username] = Shared(self, connection)
        end.protocol.connection_made(end)
        return end.protocol

    def remove(self, end: "Shared") -> None:
        """Take nothing for this connection any more."""
        self._ends = {name: one for name, one in self._ends.items() if one is not end}
        for address in self._addresses(end):
            del self._bound[address]
        asyncio.get_running_loop().call_soon(end.protocol.connection_lost, None)

    def take(self, data: bytes, address: Any) -> None:
        """Hand a datagram to whom it belongs."""
        end, first = self._bound.get(address), data[0] if data else 0
        if end is None or first < FIRST_OTHER:
            self._check(data, address)
        elif FIRST_MEDIA <= first <= LAST_MEDIA and end.media is not None:
            end.media(data)
        else:
            end.protocol.datagram_received(data, self.datagrams.named(address))

    def _check(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse_message(data)
        except (ValueError, IndexError, struct.error):  # anybody's bytes
            return
        if message.message_class is stun.Class.REQUEST:
            end = self._asked(message)
            if end is not None:
                self._bind(address, end)
        else:
            ends = self._ends.values()
            end = next((one for one in ends if message.transaction_id in one.protocol.transactions), None)
        if end is not None:
            end.protocol.datagram_received(data, self.datagrams.named(address))

    def _asked(self, message: stun.Message) -> "Shared | None":
        """Whom a check asks for, if it knows the password."""
        end = self._ends.get(message.attributes.get("USERNAME", "").partition(":")[0])
        if end is None or "MESSAGE-INTEGRITY" not in message.attributes:
            return None
        return end if message.check_message_integrity(end.protocol.receiver.local_password.encode()) else None

    def _bind(self, address: Address, end: "Shared") -> None:
        if self._bound.get(address) is not end:
            own = self._addresses(end)
            if len(own) >= MOST_ADDRESSES:
                del self._bound[own[0]]
            self._bound[address] = end

    def _addresses(self, end: "Shared") -> list[Address]:
        return [address for address, whose in self._bound.items() if whose is end]


class Shared(asyncio.DatagramTransport):
    """One connection's part of a socket."""

    def __init__(self, port: Port, connection: aioice.Connection) -> None:
        super().__init__({"sockname": port.datagrams.socket.getsockname()[:2]})
        self.protocol = StunProtocol(connection)
        self.media: Deliver | None = None
        """Takes what is neither a check nor of the handshake, in place of the protocol."""

        self._port, self._closing = port, False

    def to(self, addr: tuple[str, int]) -> Deliver:
        """What sends a datagram there, at the end of the turn."""
        return partial(self._port.turns.send, self._port.datagrams.packed(*addr))

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram there at the end of the turn; nothing once closed."""
        if not self._closing:
            self.to(addr)(data)

    def close(self) -> None:
        """Take and send nothing any more."""
        if not self._closing:
            self._closing = True
            self._port.remove(self)

    abort = close

    def is_closing(self) -> bool:
        """True once closed."""
        return self._closing
