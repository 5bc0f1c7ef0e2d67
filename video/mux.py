"""One socket for all ICE connections of a process at one address: whose a datagram is, by its sender's address.

An address belongs to the connection whose password its latest connectivity check knew (RFC 8445 section 7.3), so nobody
takes another's over by naming them. What comes from elsewhere, and is no such check, is nobody's.
"""

import asyncio
import socket
import struct
from typing import Any, Final

import aioice
from aioice import stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

from video.datagrams import Address, bound
from video.turns import Turns

MOST_ADDRESSES: Final = 16
"""Of one connection; the one first seen is forgotten."""

HELD_A_CONNECTION: Final = 52_000
"""Bytes of buffer for what a participant sends in an eighth of a second, as the kernel counts them."""

FIRST_MEDIA: Final = 4
"""Lower first bytes are STUN (RFC 7983)."""


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
        self._turns = Turns(bound(host), self.take)
        self.datagrams = self._turns.datagrams
        granted = self.datagrams.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._most = max(granted // HELD_A_CONNECTION, 1)
        self._ends: dict[str, StunProtocol] = {}
        self._bound: dict[Address, tuple[StunProtocol, tuple[str, int]]] = {}

    @property
    def room(self) -> bool:
        """True if another connection may share it."""
        return len(self._ends) < self._most

    def add(self, connection: aioice.Connection) -> StunProtocol:
        """Another connection's end at this socket."""
        protocol = self._ends[connection.local_username] = StunProtocol(connection)
        protocol.connection_made(Shared(self, connection.local_username))
        return protocol

    def remove(self, name: str) -> None:
        """Take nothing for this connection any more."""
        protocol = self._ends.pop(name, None)
        if protocol is not None:
            for address in [one for one, (owner, _) in self._bound.items() if owner is protocol]:
                del self._bound[address]
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)

    def close(self) -> None:
        """Send what waits, and give the socket back."""
        self._turns.close()

    def send(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send a datagram there at the end of this turn."""
        self._turns.send(data, self.datagrams.packed(*addr))

    def take(self, data: bytes, address: Any) -> None:
        """Hand a datagram to whom it belongs."""
        known = self._bound.get(address)
        if known is not None and data and data[0] >= FIRST_MEDIA:
            known[0].datagram_received(data, known[1])
        else:
            self._check(data, address)

    def _check(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse_message(data)
        except (ValueError, IndexError, struct.error):  # anybody's bytes
            return
        if message.message_class is stun.Class.REQUEST:
            owner = self._asked(message)
            if owner is not None:
                self._bind(address, owner)
        else:
            owner = next((one for one in self._ends.values() if message.transaction_id in one.transactions), None)
        if owner is not None:
            owner.datagram_received(data, self.datagrams.named(address))

    def _asked(self, message: stun.Message) -> StunProtocol | None:
        """Whom a check asks for, if it knows the password."""
        name = message.attributes.get("USERNAME", "").partition(":")[0]
        owner = self._ends.get(name)
        if owner is None or "MESSAGE-INTEGRITY" not in message.attributes:
            return None
        password = owner.receiver.local_password.encode()
        return owner if message.check_message_integrity(password) else None

    def _bind(self, address: Address, owner: StunProtocol) -> None:
        known = self._bound.get(address)
        if known is not None and known[0] is owner:
            return
        own = [one for one, (whose, _) in self._bound.items() if whose is owner]
        if len(own) >= MOST_ADDRESSES:
            del self._bound[own[0]]
        self._bound[address] = owner, self.datagrams.named(address)


class Shared(asyncio.DatagramTransport):
    """One connection's part of a socket."""

    def __init__(self, port: Port, name: str) -> None:
        super().__init__({"sockname": port.datagrams.socket.getsockname()[:2]})
        self._port, self._name = port, name
        self._closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram there at the end of this turn; nothing once closed."""
        if not self._closing:
            self._port.send(data, addr)

    def close(self) -> None:
        """Take and send nothing any more."""
        if not self._closing:
            self._closing = True
            self._port.remove(self._name)

    abort = close

    def is_closing(self) -> bool:
        """True once closed."""
        return self._closing
