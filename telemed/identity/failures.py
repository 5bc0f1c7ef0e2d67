"""Limits on failed sign-ins. Only failures count, so a busy system that does it right is never slowed down.

Counted by address and claimed client together, and by address alone more generously: a stranger can't lock a clinic out
by failing in its name from somewhere else. The counts live in this process; with several processes a guesser gets as
many times the attempts, which a 384-bit key does not mind, and all attempts of an address count together at the gate.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from infra.problems import TooMany
from infra.rates import network_of

WINDOW = timedelta(minutes=5)
PER_NAME = 10
PER_ADDRESS = 100
REMEMBERED = 10_000


class TooManyFailures(TooMany):
    """Too many failed attempts. Wait five minutes, then try again."""


class FailureLimit:
    """Counts failed attempts and refuses further ones."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._counts: OrderedDict[tuple[str, str], tuple[datetime, int]] = OrderedDict()

    def check(self, address: str, name: str) -> None:
        """Nothing; refuses who has failed too often in the last five minutes. All of an IPv6 /64 is one address."""
        address = network_of(address)
        if self._count((address, name)) >= PER_NAME or self._count((address, "")) >= PER_ADDRESS:
            raise TooManyFailures(headers={"Retry-After": str(int(WINDOW.total_seconds()))})

    def failed(self, address: str, name: str) -> None:
        """Nothing; the failure is counted."""
        address = network_of(address)
        for key in ((address, name[:64]), (address, "")):
            count = self._count(key)
            start = self._counts[key][0] if count else self._now()
            self._counts[key] = (start, count + 1)
            self._counts.move_to_end(key)
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def _count(self, key: tuple[str, str]) -> int:
        start, count = self._counts.get((key[0], key[1][:64]), (self._now(), 0))
        return count if self._now() - start < WINDOW else 0
