"""The way between two browsers, and from each to the server, as something that a test can make bad or take away.

`Crossing` stands between the candidates of two pages as a router with address translation does: whatever one sends to
the other, checks and handshakes included, comes to it first. `Gate` does the same for what goes to the server over TCP.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import msgspec

from tests.video.impairment import Line
from video.messages import Answer, Candidate, Offer, Relayed, UnitAnswer
from video.rooms import Rooms

LOOPBACK: Final = "127.0.0.1"
MEDIA: Final = range(128, 192)
"""First bytes of SRTP and SRTCP (RFC 7983); everything else is a check or a handshake."""

OWN_CANDIDATES: Final = re.compile(r"^a=(?:candidate:.*|end-of-candidates)\r\n", re.MULTILINE)


class _End(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Any], None]) -> None:
        self.take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.take(data, addr)


class Crossing:
    """All ways of some pages. `line` loses media; `dark` loses everything."""

    def __init__(self) -> None:
        self.line = Line()
        self.dark = False
        self._open: list[asyncio.DatagramTransport] = []
        self._ways: dict[tuple[str, int], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def between(self, rooms: Rooms) -> AsyncIterator[None]:
        """For as long as it lasts, whoever is told a candidate is told an address of ours in its place."""
        relay, tell = rooms.relay, rooms.tell
        rooms.relay = partial(self._relay, relay)  # type: ignore[method-assign]  # an instance's own
        rooms.tell = partial(self._tell, tell)  # type: ignore[method-assign]  # an instance's own
        try:
            yield
        finally:
            rooms.relay, rooms.tell = relay, tell  # type: ignore[method-assign]
            for one in self._open:
                one.close()
            await asyncio.sleep(0)  # they close in the next turn

    def _relay(self, relay: Callable[..., bool], room: str, sender: str, *, message: Relayed) -> bool:
        if isinstance(message, Offer | Answer):
            message = msgspec.structs.replace(message, sdp=OWN_CANDIDATES.sub("", message.sdp))
        if not isinstance(message, Candidate):
            return relay(room, sender, message=message)
        self._later(self._told(relay, room, sender, message=message))
        return True  # whether anybody is there to hear it shows with the offer

    async def _told(self, relay: Callable[..., bool], room: str, sender: str, *, message: Candidate) -> None:
        moved = await self._moved(message.candidate) if message.candidate else message.candidate
        if moved is not None:
            relay(room, sender, message=msgspec.structs.replace(message, candidate=moved))

    def _tell(self, tell: Callable[..., None], room: str, participant: str, *, message: Any) -> None:
        if not isinstance(message, UnitAnswer):
            tell(room, participant, message=message)
            return
        self._later(self._answered(tell, room, participant, message=message))

    async def _answered(self, tell: Callable[..., None], room: str, participant: str, *, message: UnitAnswer) -> None:
        lines = []
        for line in message.sdp.split("\r\n"):
            moved = await self._moved(line) if line.startswith("a=candidate:") else line
            lines += [moved] if moved is not None else []
        tell(room, participant, message=msgspec.structs.replace(message, sdp="\r\n".join(lines)))

    async def _moved(self, candidate: str) -> str | None:
        """The candidate at an address of ours; None for one that is not reached over UDP."""
        parts = candidate.split()
        if parts[2].lower() != "udp":
            return None
        behind = parts[4], int(parts[5])
        if behind not in self._ways:
            self._ways[behind] = await self._way(behind)
        return " ".join([*parts[:4], LOOPBACK, str(self._ways[behind]), "typ", "host"])

    async def _way(self, behind: tuple[str, int]) -> int:
        """The port at which whoever wants to reach this address does."""
        inner: dict[Any, asyncio.DatagramTransport] = {}

        def arrived(data: bytes, addr: Any) -> None:
            if addr in inner:
                self._carry(data, partial(inner[addr].sendto, addr=behind))
            else:
                self._later(begin(data, addr))

        async def begin(data: bytes, addr: Any) -> None:
            inner[addr] = await self._end(lambda back, _: self._carry(back, partial(outer.sendto, addr=addr)))
            arrived(data, addr)

        outer = await self._end(arrived)
        port: int = outer.get_extra_info("sockname")[1]
        return port

    async def _end(self, take: Callable[[bytes, Any], None]) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _End(take), local_addr=(LOOPBACK, 0))
        self._open.append(transport)
        return transport

    def _carry(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        if self.dark:
            return
        if data and data[0] in MEDIA:
            self.line.carry(deliver, data)
        else:
            deliver(data)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Gate:
    """A port that leads to the server's. Shut, it passes nothing, and what was sent waits, as TCP would send it again."""

    def __init__(self) -> None:
        self._light = asyncio.Event()
        self._light.set()

    def shut(self) -> None:
        """Pass nothing any more; connections stay as they are, new ones get no answer."""
        self._light.clear()

    def open(self) -> None:
        """Pass everything again."""
        self._light.set()

    @asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[int]:
        """The port of the gate, for the length of the block."""
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, here = await asyncio.open_connection(LOOPBACK, port)
            for one in (self._pass(reader, here), self._pass(there, writer)):
                task = asyncio.create_task(one)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, LOOPBACK, 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._light.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
