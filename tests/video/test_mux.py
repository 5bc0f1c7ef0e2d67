"""One socket for many connections: each gets its own datagrams, and nobody takes an address over without its password."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import aioice
import pytest
from aioice import stun
from aioice.ice import StunProtocol
from aiortc import RTCIceServer
from hypothesis import given
from hypothesis import strategies as st

from video import mux
from video.mirror import Mirror
from video.mux import MOST_ADDRESSES, Mux, Port, Shared
from video.transport import Path

LOOPBACK = "127.0.0.1"
MEDIA = b"\x80media"


class Ends:
    """Connections at one port, and what each was given."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.got: dict[str, list[bytes]] = {}
        self.passwords: dict[str, str] = {}

    def add(self, name: str) -> StunProtocol:
        """Another connection, whose user fragment this is."""
        connection = aioice.Connection(ice_controlling=False, local_username=name)
        protocol, got = self.port.add(connection), self.got.setdefault(name, [])
        protocol.datagram_received = lambda data, addr: got.append(bytes(data))  # type: ignore[method-assign, arg-type]
        self.passwords[name] = connection.local_password
        return protocol

    def address(self, number: int = 1) -> Any:
        """Somewhere."""
        return self.port.datagrams.packed("192.0.2.1", number)

    def check(self, name: str, *, password: str = "", number: int = 1) -> None:
        """A connectivity check for this connection comes from there."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{name}:theirs"
        message.add_message_integrity((password or self.passwords[name]).encode())
        self.port.take(bytes(message), self.address(number))

    def media(self, name: str) -> int:
        """How many media this connection was given."""
        return self.got[name].count(MEDIA)


@asynccontextmanager
async def ends(*names: str) -> AsyncIterator[Ends]:
    """A port with these connections."""
    made = Ends(Port(LOOPBACK))
    for name in names:
        made.add(name)
    try:
        yield made
    finally:
        made.port.close()


async def test_each_gets_what_comes_from_its_own_address() -> None:
    async with ends("anna", "bert") as made:
        made.check("anna", number=1)
        made.check("bert", number=2)
        for number in (1, 2, 2):
            made.port.take(MEDIA, made.address(number))

        assert (made.media("anna"), made.media("bert")) == (1, 2)


async def test_what_comes_from_nowhere_known_is_nobodys() -> None:
    async with ends("anna") as made:
        made.port.take(MEDIA, made.address())
        made.port.take(b"", made.address())

        assert made.got == {"anna": []}


async def test_address_is_not_taken_over_by_who_does_not_know_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ends("anna", "bert") as made:
        made.check("anna")
        made.check("bert", password="a guess")
        made.port.take(MEDIA, made.address())
        assert (made.media("anna"), made.media("bert")) == (1, 0)

        monkeypatch.setattr(stun.Message, "check_message_integrity", lambda *asked: True)  # the guard, taken away
        made.check("bert", password="a guess")
        made.port.take(MEDIA, made.address())
        assert made.media("bert") == 1


async def test_new_address_in_the_middle_of_a_batch_is_followed_and_the_old_one_still_heard() -> None:
    async with ends("anna") as made:
        made.check("anna", number=1)
        made.port.take(MEDIA, made.address(1))
        made.check("anna", number=2)
        for number in (2, 1, 2):
            made.port.take(MEDIA, made.address(number))

        assert made.media("anna") == 4


async def test_same_address_under_a_new_connection_is_that_ones_from_its_check_on() -> None:
    async with ends("before", "after") as made:
        made.check("before")
        made.port.take(MEDIA, made.address())
        made.check("after")
        made.port.take(MEDIA, made.address())

        assert (made.media("before"), made.media("after")) == (1, 1)


async def test_who_is_gone_gets_nothing_and_leaves_nothing_behind() -> None:
    async with ends("bert") as made:
        anna = made.add("anna")
        made.check("anna", number=1)
        made.check("bert", number=2)

        await anna.close()
        made.port.take(MEDIA, made.address(1))
        made.check("anna", number=1)
        made.port.take(MEDIA, made.address(2))

        assert (made.media("anna"), made.media("bert")) == (0, 1)
        assert len(made.port._bound) == len(made.port._ends) == 1
        anna.transport.sendto(b"late", ("127.0.0.1", 9))
        anna.transport.abort()
        assert anna.transport.is_closing()


async def test_answer_to_a_question_of_ours_reaches_who_asked() -> None:
    async with ends("anna", "bert") as made:
        bert = made.port._ends["bert"].protocol
        asked = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        bert.transactions[asked.transaction_id] = stun.Transaction(asked, ("192.0.2.9", 9), bert)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=asked.transaction_id)

        made.port.take(bytes(answer), made.address(9))

        assert made.got == {"anna": [], "bert": [bytes(answer)]}
        made.port.take(MEDIA, made.address(9))  # an answer binds nothing
        assert not made.media("bert")


async def test_addresses_of_one_connection_are_bounded() -> None:
    async with ends("anna") as made:
        for number in range(1, 3 * MOST_ADDRESSES):
            made.check("anna", number=number)

        assert len(made.port._bound) == MOST_ADDRESSES
        made.port.take(MEDIA, made.address(3 * MOST_ADDRESSES - 1))
        assert made.media("anna") == 1


def _as_stun(data: bytes) -> bytes:
    return b"\0\1" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + data


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(_as_stun), max_size=20))
async def test_bytes_of_anybody_leave_nothing_behind(datagrams: list[bytes]) -> None:
    async with ends("anna") as made:
        for one in datagrams:
            made.port.take(one, made.address())

        assert made.port._bound == {}
        assert made.got == {"anna": []}


async def test_sockets_are_shared_as_far_as_their_buffer_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, made = Mux(), []
    try:
        for _ in range(5):
            connection = aioice.Connection(ice_controlling=False)
            made.append(shared.open(connection, LOOPBACK, component=1))
            port = shared._ports[LOOPBACK][-1]
            monkeypatch.setattr(port, "_most", 2)

        assert [len(port._ends) for port in shared._ports[LOOPBACK]] == [2, 2, 1]
        assert made[0].local_candidate.port == made[1].local_candidate.port != made[2].local_candidate.port
        await made[0].close()
        shared.open(aioice.Connection(ice_controlling=False), LOOPBACK, component=1)
        assert [len(port._ends) for port in shared._ports[LOOPBACK]] == [2, 2, 1]
    finally:
        shared.close()


async def test_buffer_holds_an_eighth_of_a_second_of_everybody() -> None:
    async with ends() as made:
        granted = made.port.datagrams.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

        assert made.port._most == max(granted // mux.HELD_A_CONNECTION, 1)


class StunServer(asyncio.DatagramProtocol):
    """Tells whoever asks that it is seen at an address of documentation."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(asked.message_method, stun.Class.RESPONSE, transaction_id=asked.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.77", 4077)
        self.transport.sendto(bytes(answer), addr)


async def test_where_a_stun_server_sees_us_is_gathered_over_the_shared_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **families: [])
    shared, loop = Mux(), asyncio.get_running_loop()
    serving, _ = await loop.create_datagram_endpoint(StunServer, local_addr=(LOOPBACK, 0))
    servers = [RTCIceServer(f"stun:{LOOPBACK}:{serving.get_extra_info('sockname')[1]}")]
    path = Path(Mirror({}), servers=servers, addresses=(LOOPBACK, "198.51.100.1"), mux=shared)
    try:
        local = await path.gather()
    finally:
        await path.close()
        shared.close()
        serving.close()

    assert [candidate.split(" ")[4] for candidate in local.candidates] == [LOOPBACK, "192.0.2.77"]


async def test_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(OSError, match="assign"):
        Mux().open(aioice.Connection(ice_controlling=False), "198.51.100.1", component=1)


async def test_shared_transport_is_what_the_protocol_expects() -> None:
    async with ends() as made:
        transport = made.add("anna").transport

        assert isinstance(transport, Shared)
        assert transport.get_extra_info("sockname") == made.port.datagrams.socket.getsockname()
