"""Ids that the server makes: unique in the region, in the order of their making, saying nothing about anybody."""

import os
import random
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

# Row ids count microseconds since 2020 in 51 bits, then 12 random bits: enough until 2091 in a signed 64-bit column.
START: Final = 1_577_836_800_000_000
RANDOM_BITS: Final = 12

_DIGITS: Final = re.compile(r"[0-7][0-9a-f]{15}")


class RowIds:
    """Makes row ids without asking the database; each is larger than the one before."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """A new row id."""
        # Only so that two processes hardly ever make the same one: nothing is safer for nobody's guessing them.
        apart = random.getrandbits(RANDOM_BITS)  # nosemgrep: guessable-secret - no secret
        made = ((time.time_ns() // 1000 - START) << RANDOM_BITS) | apart
        with self._lock:
            self._last = max(self._last + 1, made)
            return self._last


new_row_id: Final = RowIds()


def new_id() -> str:
    """A logical id: 16 hexadecimal digits of time and 16 of chance."""
    return encode(new_row_id()) + os.urandom(8).hex()


def encode(row_id: int) -> str:
    """A row id in 16 hexadecimal digits."""
    return f"{row_id:016x}"


def decode(text: str) -> int | None:
    """The row id behind 16 hexadecimal digits, or None if they are not one."""
    return int(text, 16) if _DIGITS.fullmatch(text) else None


def made_at(row_id: int) -> datetime:
    """When a row id was made, by the machine's clock."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=(row_id >> RANDOM_BITS) + START)


def first_after(moment: datetime) -> int:
    """The smallest row id that can be made at a moment or later; 0 before all of them."""
    since = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) - START
    return max(0, since << RANDOM_BITS)
