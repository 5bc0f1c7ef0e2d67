"""A real server on loopback with the rooms, and a client that speaks the signalling."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from video.embedded import Embedded
from video.ice import Ice
from video.media import Unit
from video.messages import Refused, UnitOffer, Want
from video.precheck import Precheck
from video.room import Role
from video.rooms import Rooms
from video.routes import router
from video.tickets import Tickets

KEY = bytes(range(32))


@asynccontextmanager
async def serving(app: FastAPI, listening: socket.socket) -> AsyncIterator[None]:
    """The app behind a real uvicorn, for the length of the block."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


class Client:
    """One socket of the signalling."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def say(self, kind: str, **fields: Any) -> None:
        """Send one message."""
        await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())

    async def raw(self, text: str | bytes) -> None:
        """Send anything."""
        await self._connection.send(text)

    async def hear(self, *, kind: str = "") -> dict[str, Any]:
        """The next message, or the next one of this kind."""
        async with asyncio.timeout(5):
            while True:
                message: dict[str, Any] = msgspec.json.decode(await self._connection.recv())
                if kind in ("", message["type"]):
                    return message

    async def closed(self) -> tuple[int, str]:
        """Why the server closed the connection."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(5):
                async for _ in self._connection:
                    pass
        return self._connection.close_code or 0, self._connection.close_reason or ""

    async def quiet(self) -> list[str]:
        """The kinds of all messages that came before the answer to a ping; nothing can come later from before it."""
        await self.say("ping", n=77)
        kinds: list[str] = []
        while (message := await self.hear())["type"] != "pong":
            kinds.append(message["type"])
        return kinds

    async def drop(self) -> None:
        """Lose the connection."""
        await self._connection.close()


@dataclass
class Office:
    """The rooms, the tickets and the address of a running server."""

    rooms: Rooms
    tickets: Tickets
    host: str
    unit: Unit | None = field(default=None, kw_only=True)
    fallen: set[tuple[str, str]] = field(default_factory=set, kw_only=True)

    def ticket(self, participant: str, *, room: str = "room-1") -> str:
        """A ticket, bound to the participant; who is called `doctor…` is a physician."""
        role = Role.PHYSICIAN if participant.startswith("doctor") else Role.PATIENT
        return self.tickets.mint(room, participant, role=role, bound=participant)

    async def holds(self, room: str, bound: str) -> bool:
        """True unless a test said otherwise."""
        return (room, bound) not in self.fallen

    @asynccontextmanager
    async def socket(self, *, room: str = "room-1", origin: str | None = "same") -> AsyncIterator[Client]:
        """A socket that has not said hello."""
        named = f"http://{self.host}" if origin == "same" else origin
        address = f"ws://{self.host}/video/rooms/{room}/ws"
        async with connect(address, additional_headers={"Origin": named} if named else {}) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def enter(self, participant: str, *, room: str = "room-1") -> AsyncIterator[tuple[Client, dict[str, Any]]]:
        """A socket that was welcomed, and the welcome."""
        async with self.socket(room=room) as client:
            await client.say("hello", v=1, ticket=self.ticket(participant, room=room))
            yield client, await client.hear(kind="welcome")


@dataclass
class _Unit:
    """The office's unit, for as long as it has one."""

    office: Office

    def offer(self, room: str, participant: str, *, message: UnitOffer) -> None:
        if self.office.unit is None:
            self.office.rooms.tell(room, participant, message=Refused("unit", message.call))
        else:
            self.office.unit.offer(room, participant, message=message)

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        if self.office.unit is not None:
            self.office.unit.view(room, participant, want=want)


def bound(port: int = 0) -> socket.socket:
    """A listening socket, on a port that the system chose unless it is that of a server that was there before."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """A running server with empty rooms."""
    listening = bound()
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    rooms, tickets = Rooms(), Tickets(KEY)
    app, made = FastAPI(), Office(rooms, tickets, host)
    precheck, media = Precheck(Ice()), Embedded(rooms, Ice(), addresses=("127.0.0.1",))
    made.unit = media
    app.include_router(
        router(rooms, tickets, ice=Ice(), precheck=precheck, origins=origins(host), holds=made.holds, unit=_Unit(made))
    )
    async with media.running(), serving(app, listening):
        yield made


def origins(host: str) -> list[str]:
    """What browsers call this server."""
    return [f"http://{host}", f"http://localhost:{host.rpartition(':')[2]}"]
