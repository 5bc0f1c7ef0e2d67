"""The moving windows of one process: a bounded number of keys, each with the times of what was counted.

`limits` has a storage in memory too; its async one looks at every key in a thread of its own for each of them, without a
bound on how many there are, which would be a gift to whoever owns many addresses.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from limits.aio.storage import MovingWindowSupport, Storage

# Least recently counted keys go first; an attacker with many addresses loosens limits, and fills no memory.
MOST_KEYS: Final = 50_000


class Recent(Storage, MovingWindowSupport):
    """What was counted, by key, as pairs of time and amount."""

    STORAGE_SCHEME = None

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._counted: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a count can fail with: nothing of its own."""
        return ValueError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """True and counted if the window has room for the amount."""
        _, present = await self.get_moving_window(key, limit, expiry)
        if present + amount > limit:
            return False
        self._counted.setdefault(key, deque()).append((self._now(), amount))
        self._counted.move_to_end(key)
        if len(self._counted) > MOST_KEYS:
            self._counted.popitem(last=False)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest that still counts was counted, and how much counts."""
        now = self._now()
        counted = self._counted.get(key)
        if counted is None:
            return now, 0
        while counted and counted[0][0] <= now - expiry:
            counted.popleft()
        if not counted:
            del self._counted[key]
            return now, 0
        return counted[0][0], sum(amount for _, amount in counted)

    async def clear(self, key: str) -> None:
        """Nothing; the key is as if never counted."""
        self._counted.pop(key, None)

    async def reset(self) -> int:
        """How many keys were forgotten."""
        forgotten = len(self._counted)
        self._counted.clear()
        return forgotten

    async def check(self) -> bool:
        """True: memory is always there."""
        return True

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """For fixed windows, which are not used here."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """For fixed windows, which are not used here."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """For fixed windows, which are not used here."""
        raise NotImplementedError
