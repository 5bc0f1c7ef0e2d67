"""The signalling of a headless participant: the same socket and messages as a page's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from video.messages import VERSION

PATIENCE: Final = 10.0


class SocketClosed(Exception):  # noqa: N818  a name of what happened: rooms end
    """The connection has ended; the text is the server's reason."""


class Signalling:
    """One socket that was welcomed."""

    def __init__(self, connection: ClientConnection, welcome: dict[str, Any]) -> None:
        self.welcome = welcome
        self._connection = connection

    async def say(self, kind: str, **fields: Any) -> None:
        """Send one message."""
        try:
            await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def hear(self) -> dict[str, Any]:
        """The next message; `SocketClosed` at the end."""
        try:
            message: dict[str, Any] = msgspec.json.decode(await self._connection.recv())
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        return message


def _closed(closed: ConnectionClosed) -> SocketClosed:
    return SocketClosed(closed.rcvd.reason if closed.rcvd is not None else "")


@asynccontextmanager
async def signalling(base_url: str, room: str, *, ticket: str) -> AsyncIterator[Signalling]:
    """A socket of this room for the length of the block; `SocketClosed` with the server's reason if it is refused."""
    scheme, host, path, _, _ = urlsplit(base_url)
    address = urlunsplit(
        ("wss" if scheme == "https" else "ws", host, f"{path.rstrip('/')}/video/rooms/{room}/ws", "", "")
    )
    origin = f"{scheme}://{host}"
    async with connect(address, additional_headers={"Origin": origin}, open_timeout=PATIENCE) as connection:
        await connection.send(msgspec.json.encode({"type": "hello", "v": VERSION, "ticket": ticket}).decode())
        try:
            while (said := msgspec.json.decode(await connection.recv()))["type"] != "welcome":
                pass
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        yield Signalling(connection, said)
