"""Permits that a process took in blocks, so that a request usually spends one without asking anybody.

A block is a small share of the window, taken from the shared count before it is used: together the processes never let
more pass than the rate. What a process holds and nobody uses within a second is lost to the others, at most one block each.
"""

import asyncio
import math
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from infra.problems import TooMany
from infra.rates.counter import Counter
from infra.rates.rate import Rate

MOST_HELD: Final = 20_000
Key = tuple[str, str]
"""What kind of limit, and whose: a client's id or an address."""


class TooManyRequests(TooMany):
    """Too many requests. Wait as many seconds as Retry-After says, then try again."""


class _Held:
    """Permits of one key, or, with none, the time until which nobody asks for more."""

    __slots__ = ("left", "until")

    def __init__(self, left: int, until: float) -> None:
        self.left, self.until = left, until


class Permits:
    """Permits of one process. `secret` hides addresses and names from who reads Redis; processes share it."""

    def __init__(self, counter: Counter, *, secret: bytes, now: Callable[[], float] = time.monotonic) -> None:
        self._counter, self._secret, self._now = counter, secret, now
        self._held: dict[Key, _Held] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def spend(self, key: Key) -> bool:
        """True if a permit was there and is spent; False if somebody has to be asked. `TooManyRequests` in a pause."""
        held = self._held.get(key)
        if held is None or held.until <= self._now():
            return False
        if held.left > 0:
            held.left -= 1
            return True
        if held.left == 0:
            return False
        raise TooManyRequests(headers={"Retry-After": str(math.ceil(held.until - self._now()))})

    async def take(self, key: Key, rate: Rate) -> None:
        """Nothing; a permit is spent, after asking for a block where needed. `TooManyRequests` if there is none."""
        if not rate.windows:
            return
        while not self.spend(key):
            # One asks for all who wait: each taking a block of its own would use up what is then not spent.
            asking = self._asking.get(key)
            if asking is None:
                asking = self._asking[key] = asyncio.create_task(self._ask(key, rate))
            await asyncio.shield(asking)

    async def _ask(self, key: Key, rate: Rate) -> None:
        try:
            for block in dict.fromkeys((rate.block, 1)):
                full = await self._full(key, rate, block)
                if full is None:
                    self._hold(key, _Held(block, self._now() + rate.hold))
                    return
            assert full is not None
            self._hold(key, _Held(-1, self._now() + full))
        finally:
            del self._asking[key]

    async def _full(self, key: Key, rate: Rate, block: int) -> int | None:
        """None if every window gave the block; else the seconds to wait for the first that is full."""
        name = blake2b(key[1].encode(), key=self._secret[:64], digest_size=16).hexdigest()
        for window in rate.windows:
            if not await self._counter.hit(window, f"{key[0]}/{name}", cost=block):
                return rate.pause(window)
        return None

    def _hold(self, key: Key, held: _Held) -> None:
        # As a new last entry, so that the first is the one asked for longest ago.
        self._held.pop(key, None)
        self._held[key] = held
        if len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]
