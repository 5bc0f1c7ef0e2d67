"""The moving windows of one process: a bounded number of keys, each with the times of what was counted.

`limits` has a storage in memory too; its async one looks at every key in a thread of its own for each of them, without a
bound on how many there are, which would be a gift to whoever owns many addresses.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from limits import RateLimitItem

# Least recently counted keys go first; an attacker with many addresses loosens limits, and fills no memory.
MOST_KEYS: Final = 50_000


class Recent:
    """What was counted, by window and key, as pairs of time and amount."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counted: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    def hit(self, window: RateLimitItem, key: str, *, cost: int = 1) -> bool:
        """True and counted if the window of the key has room for the cost."""
        if not self.has_room(window, key, cost=cost):
            return False
        name = window.key_for(key)
        self._counted.setdefault(name, deque()).append((self._now(), cost))
        self._counted.move_to_end(name)
        if len(self._counted) > MOST_KEYS:
            self._counted.popitem(last=False)
        return True

    def has_room(self, window: RateLimitItem, key: str, *, cost: int = 1) -> bool:
        """True if the window of the key has room for the cost; nothing is counted."""
        name, ended = window.key_for(key), self._now() - window.get_expiry()
        counted = self._counted.get(name)
        if counted is None:
            return cost <= window.amount
        while counted and counted[0][0] <= ended:
            counted.popleft()
        if not counted:
            del self._counted[name]
        return sum(amount for _, amount in counted) + cost <= window.amount
