"""The one way out to addresses that somebody else names: https, to public addresses, nothing followed, time and size end.

Whoever may name an address could make the server ask its own network (SSRF). So a name is resolved once, every address
of it must be a public one, and the connection goes to the address that was looked at.
"""

import asyncio
import ipaddress
import socket
from typing import Final

import httpx

from infra.problems import Unavailable, Unprocessable

LONGEST: Final = 5.0  # seconds, all of an exchange


class AddressRefused(Unprocessable):
    """This address is not one that the server asks. Give a public https address without a user name."""


class NotAnswered(Unavailable):
    """A server that this needs did not answer as it should. Try again shortly."""


async def fetch(url: str, *, limit: int) -> bytes:
    """The body of a 200 answer to a GET; `AddressRefused`, or `NotAnswered` for another status or a longer body."""
    try:
        asked = httpx.URL(url)
        async with asyncio.timeout(LONGEST):
            return await _body(asked, await _public(asked), limit)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, UnicodeError):
        # The cause may name the address, which is not ours to tell or to log.
        raise NotAnswered from None


async def _public(url: httpx.URL) -> str:
    if url.scheme != "https" or url.userinfo or not url.host:
        raise AddressRefused
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not all(address.is_global and not address.is_multicast for address in addresses):
        raise AddressRefused
    return str(addresses[0])


async def _body(url: httpx.URL, address: str, limit: int) -> bytes:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=LONGEST) as client:
        headers = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        there, name = url.copy_with(host=address), {"sni_hostname": url.host}
        async with client.stream("GET", there, headers=headers, extensions=name) as answer:
            if answer.status_code != 200:
                raise NotAnswered
            body = b""
            async for part in answer.aiter_raw():
                body += part
                if len(body) > limit:
                    raise NotAnswered
            return body
