"""What is kept of a call, and for how long: when somebody waited, in which room, and who held which code.

The consultation itself is documented in the record, under the rules of the record; of the call there is nothing more
than these three, and no recording. Media, addresses and descriptions of connections are never stored.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, delete, or_, select, update

from infra.database import Session
from telemed.visits.models import JoinCode, Visit

# Anlage 31b BMV-Ä: metadata are deleted after three months at the latest. The setting may say less.
LONGEST: Final = timedelta(days=90)


def forget_calls(session: Session, *, now: datetime, kept: timedelta) -> None:
    """Nothing; what is known of calls longer ago than `kept` is deleted. ValueError beyond three months."""
    if kept > LONGEST:
        raise ValueError("What is known of a call is kept for three months at most.")
    before = now - kept
    over = select(JoinCode.appointment_id).where(col(JoinCode.closes) < before)
    # Of a visit to which nobody came, the codes tell how long ago it was.
    old = or_(
        col(Visit.waiting_since) < before, col(Visit.waiting_since).is_(None) & col(Visit.appointment_id).in_(over)
    )
    session.exec(update(Visit).where(old, col(Visit.room) != "").values(waiting_since=None, room=""))
    session.exec(delete(JoinCode).where(col(JoinCode.closes) < before))
