"""Requests that two machines in a row could read differently are refused (RFC 9112, 3.2 and 6.1), on a real socket."""

import asyncio
from pathlib import Path

import pytest

from infra import envelope
from tests.fixtures.processes import free_port
from tests.telemed.service import Service, demo_settings, listening

CHUNKS = b"5\r\nhallo\r\n0\r\n\r\n"
REFUSED = {
    "two hosts": (b"GET /livez HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n", b""),
    "a coding beneath the chunks": (b"POST /j HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", CHUNKS),
    "codings in two lines": (
        b"POST /j HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        CHUNKS,
    ),
    "a length beside the chunks": (
        b"POST /j HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        CHUNKS,
    ),
}


async def status(port: int, head: bytes, body: bytes = b"") -> int:
    """The status of the answer to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + b"Connection: close\r\n\r\n" + body)
    line = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_is_framed_in_two_ways_is_refused_and_what_is_framed_in_one_is_not(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    settings = demo_settings(tmp_path, database_url)
    settings = settings.model_copy(update={"base_url": f"http://localhost:{port}"})
    async with listening(settings):
        told = {name: await status(port, *sent) for name, sent in REFUSED.items()}
        chunked = await status(port, b"POST /j HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n", CHUNKS)
        plain = await status(port, b"GET /livez HTTP/1.1\r\nHost: a\r\n")
        monkeypatch.setattr(envelope, "refuse_misframed", lambda _: None)
        twin = await status(port, *REFUSED["two hosts"])

    assert set(told.values()) == {400}
    assert (plain, twin) == (200, 200) and chunked not in (400, 500)


async def test_an_address_with_a_route_of_its_own_allows_what_that_route_takes(service: Service) -> None:
    answer = await service.http.options("/fhir/metadata")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
