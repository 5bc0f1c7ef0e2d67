"""The one way out: requests to addresses that somebody else names, such as a client's keys or its hook.

Whoever may name an address could make the server ask its own network (SSRF): the cloud's metadata, a database, a
printer. So a name is resolved once, every address it has must be a public one, and the connection goes to the address
that was looked at, with the certificate checked for the name. Nothing is followed, no proxy of the environment is
asked, and time and size end. https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html

Servers that the operator names (database, Redis, mail, Vault) do not go this way: they stand in the operator's network.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import httpx

from infra.problems import Unavailable, Unprocessable
from infra.rates.peers import Network, networks_from
from infra.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]

# All of an exchange, from the name to the last byte: a server that drips holds nobody longer.
LONGEST: Final = 5.0
# Resolvers that answer with a whole zone make nobody try it out.
MOST_ADDRESSES: Final = 8
LONGEST_ADDRESS: Final = 2_000
LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# What the registries call global and is not for us all the same.
NEVER: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("168.63.129.16/32"),  # the host of a virtual machine at Azure
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # anycast of 6to4 relays, given up (RFC 7526)
    ipaddress.ip_network("3fff::/20"),  # for documentation (RFC 9637)
)
# All of IPv6 that was ever given to hosts of the internet (RFC 4291 2.4, IANA's registry).
UNICAST: Final = ipaddress.ip_network("2000::/3")
# Well-known prefix of translation to IPv4 (RFC 6052 2.1); the last 32 bits are the address that is meant.
TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Unprocessable):
    """This address is not one that the server asks. Give a public https address without a user name."""


class NotAnswered(Unavailable):
    """A server that this needs did not answer as it should. Try again shortly."""


@cache
def machine_trust() -> ssl.SSLContext:
    """The machine's certificate authorities; reading them costs milliseconds, so once."""
    return ssl.create_default_context()


async def resolved(host: str, port: int) -> list[Address]:
    """The addresses of a host by the system's resolver, in its order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope after the address (fe80::1%eth0) names a link, and what is on a link is not public.
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """True for an address that stands for one host of the internet, whatever IPv6 form it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        # All of the address forms that carry an IPv4 address are as public as what they carry.
        teredo = address.teredo or ()
        carried = [inner for inner in (address.ipv4_mapped, address.sixtofour, *teredo) if inner is not None]
        if address in TRANSLATED:
            carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if carried:
            return all(is_public(inner) for inner in carried)
        if address not in UNICAST:
            return False
    if address.is_multicast or not address.is_global:
        return False
    return not any(address in network for network in NEVER)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What may be asked, and how names are looked up. `networks` may be asked though they are not public."""

    schemes: frozenset[str] = frozenset({"https"})
    networks: tuple[Network, ...] = ()
    resolve: Resolve = resolved
    trust: Callable[[], ssl.SSLContext] = machine_trust

    async def fetch(self, url: str, *, limit: int) -> bytes:
        """The body of a 200 answer to a GET; `AddressRefused`, or `NotAnswered` for another status or a longer body."""
        try:
            async with asyncio.timeout(LONGEST), self.client() as client:
                # Not compressed: a small answer must not become a large one here.
                headers = {"Accept-Encoding": "identity"}
                async with client.stream("GET", _parsed(url), headers=headers) as answer:
                    if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                        raise NotAnswered
                    return await _body(answer, limit)
        except (httpx.HTTPError, OSError, TimeoutError, UnicodeError):
            # The cause may name the address, which is not ours to tell or to log.
            raise NotAnswered from None

    def client(self) -> httpx.AsyncClient:
        """A client for more than a GET, such as a hook or another's sign-in; everything that it sends goes this way."""
        return httpx.AsyncClient(transport=self.transport(), timeout=LONGEST, trust_env=False, follow_redirects=False)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The same for whoever brings a client of their own, such as Authlib's."""
        return _Checked(self)

    async def addresses(self, url: httpx.URL) -> list[Address]:
        """Where a request may be sent, at least one; `AddressRefused` if the address or any host behind it is not public."""
        if url.scheme not in self.schemes or url.userinfo or not url.host or len(str(url)) > LONGEST_ADDRESS:
            raise AddressRefused
        port = url.port or {"https": 443, "http": 80}[url.scheme]
        if port > 65_535:
            raise AddressRefused
        found = (await self.resolve(url.host, port))[:MOST_ADDRESSES]
        if not found:
            raise NotAnswered
        # All of them: a name that is public and private at once is there to try us.
        if not all(is_public(address) or self._is_ours(address) for address in found):
            raise AddressRefused
        return found

    def require_askable(self, url: str) -> None:
        """Nothing; `AddressRefused` for what will never be asked: known without asking for the name."""
        parsed = _parsed(url)
        if parsed.scheme not in self.schemes:
            raise AddressRefused
        local = parsed.host == "localhost" or parsed.host.endswith(".localhost")  # RFC 6761 6.3
        try:
            address = ipaddress.ip_address("127.0.0.1" if local else parsed.host)
        except ValueError:
            return
        if not is_public(address) and not self._is_ours(address):
            raise AddressRefused

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def outgoing_from(settings: Settings) -> Outgoing:
    """The way out that the operator's settings leave; a demo may also ask itself, without TLS."""
    networks = networks_from(settings.outgoing_networks)
    if settings.is_demo:
        return Outgoing(frozenset({"https", "http"}), (*networks, *LOOPBACK))
    return Outgoing(networks=networks)


async def fetch(url: str, *, limit: int) -> bytes:
    """`Outgoing.fetch` by the strictest rules: https to public addresses."""
    return await Outgoing().fetch(url, limit=limit)


class _Checked(httpx.AsyncHTTPTransport):
    """Sends a request to the address that was looked at; the name stays for the certificate and the header Host."""

    def __init__(self, outgoing: Outgoing) -> None:
        # No connection is kept: a second request to the same address may be for another name.
        limits = httpx.Limits(max_keepalive_connections=0)
        super().__init__(verify=outgoing.trust(), trust_env=False, limits=limits, retries=0)
        self._outgoing = outgoing

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        found = await self._outgoing.addresses(request.url)
        return await self._first(request, found)

    async def _first(self, request: httpx.Request, found: Iterable[Address]) -> httpx.Response:
        """The answer from the first address that takes a connection."""
        failed: Exception = NotAnswered()
        name = request.url.raw_host.decode("ascii")
        for address in found:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
            try:
                return await super().handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, TypeError) as error:
        raise AddressRefused from error


async def _body(answer: httpx.Response, limit: int) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > limit:
            raise NotAnswered
        parts.append(part)
    return b"".join(parts)
