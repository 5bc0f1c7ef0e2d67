"""Asking addresses that others name: real servers on loopback, and a resolver that says what the test wants."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import outgoing
from infra.outgoing import LOOPBACK, Address, AddressRefused, NotAnswered, Outgoing, is_public, outgoing_from
from infra.problems import Problem
from infra.settings import Settings
from tests.fixtures.tls import server_context

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeys"


@dataclass
class Site:
    """A server that answers each connection with the same bytes, and what it was asked."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def site(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    """The server on loopback for the length of the block; it keeps the connection open after its answer."""
    told = Site()

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            told.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(
        lambda reader, writer: serving.add(asyncio.create_task(serve(reader, writer))), "127.0.0.1", 0, ssl=tls
    )
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        await asyncio.gather(*serving)


@dataclass
class Zone:
    """A resolver of the test's own: each question gets the next of its answers, the last one for ever."""

    answers: list[list[str]]
    asked: int = 0

    async def __call__(self, host: str, port: int) -> list[Address]:
        """The addresses of whatever host."""
        self.asked += 1
        return [ipaddress.ip_address(one) for one in self.answers[min(self.asked, len(self.answers)) - 1]]


def to_loopback(*answers: list[str], schemes: tuple[str, ...] = ("http",)) -> Outgoing:
    """A way out that lets the test's own servers pass."""
    return Outgoing(frozenset(schemes), LOOPBACK, Zone(list(answers) or [["127.0.0.1"]]))


async def test_a_body_is_fetched_and_the_server_is_told_the_name() -> None:
    async with site(OK) as told:
        assert await to_loopback().fetch(f"http://keys.example:{told.port}/jwks", limit=4) == b"keys"

    assert told.asked[0].startswith(b"GET /jwks HTTP/1.1\r\nHost: keys.example:")


async def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    serving, trusting = server_context(tmp_path, "keys.example")
    way = replace(to_loopback(schemes=("https",)), trust=lambda: trusting)

    async with site(OK, serving) as told:
        assert await way.fetch(f"https://keys.example:{told.port}/", limit=4) == b"keys"
        with pytest.raises(NotAnswered):
            await way.fetch(f"https://other.example:{told.port}/", limit=4)
        with pytest.raises(NotAnswered):
            await way.fetch(f"https://127.0.0.1:{told.port}/", limit=4)


async def test_a_certificate_that_the_machine_does_not_know_is_no_answer(tmp_path: Path) -> None:
    serving, _ = server_context(tmp_path, "keys.example")

    async with site(OK, serving) as told:
        with pytest.raises(NotAnswered):
            await to_loopback(schemes=("https",)).fetch(f"https://keys.example:{told.port}/", limit=4)


PRIVATE = [
    *(
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
    ),
    *("168.63.129.16", "192.0.0.192", "100.100.100.200", "192.88.99.1", "198.18.0.1", "203.0.113.1", "224.0.0.1"),
    *(
        "233.252.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
    ),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1"),
    "2001:0:7f00:1::1",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_that_is_not_public_is_refused_before_anything_is_sent(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))

    for answer in ([address], ["9.9.9.9", address]):
        with pytest.raises(AddressRefused):
            await Outgoing(resolve=Zone([answer])).fetch("https://keys.example/", limit=4)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"])
def test_a_public_address_passes(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_never_more_public_than_what_it_carries(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wraps = (0xFFFF << 32 | number, 0x2002 << 112 | number << 80 | 1, 0x64FF9B << 96 | number, number)

    for wrapped in map(ipaddress.IPv6Address, wraps):
        assert is_public(address) or not is_public(wrapped)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://keys.example/",
            "ftp://keys.example/",
            "file:///etc/passwd",
            "gopher://keys.example/",
            "keys.example",
            "",
        ),
        *("//keys.example/", "https:///jwks", "https://user:secret@keys.example/", "https://@evil\\@keys.example/"),
        *("https://keys.example:99999/", "https://[::1/", "https://keys.example/\r\nX: y", "https://k/" + "x" * 2_000),
    ],
)
async def test_an_address_in_a_form_that_nobody_needs_is_refused(url: str) -> None:
    zone = Zone([["9.9.9.9"]])

    with pytest.raises(AddressRefused):
        await Outgoing(resolve=zone).fetch(url, limit=4)

    assert zone.asked == 0


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "[::ffff:7f00:1]", "0"])
async def test_loopback_is_recognised_however_it_is_written(host: str) -> None:
    with pytest.raises(AddressRefused):
        await outgoing.fetch(f"https://{host}/", limit=4)


async def test_a_name_is_resolved_once_so_that_its_second_answer_is_never_used() -> None:
    async with site(OK) as told:
        way = to_loopback(["127.0.0.1"], ["10.0.0.1"])
        assert await way.fetch(f"http://keys.example:{told.port}/", limit=4) == b"keys"

    assert isinstance(way.resolve, Zone)
    assert way.resolve.asked == 1


async def test_looking_at_an_address_and_connecting_by_name_would_reach_the_second_answer() -> None:
    """The twin: what a plain client does after a look that was satisfied."""
    async with site(OK) as told:
        zone = Zone([["9.9.9.9"]])
        assert all(is_public(address) for address in await zone("localhost", told.port))
        async with httpx.AsyncClient(trust_env=False) as careless:
            assert (await careless.get(f"http://localhost:{told.port}/")).content == b"keys"


async def test_the_next_address_is_tried_where_the_first_takes_no_connection() -> None:
    async with site(OK) as told:
        assert await to_loopback(["127.0.0.2", "127.0.0.1"]).fetch(f"http://k.example:{told.port}/", limit=4) == b"keys"


async def test_a_redirect_is_no_answer_and_is_not_followed() -> None:
    async with site(OK) as inner:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inner.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with site(moved) as told:
            with pytest.raises(NotAnswered):
                await to_loopback().fetch(f"http://keys.example:{told.port}/", limit=4)

        assert inner.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlarge",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nkeys",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"220 mail.example ESMTP\r\n",
    ],
    ids=["too long", "too long in pieces", "packed", "absent", "cut off", "endless head", "another protocol"],
)
async def test_another_answer_than_a_short_200_is_none(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LONGEST", 0.3)

    async with site(answer) as told:
        with pytest.raises(NotAnswered):
            await to_loopback().fetch(f"http://keys.example:{told.port}/", limit=4)


async def test_a_name_that_does_not_resolve_is_no_answer() -> None:
    async def nowhere(host: str, port: int) -> list[Address]:
        raise OSError

    for resolve in (nowhere, Zone([[]])):
        with pytest.raises(NotAnswered):
            await Outgoing(resolve=resolve).fetch("https://keys.example/", limit=4)
    with pytest.raises(NotAnswered):
        await outgoing.fetch(f"https://{'x' * 80}.example/", limit=4)


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy") as proxy, site(OK) as told:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert await to_loopback().fetch(f"http://keys.example:{told.port}/", limit=9) == b"keys"
        assert proxy.asked == []


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3:1/", "https://user:secret@keys.example/", "http://keys.example:1/secret"]
)
async def test_no_error_repeats_the_address(url: str) -> None:
    with pytest.raises(Problem) as told:
        await to_loopback().fetch(url, limit=4)

    assert "secret" not in str(told.value) and "example" not in str(told.value)
    assert told.value.__suppress_context__ or told.value.__context__ is None


@pytest.mark.parametrize("send", [Outgoing.client, lambda way: httpx.AsyncClient(transport=way.transport())])
async def test_a_client_for_more_than_a_fetch_goes_the_same_way(send: Callable[[Outgoing], httpx.AsyncClient]) -> None:
    async with site(OK) as told:
        async with send(to_loopback()) as client:
            assert (await client.post(f"http://hook.example:{told.port}/", content=b"x")).content == b"keys"
        async with send(Outgoing(frozenset({"http"}))) as client:
            with pytest.raises(AddressRefused):
                await client.post(f"http://127.0.0.1:{told.port}/", content=b"x")

    assert len(told.asked) == 1


async def test_the_demo_may_ask_itself_and_production_may_not() -> None:
    async with site(OK) as told:
        url = f"http://localhost:{told.port}/"
        assert await outgoing_from(Settings(environment="demo")).fetch(url, limit=4) == b"keys"
        with pytest.raises(AddressRefused):
            await outgoing_from(Settings(environment="production")).fetch(url, limit=4)


async def test_a_network_that_the_operator_names_may_be_asked(tmp_path: Path) -> None:
    serving, trusting = server_context(tmp_path, "127.0.0.7")
    way = outgoing_from(Settings(environment="production", outgoing_networks="10.0.0.0/8, 127.0.0.7/32"))

    async with site(OK, serving) as told:
        with pytest.raises(AddressRefused):
            await replace(way, trust=lambda: trusting).fetch(f"https://127.0.0.1:{told.port}/", limit=4)
    assert ipaddress.ip_network("10.0.0.0/8") in way.networks


async def test_without_the_look_at_addresses_the_own_network_would_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(OK) as told:
        url, strict = f"http://metadata.example:{told.port}/", replace(to_loopback(), networks=())
        with pytest.raises(AddressRefused):
            await strict.fetch(url, limit=4)
        monkeypatch.setattr(outgoing, "is_public", lambda address: True)

        assert await strict.fetch(url, limit=4) == b"keys"
