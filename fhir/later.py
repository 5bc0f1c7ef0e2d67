"""Checks that can only be made when a whole transaction is in: in a single write at once, in a transaction at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Check = Callable[[], None]

# A unit runs from its beginning to its end in one thread, so what it puts off is its own.
_PUT_OFF: Final[ContextVar[list[Check] | None]] = ContextVar("_PUT_OFF", default=None)


def at_the_end(check: Check) -> None:
    """Nothing; the check is made now, or put off if a transaction is going on."""
    waiting = _PUT_OFF.get()
    if waiting is None:
        check()
    else:
        waiting.append(check)


@contextmanager
def putting_off() -> Iterator[list[Check]]:
    """A stretch of work whose checks are put off into this list, for the one who opened it to make."""
    waiting: list[Check] = []
    token = _PUT_OFF.set(waiting)
    try:
        yield waiting
    finally:
        _PUT_OFF.reset(token)
