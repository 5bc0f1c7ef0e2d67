"""Limits against guessing: per address and overall, counted by all processes together.

The limit per code stands in the database, where the attempt itself is.
"""

from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute

from infra.problems import TooMany
from infra.rates import Failures, network_of

# A care home or a practice shares one address; five people may each mistype four times.
ADDRESS_FAILURES: Final = 20
ADDRESS_MINUTES: Final = 10
# Above this many failures a minute somebody guesses at scale; addresses without a failure of their own stay served.
OVERALL_FAILURES: Final = 300
OF_ADDRESS: Final[RateLimitItem] = RateLimitItemPerMinute(ADDRESS_FAILURES, ADDRESS_MINUTES)
AT_ALL: Final[RateLimitItem] = RateLimitItemPerMinute(1, ADDRESS_MINUTES)
OVERALL: Final[RateLimitItem] = RateLimitItemPerMinute(OVERALL_FAILURES, 1)


class TooManyAttempts(TooMany):
    """Too many attempts. Please wait ten minutes or call us."""


class GuessingGuard:
    """Refuses addresses that guess at join codes, letters and PINs."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures

    async def admit(self, address: str) -> None:
        """Nothing, or `TooManyAttempts`. Nobody can lock out an address that has not failed itself."""
        key, failures = network_of(address), self._failures
        # Who has not failed costs one look, whatever happens elsewhere.
        if not await failures.are_full(AT_ALL, "guess", key, "at all"):
            return
        if await failures.are_full(OF_ADDRESS, "guess", key) or await failures.are_full(OVERALL, "guess"):
            raise TooManyAttempts(headers={"Retry-After": str(ADDRESS_MINUTES * 60)})

    async def note_failure(self, address: str) -> None:
        """Nothing; the failure counts for the address and overall."""
        key = network_of(address)
        await self._failures.count(AT_ALL, "guess", key, "at all")
        await self._failures.count(OF_ADDRESS, "guess", key)
        await self._failures.count(OVERALL, "guess")
