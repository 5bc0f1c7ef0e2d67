"""Where an app may live: the addresses that it is registered with, compared letter by letter (RFC 9700 4.1.3)."""

import re
from typing import Final
from urllib.parse import urlsplit

from infra.problems import Unprocessable

LONGEST: Final = 500
MOST: Final = 10
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ADDRESS: Final = re.compile(r"https?://[!-~]+", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?|\[::1\]", re.ASCII)


class UnusableAddress(Unprocessable):
    """An address of an app begins with https:// (on its own machine http://localhost) and has no user, no * and no #."""


def require_usable(address: str) -> None:
    """Nothing; `UnusableAddress` for one that we would not send people or keys to."""
    if not is_usable(address):
        raise UnusableAddress


def is_usable(address: str) -> bool:
    """True for an absolute https address, or a http one on the machine of whoever opens it (RFC 8252 7.3)."""
    if len(address) > LONGEST or not _ADDRESS.fullmatch(address) or any(mark in address for mark in '#*\\"<>^`{|}'):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    if "@" in parts.netloc or not _HOST.fullmatch(host) or "/../" in f"{parts.path}/" or "/./" in f"{parts.path}/":
        return False
    return parts.scheme == "https" or host in LOOPBACK


def origin(address: str) -> str:
    """Scheme, host and port of an address, as browsers write an origin."""
    parts = urlsplit(address)
    default = {"https": 443, "http": 80}[parts.scheme]
    host = parts.netloc.removesuffix(f":{default}")
    return f"{parts.scheme}://{host}"
