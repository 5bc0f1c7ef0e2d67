"""Keys of clients that publish them at an address of their own (`jwks_uri`), fetched and kept for a while.

A key that was taken from the set is good for five minutes at most; a new one is found at its first use. Whoever sends us
a kid that nobody knows makes us ask that client's address once a minute, no more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from infra.clock import Clock, is_within
from infra.problems import Problem
from telemed.identity.clients import UnusableClientKeys, public_keys

LIMIT: Final = 65_536
FRESH: Final = timedelta(minutes=5)
AGAIN: Final = timedelta(minutes=1)
KEPT: Final = 1_000

Jwks = Mapping[str, Any]
NO_KEYS: Final[Jwks] = {"keys": []}
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Fetch(Protocol):
    """`infra.outgoing.fetch`."""

    def __call__(self, url: str, *, limit: int) -> Awaitable[bytes]:
        """The body at the address."""
        ...


@dataclass
class _Known:
    jwks: Jwks = field(default_factory=lambda: NO_KEYS)
    fetched: datetime = NEVER
    asked: datetime = NEVER
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def answers(self, kid: str, now: datetime) -> bool:
        """Whether the kept set is young enough, and says something about the kid or was asked for it just now."""
        asked = is_within(AGAIN, since=self.asked, now=now)
        if not self.is_fresh(now):
            return asked
        return any(key.get("kid") == kid for key in self.jwks["keys"]) or asked

    def is_fresh(self, now: datetime) -> bool:
        """Whether the kept set is young enough to be believed."""
        return is_within(FRESH, since=self.fetched, now=now)


class JwksByUrl:
    """Fetches and keeps the key sets of clients. One for a process."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._now = clock.now
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def keys(self, url: str, *, kid: str) -> Jwks:
        """The key set at the address, of five minutes ago at most; without keys if there is none to be had."""
        known = self._known.setdefault(url, _Known())
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        # One asks, the others wait for what it gets.
        async with known.lock:
            now = self._now()
            if not known.answers(kid, now):
                known.asked = now
                try:
                    known.jwks, known.fetched = await self._read(url), now
                except Problem:
                    known.jwks = known.jwks if known.is_fresh(now) else NO_KEYS
            return known.jwks if known.is_fresh(now) else NO_KEYS

    async def _read(self, url: str) -> Jwks:
        body = await self._fetch(url, limit=LIMIT)
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UnusableClientKeys from None
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise UnusableClientKeys
        # A set may hold keys for other purposes; only those that could sign for us are kept.
        usable = [key for key in found["keys"] if isinstance(key, dict) and _is_usable(key)]
        public_keys({"keys": usable})
        return {"keys": usable}


def _is_usable(key: Mapping[str, Any]) -> bool:
    if key.get("use", "sig") != "sig":
        return False
    try:
        public_keys({"keys": [dict(key)]})
    except UnusableClientKeys:
        return False
    return True
