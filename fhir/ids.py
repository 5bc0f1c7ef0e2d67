"""Ids that the server makes: unique in the region, in the order of their making, saying nothing about anybody."""

import secrets
import threading
import time
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
# Row ids count microseconds since 2020 in 51 bits, then 12 random bits: enough until 2091 in a signed 64-bit column.
START: Final = 1_577_836_800_000_000
RANDOM_BITS: Final = 12
WIDTH: Final = 13


class RowIds:
    """Makes row ids without asking the database; each is larger than the one before."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """A new row id."""
        made = ((time.time_ns() // 1000 - START) << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
        with self._lock:
            self._last = max(self._last + 1, made)
            return self._last


new_row_id: Final = RowIds()


def new_id() -> str:
    """A logical id: 13 characters of time and 13 of chance (65 bits), in Crockford's base 32."""
    return encode(new_row_id()) + encode(secrets.randbits(5 * WIDTH))


def encode(number: int) -> str:
    """A number of at most 65 bits in 13 characters."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (WIDTH - 1), -1, -5))


def decode(text: str) -> int | None:
    """The number behind 13 characters, or None if they are not such a number."""
    if len(text) != WIDTH or any(letter not in ALPHABET for letter in text):
        return None
    number = 0
    for letter in text:
        number = number << 5 | ALPHABET.index(letter)
    return number
