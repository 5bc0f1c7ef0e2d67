"""Head and body of an answer leave together and in their order; a head that does not end is cut off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from infra import packets
from infra.packets import MOST_HEAD, MOST_HELD, InOnePacket, Together
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

    def is_closing(self) -> bool:
        return "close" in self.told


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


async def told(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
    """Reads the whole body and says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    head: dict[str, Any] = {"type": "http.response.start", "status": 200}
    await send({**head, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


START = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "endless", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"], ids=["address", "value", "headers"]
)
async def test_a_head_without_an_end_is_cut_off_and_told_so(endless: bytes) -> None:
    async with serving(told) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        piece = b"x: y\r\n" * 3_000 if endless.endswith(b"\r\n") else b"a" * 18_000
        writer.write(endless)
        with suppress(ConnectionError):
            for _ in range(20):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        answer = b""
        with suppress(ConnectionError):
            answer = await reader.read()
        writer.close()

        assert answer.startswith(b"HTTP/1.1 431") or not answer
        assert await sizes(port, START + b"Content-Length: 2\r\n\r\nok") == b"2"


async def test_trailers_without_an_end_are_cut_off() -> None:
    async with serving(told) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(START + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
        with suppress(ConnectionError):
            for _ in range(20):
                writer.write(b"x: y\r\n" * 3_000)
                await writer.drain()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_a_large_body_and_a_large_head_within_the_limit_are_taken() -> None:
    async with serving(told) as port:
        assert await sizes(port, START + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000) == b"3000000"
        chunks = b"".join(b"3e8\r\n" + b"x" * 1000 + b"\r\n" for _ in range(300)) + b"0\r\n\r\n"
        assert await sizes(port, START + b"Transfer-Encoding: chunked\r\n\r\n" + chunks) == b"300000"
        large = b"X: " + b"a" * (MOST_HEAD - 1000) + b"\r\n"
        assert await sizes(port, START + large + b"Content-Length: 1\r\n\r\nx") == b"1"


async def test_without_the_limit_a_head_goes_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "MOST_HEAD", 10_000_000)
    large = b"X: " + b"a" * 3 * MOST_HEAD + b"\r\n"
    async with serving(told) as port:
        assert await sizes(port, START + large + b"Content-Length: 1\r\n\r\nx") == b"1"


async def test_nothing_is_written_to_whoever_has_gone() -> None:
    wire, transport = together()

    transport.write(b"late")
    wire.told.append("close")
    await asyncio.sleep(0)

    assert wire.told == ["close"]


async def sizes(port: int, request: bytes) -> bytes:
    """What is answered to a request, sent in pieces."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for start in range(0, len(request), 50_000):
        writer.write(request[start : start + 50_000])
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return body
