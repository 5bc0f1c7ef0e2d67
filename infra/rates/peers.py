"""From where a request comes: the peer of the connection, or what a proxy that is trusted says about it."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import structlog
from starlette.types import Scope

log = structlog.get_logger()

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# The widest that one operator's networks are: 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193). More is everybody.
WIDEST: Final = {4: 8, 6: 7}
# A household or an attacker holds all of a /64 (RFC 6177); counting single addresses would be no limit.
IPV6_PREFIX: Final = 64
FORWARDED: Final = b"x-forwarded-for"


class Peers:
    """Addresses of clients. Nobody is believed but the proxies in the networks that the operator names."""

    def __init__(self, trusted: Iterable[Network]) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(1024)(self._lies_in_trusted)
        self._noted = False

    def address_of(self, scope: Scope) -> str:
        """The address of who asks, without its port; "" where the connection has none.

        Of X-Forwarded-For the last entry that no trusted proxy wrote about another one counts: what stands before it
        the client may have sent itself.
        """
        client = scope.get("client")
        address: str = client[0] if client else ""
        if not self._trusted or not self._is_trusted(address):
            return address
        for entry in reversed(_forwarded(scope)):
            try:
                address = str(ipaddress.ip_address(_bare(entry)))
            except ValueError:
                return address
            if not self._is_trusted(address):
                return address
        return address

    def note_proxy(self, scope: Scope) -> None:
        """Nothing; one line in the log if a proxy is there that nobody named: all behind it would count as one."""
        if not self._noted and not self._trusted and _forwarded(scope):
            self._noted = True
            log.warning("proxy_not_trusted")

    def _lies_in_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def networks_from(text: str) -> tuple[Network, ...]:
    """The networks of a list with commas, such as `10.20.0.0/16, fd00:12::/48`; ValueError where one is none, or all."""
    found = tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    for network in found:
        if network.prefixlen < WIDEST[network.version]:
            raise ValueError(f"{network} is wider than any network of yours. Name the networks themselves.")
    return found


@lru_cache(4096)
def network_of(address: str) -> str:
    """The address, or for IPv6 its /64; for an IPv4 address in IPv6 form the IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))


def _forwarded(scope: Scope) -> list[str]:
    """The entries of all headers X-Forwarded-For, in the order in which they were added."""
    values = (value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED)
    return [entry.strip() for value in values for entry in value.split(",")]


def _bare(entry: str) -> str:
    """An entry without its port: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
