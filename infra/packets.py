"""Connections: answers in one packet, and heads of requests that come to an end.

uvicorn writes the head and the body of an answer one after the other. Each is a system call, a packet and a wake-up of
whoever reads: 10 us of the 120 that a read takes. What is written within one turn of the event loop is handed over together.

Its parser joins a header to what came of it before, piece by piece and without a limit: the work of a request head
grows with the square of its size. So a head is cut off (RFC 6585, 5).
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HELD: Final = 65_536  # bytes; more is handed over at once, so that a writer that is too fast is slowed down
MOST_HEAD: Final = 65_536  # bytes of a request, or of what follows a body, without an end of its headers
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class InOnePacket(HttpToolsProtocol):
    """uvicorn's protocol over such a connection; a socket that a connection turns into keeps it."""

    _open = 0  # bytes since headers ended, or a body went on

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Nothing; the connection is there."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]  # a transport in all it does

    def data_received(self, data: bytes) -> None:
        """Nothing; whoever sends headers without an end is told so and cut off."""
        self._open += len(data)
        super().data_received(data)
        if self._open > MOST_HEAD and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Nothing; the request is on its way to the application."""
        self._open = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Nothing; the application has a part of the body."""
        self._open = 0
        super().on_body(body)


class Together:
    """A transport that hands over what was written when the present turn of the loop ends."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Nothing; the bytes leave with the others of this turn, in their order."""
        if not self._held:
            self._loop.call_soon(self._hand_over)
        self._held.append(data)
        self._size += len(data)
        if self._size > MOST_HELD:
            self._hand_over()

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Nothing; as `write` of all of them."""
        self.write(b"".join(parts))

    def get_write_buffer_size(self) -> int:
        """The bytes that have not left yet."""
        return self._size + self._transport.get_write_buffer_size()

    def write_eof(self) -> None:
        """Nothing; what was written leaves before the end does."""
        self._hand_over()
        self._transport.write_eof()

    def close(self) -> None:
        """Nothing; what was written leaves before the connection closes."""
        self._hand_over()
        self._transport.close()

    def _hand_over(self) -> None:
        held, self._held, self._size = self._held, [], 0
        # The other side may have gone meanwhile, which is no error of ours.
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))
