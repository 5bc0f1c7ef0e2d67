"""How much of the record is in memory at once: a page ends where its resources are large, not only where they are many."""

from collections.abc import Iterable, Sequence
from typing import Final

from fhir.rows import SealedRow, Stored

PAGE: Final = 16_777_216  # bytes after which a page ends, whatever `_count` says
STEP: Final = 16_777_216  # bytes of rows in one statement, as far as the rows before them tell
FIRST: Final = 64  # rows in the first statement, when nothing is known of their size


class Room:
    """What is left of a page. Whatever goes beyond it by a part still fits, so that a page is never empty."""

    def __init__(self, count: int) -> None:
        self._entries, self._bytes = count, PAGE

    @property
    def is_full(self) -> bool:
        """True if nothing more fits."""
        return self._entries <= 0 or self._bytes <= 0

    def take(self, body: bytes = b"") -> None:
        """Nothing; an entry with this body is on the page."""
        self._entries -= 1
        self._bytes -= len(body)


def fitting(found: Iterable[Stored], count: int) -> tuple[list[Stored], bool]:
    """What fits on a page of so many entries, and whether more was found."""
    page: list[Stored] = []
    room = Room(count)
    for stored in found:
        if room.is_full:
            return page, True
        room.take(stored.body)
        page.append(stored)
    return page, False


def step(found: Sequence[SealedRow], asked: int, *, most: int) -> int:
    """How many rows to ask for next, where so many were asked for: twice as many, fewer where they are large."""
    size = sum(len(row.body) for row in found)
    return max(1, min(most, 2 * asked, STEP * len(found) // size if size else most))
