"""The signalling of a headless participant: the same socket and messages as a page's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from video.messages import VERSION

PATIENCE: Final = 10.0


class Signalling:
    """One socket that was welcomed."""

    def __init__(self, connection: ClientConnection, welcome: dict[str, Any]) -> None:
        self.welcome = welcome
        self._connection = connection

    async def say(self, kind: str, **fields: Any) -> None:
        """Send one message."""
        await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = msgspec.json.decode(await self._connection.recv())
        return message


@asynccontextmanager
async def signalling(base_url: str, room: str, *, ticket: str) -> AsyncIterator[Signalling]:
    """A socket of this room for the length of the block; `ConnectionClosed` with the server's reason if it is refused."""
    scheme, host, path, _, _ = urlsplit(base_url)
    address = urlunsplit(
        ("wss" if scheme == "https" else "ws", host, f"{path.rstrip('/')}/video/rooms/{room}/ws", "", "")
    )
    origin = f"{scheme}://{host}"
    async with connect(address, additional_headers={"Origin": origin}, open_timeout=PATIENCE) as connection:
        await connection.send(msgspec.json.encode({"type": "hello", "v": VERSION, "ticket": ticket}).decode())
        while (said := msgspec.json.decode(await connection.recv()))["type"] != "welcome":
            pass
        yield Signalling(connection, said)
