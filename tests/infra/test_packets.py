"""Head and body of an answer leave together, in their order, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from infra.packets import MOST_HELD, InOnePacket, Together
from tests.fixtures.processes import free_port


class Wire:
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("close")

    def write_eof(self) -> None:
        self.told.append("end")

    def get_write_buffer_size(self) -> int:
        return 5


def together() -> tuple[Wire, Together]:
    wire = Wire()
    return wire, Together(wire, asyncio.get_running_loop())  # type: ignore[arg-type]  # as far as it is asked


async def test_what_is_written_in_one_turn_is_one_packet() -> None:
    wire, transport = together()

    transport.write(b"head ")
    transport.writelines([b"bo", b"dy"])
    assert (wire.told, transport.get_write_buffer_size()) == ([], 14)
    await asyncio.sleep(0)

    assert wire.told == [b"head body"]
    assert transport.get_write_buffer_size() == 5


async def test_nothing_is_lost_when_the_connection_ends() -> None:
    closed, first = together()
    ended, second = together()

    first.write(b"last")
    first.close()
    second.write(b"last")
    second.write_eof()
    await asyncio.sleep(0)

    assert closed.told == [b"last", "close"]
    assert ended.told == [b"last", "end"]


async def test_a_fast_writer_is_not_held_in_memory() -> None:
    wire, transport = together()

    transport.write(b"x" * MOST_HELD)
    transport.write(b"y")

    assert wire.told == [b"x" * MOST_HELD + b"y"]


@asynccontextmanager
async def serving(app: Callable[..., Awaitable[None]]) -> AsyncIterator[int]:
    """A server with this protocol; its port."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, http=InOnePacket, log_level="critical", lifespan="off", loop="uvloop")
    )
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await running


async def large(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3000000")]})
    for number in range(3):
        await send({"type": "http.response.body", "body": bytes([97 + number]) * 1_000_000, "more_body": number < 2})


async def test_a_large_answer_and_the_next_one_arrive_whole() -> None:
    async with serving(large) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(3_000_000)
            assert head.startswith(b"HTTP/1.1 200")
            assert body == b"a" * 1_000_000 + b"b" * 1_000_000 + b"c" * 1_000_000
        writer.close()
        await writer.wait_closed()
