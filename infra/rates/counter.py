"""Counting in Redis, together with the other processes; while it does not answer, in this process alone."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from infra.rates.recent import Recent

log = structlog.get_logger()

# A request waits for it, so not long; then nobody waits again for a while.
TIMEOUT: Final = 0.5
REST: Final = 5.0
PREFIX: Final = "telemed:rate"


class Counter:
    """Room in moving windows. Limits never stop the service: where Redis is silent, each process counts for itself."""

    def __init__(self, redis_url: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._here = Recent(now)
        self._storage = _redis(redis_url) if redis_url else None
        self._shared = MovingWindowRateLimiter(self._storage) if self._storage else None
        self._silent_until = 0.0
        self._silent = False

    async def hit(self, window: RateLimitItem, key: str, *, cost: int = 1) -> bool:
        """True and counted if the window of the key has room."""
        counted = await self._together(lambda shared: shared.hit(window, key, cost=cost))
        return self._here.hit(window, key, cost=cost) if counted is None else counted

    async def has_room(self, window: RateLimitItem, key: str) -> bool:
        """True if neither here nor together the window of the key is full; nothing is counted."""
        shared = await self._together(lambda shared: shared.test(window, key))
        return shared is not False and self._here.has_room(window, key)

    async def note(self, window: RateLimitItem, key: str) -> None:
        """Nothing; it is counted together, and here, so that this process knows of it while Redis is silent."""
        await self._together(lambda shared: shared.hit(window, key))
        self._here.hit(window, key)

    async def _together(self, ask: Callable[[MovingWindowRateLimiter], Awaitable[bool]]) -> bool | None:
        """What the count that processes share says; None where there is none, or it does not answer."""
        if self._shared is None or self._now() < self._silent_until:
            return None
        try:
            said = await ask(self._shared)
        except (RedisError, OSError, TimeoutError):
            self._fall_silent()
            return None
        self._speak_again()
        return said

    async def close(self) -> None:
        """Nothing; the connections are closed."""
        if self._storage is not None:
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # a client of redis-py

    def _fall_silent(self) -> None:
        self._silent_until = self._now() + REST
        if not self._silent:
            self._silent = True
            log.warning("limits_counted_by_each_process")

    def _speak_again(self) -> None:
        if self._silent:
            self._silent = False
            log.info("limits_counted_together")


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        key_prefix=PREFIX,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
    )
