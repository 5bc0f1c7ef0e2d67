"""The signalling of a headless participant inside the process that has the room: the same messages without a socket."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from video.desk import Desk
from video.headless.socket import SocketClosed
from video.messages import Close, Outgoing, PeerInfo, decode, encode
from video.signalling import heed, welcome


class Seat:
    """One seat in one room; what its holder says is heeded as what a page says is."""

    def __init__(self, room: str, *, desk: Desk) -> None:
        self.welcome: dict[str, Any] = {}
        self._room, self._desk = room, desk
        self._you: PeerInfo | None = None
        self._heard: asyncio.Queue[Outgoing | Close] = asyncio.Queue()

    def take(self, ticket: str) -> None:
        """Sit down; raises what `Rooms.enter` raises."""
        self._you, token = self._desk.rooms.enter(self._desk.tickets.check(ticket), self)
        self.welcome = _plain(welcome(self._room, self._you, token, desk=self._desk))

    def leave(self) -> None:
        """Give the seat up, if it is still there."""
        if self._you is not None:
            self._desk.rooms.leave(self._room, self._you.id, line=self)

    async def say(self, kind: str, **fields: Any) -> None:
        """Say one message; it is checked like any other."""
        assert self._you is not None, "who speaks has a seat"
        message = decode(msgspec.json.encode({"type": kind, **fields}))
        await heed(message, self._room, you=self._you, line=self, desk=self._desk)

    async def hear(self) -> dict[str, Any]:
        """The next message; `SocketClosed` at the end."""
        message = await self._heard.get()
        if isinstance(message, Close):
            raise SocketClosed(message.value[1])
        return _plain(message)

    def send(self, message: Outgoing) -> None:
        """Queue a message for the holder."""
        self._heard.put_nowait(message)

    def close(self, reason: Close) -> None:
        """Queue the end."""
        self._heard.put_nowait(reason)


@contextmanager
def seated(room: str, ticket: str, *, desk: Desk) -> Iterator[Seat]:
    """A seat for the length of the block."""
    seat = Seat(room, desk=desk)
    seat.take(ticket)
    try:
        yield seat
    finally:
        seat.leave()


def _plain(message: Outgoing) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(encode(message))
    return found
