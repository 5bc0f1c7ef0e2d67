"""How far the signatures are behind the log: the only time in which a row could be changed without a trace."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.ids import made_at
from fhir.ledger.growth import is_waiting


class Gap(NamedTuple):
    """How many rows are not signed yet, and for how long the oldest of them has been there."""

    waiting: int
    seconds: float


def gap(session: Session, *, now: datetime) -> Gap:
    """The gap at this moment."""
    waiting = select(func.count(), func.min(AUDIT.c.id)).where(is_waiting(0))
    count, oldest = session.connection().execute(waiting).one()
    return Gap(count, max(0.0, (now - made_at(oldest)).total_seconds()) if count else 0.0)
