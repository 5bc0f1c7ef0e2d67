"""What a Bundle may cost in all: its work, counted in the unit of searches, and the size of its answer.

The unit is a resource that a search opens and checks: 66 us of one core. The prices of other work are measured too and
rounded up. Work is counted, not time, so that a slow or busy machine carries out what a fast one does. A request for a
single resource is bounded by its body, and what it does is charged to nobody.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from fhir.search.asking import Effort, TooCostly, charge, sharing
from infra.problems import Problem, Unprocessable

MOST_EFFORT: Final = 30_000  # about two seconds; 2,000 new resources of 5 KiB with 20 tokens each come to 15,000
MOST_ANSWERED: Final = 33_554_432  # bytes of the resources in an answer, which are in memory until all is done
MOST_SECONDS: Final = (
    30.0  # the last resort, against what nobody counts; ten times what a slow machine takes for all else
)

ENTRY: Final = 2  # its place in the Bundle, its permit and its line in the log
VERSION: Final = 1  # writing it
CHANGE: Final = 4  # keeping the version before, and looking for tokens that are no more
CRITERIA: Final = 6
BYTES: Final = 2048  # of a body that is opened or sealed, for one unit; a patch reads, checks and writes it too
TOKENS: Final = 5
PLACES: Final = 4  # that a FHIRPath looks at
ISSUES: Final = 6


class TooMuch(TooCostly):
    """The entries of this Bundle ask for too much together. Send fewer of them at a time."""


class AnswerTooLarge(Unprocessable):
    """The resources in this answer are too large together. Send fewer entries, or searches for fewer resources."""

    issue = "too-costly"


class TookTooLong(Unprocessable):
    """The entries of this Bundle take too long together. Send fewer of them, or searches that select more."""

    issue = "too-costly"


class Left(NamedTuple):
    """What a Bundle may still ask for. A unit takes one and gives back another, as it may run twice."""

    effort: int
    answered: int
    seconds: float

    @property
    def is_spent(self) -> bool:
        """True if whatever is asked for next is refused."""
        return self.effort < ENTRY


class Budget:
    """What is left to a Bundle, while a part of it is carried out."""

    def __init__(self, left: Left) -> None:
        self._effort = Effort(left.effort, TooMuch)
        self._answered = left.answered
        self._until = time.monotonic() + left.seconds

    @property
    def left(self) -> Left:
        """What is left now."""
        return Left(self._effort.left, self._answered, self._until - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """True if whatever is asked for next is refused."""
        return self.left.is_spent

    @contextmanager
    def spending(self) -> Iterator[None]:
        """A stretch of work whose searches and charges are paid from here."""
        with sharing(self._effort):
            yield

    def begin(self) -> None:
        """Nothing; the next entry may be carried out."""
        if time.monotonic() > self._until:
            raise TookTooLong
        self._effort.spend(ENTRY)

    def require(self, size: int) -> None:
        """Nothing; there is room for so many bytes in the answer, else `AnswerTooLarge`."""
        if size > self._answered:
            raise AnswerTooLarge

    def answer(self, size: int) -> None:
        """Nothing; so many bytes more are in the answer, `AnswerTooLarge` if there is no room for them."""
        self.require(size)
        self._answered -= size

    def fail(self, problem: Problem) -> None:
        """Nothing; what it took to find and tell all that is wrong with an entry is paid for."""
        self._effort.left -= len(problem.issues) // ISSUES


def whole() -> Left:
    """What is left to a Bundle of which nothing was done yet."""
    return Left(MOST_EFFORT, MOST_ANSWERED, MOST_SECONDS)


def of_new(size: int, tokens: int) -> int:
    """What an entry that creates comes to, hooks apart."""
    return ENTRY + VERSION + size // BYTES + tokens // TOKENS


def opened(body: bytes) -> None:
    """Nothing; the size of a body that was opened is paid for."""
    charge(len(body) // BYTES)


def sealed(body: bytes) -> None:
    """Nothing; a new version is paid for, whoever wrote it: a hook too."""
    charge(VERSION + len(body) // BYTES)


def indexed(tokens: int) -> None:
    """Nothing; so many rows of the index are paid for."""
    charge(tokens // TOKENS)


def changed() -> None:
    """Nothing; a resource that gets a new version is paid for."""
    charge(CHANGE)


def sought() -> None:
    """Nothing; criteria that are looked up are paid for."""
    charge(CRITERIA)


def looked_at(places: int) -> None:
    """Nothing; so many places that the path of a patch led to are paid for."""
    charge(places // PLACES)
