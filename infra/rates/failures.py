"""Failed attempts, counted together by all processes: guesses are not multiplied by how many processes serve.

Each is counted where it is known, too, so that while Redis is silent a process goes on from what it has seen itself.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from limits import RateLimitItem

from infra.rates.counter import Counter

DIGEST: Final = 16


class Failures:
    """Counts of failures. `secret` hides addresses and names from who reads Redis; processes share it."""

    def __init__(self, counter: Counter, *, secret: bytes) -> None:
        self._counter, self._secret = counter, secret[:64]

    async def are_full(self, window: RateLimitItem, *whose: str) -> bool:
        """True if so many failures were counted for this that the next attempt has to wait."""
        return not await self._counter.has_room(window, self._key(whose))

    async def count(self, window: RateLimitItem, *whose: str) -> None:
        """Nothing; one more failure of this."""
        await self._counter.note(window, self._key(whose))

    def _key(self, whose: Sequence[str]) -> str:
        # With the length before each part, so that no two lists of parts are written alike.
        named = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in whose)
        return f"failed/{blake2b(named, key=self._secret, digest_size=DIGEST).hexdigest()}"
