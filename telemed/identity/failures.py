"""Limits on failed sign-ins. Only failures count, so a busy system that does it right is never slowed down.

Counted by address and claimed client together, and by address alone more generously: a stranger can't lock a clinic out
by failing in its name from somewhere else. All processes count together (`infra.rates.failures`).
"""

from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute

from infra.problems import TooMany
from infra.rates import Failures, network_of

MINUTES: Final = 5
PER_NAME: Final = 10
PER_ADDRESS: Final = 100
OF_NAME: Final[RateLimitItem] = RateLimitItemPerMinute(PER_NAME, MINUTES)
OF_ADDRESS: Final[RateLimitItem] = RateLimitItemPerMinute(PER_ADDRESS, MINUTES)


class TooManyFailures(TooMany):
    """Too many failed attempts. Wait five minutes, then try again."""


class FailureLimit:
    """Counts failed attempts and refuses further ones."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures

    async def check(self, address: str, name: str) -> None:
        """Nothing; refuses who has failed too often in the last five minutes. All of an IPv6 /64 is one address."""
        address = network_of(address)
        of_name = await self._failures.are_full(OF_NAME, "sign-in", address, name[:64])
        if of_name or await self._failures.are_full(OF_ADDRESS, "sign-in", address):
            raise TooManyFailures(headers={"Retry-After": str(MINUTES * 60)})

    async def failed(self, address: str, name: str) -> None:
        """Nothing; the failure is counted."""
        address = network_of(address)
        await self._failures.count(OF_NAME, "sign-in", address, name[:64])
        await self._failures.count(OF_ADDRESS, "sign-in", address)
