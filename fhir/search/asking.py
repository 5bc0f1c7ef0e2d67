"""What goes from function to function while a search runs: who asks, what may be spent, and where a page ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from sqlmodel import Session

from fhir.policy import Action, Permit, Policy
from infra.caller import Caller
from infra.problems import Unprocessable
from infra.vault import Vault

Key = str | int | Decimal | None

COUNTED_FOR_ONE_OPENED: Final = 100  # rows that SQL counts while one resource is opened: 1 us each beside some 70


class TooCostly(Unprocessable):
    """This search would have to open too many resources. Add a patient, a date or another parameter that selects."""

    issue = "too-costly"


class Order(Enum):
    """The order of the hits; of VALUES the database knows nothing, so what was opened is sorted."""

    ROW = "row"  # by row id, the newest first: as the index of tokens is read
    NEWEST_FIRST = "-_lastUpdated"
    OLDEST_FIRST = "_lastUpdated"
    ID = "_id"
    ID_DESCENDING = "-_id"
    VALUES = "values"

    @property
    def descending(self) -> bool:
        """Whether it begins at the highest."""
        return self in (Order.ROW, Order.NEWEST_FIRST, Order.ID_DESCENDING)


class PageEnd(NamedTuple):
    """Where a page ended, and what the next ones take over from it.

    What was changed after `as_of` is left out of them: under its new values it could come a second time.
    """

    order: Order
    keys: tuple[Key, ...]
    rid: int
    as_of: datetime | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who searches, and where. Every statement of a search takes its filter from `permit`."""

    vault: Vault
    session: Session
    caller: Caller
    policy: Policy

    def permit(self, type: str) -> Permit:
        """The caller's allowance to search this type; `Forbidden` if there is none."""
        return self.policy.permit(self.caller, Action.SEARCH, type)


class Effort:
    """What a search may still spend, in resources to open."""

    __slots__ = ("_refusal", "left")

    def __init__(self, most: int, refusal: type[TooCostly] = TooCostly) -> None:
        self.left = most
        self._refusal = refusal

    def spend(self, amount: int) -> None:
        """Nothing; that much less is left, `TooCostly` (or what stands for it here) if it was not there."""
        self.left -= amount
        if self.left < 0:
            raise self._refusal
        together = _TOGETHER.get()
        if together is not None and together is not self:
            together.spend(amount)

    @property
    def countable(self) -> int:
        """How many rows a statement may count: it takes one more at most, and `counted` hears of all it took."""
        together = _TOGETHER.get()
        left = self.left if together is None else min(self.left, together.left)
        return max(left, 0) * COUNTED_FOR_ONE_OPENED

    def counted(self, rows: int) -> None:
        """Nothing; what counting so many rows costs is spent, `TooCostly` if they are more than were `countable`."""
        self.spend(max(1, -(-rows // COUNTED_FOR_ONE_OPENED)))


# A unit runs from its beginning to its end in one thread, so what its searches may spend together is its own.
_TOGETHER: Final[ContextVar[Effort | None]] = ContextVar("_TOGETHER", default=None)


@contextmanager
def sharing(effort: Effort) -> Iterator[None]:
    """A stretch of work whose searches spend from this, beside what each of them may spend."""
    token = _TOGETHER.set(effort)
    try:
        yield
    finally:
        _TOGETHER.reset(token)


def charge(amount: int) -> None:
    """Nothing; other work costs so much of what is shared. Where nothing is shared it costs nothing."""
    together = _TOGETHER.get()
    if together is not None:
        together.spend(amount)
