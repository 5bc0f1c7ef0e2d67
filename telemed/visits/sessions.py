"""Sessions of patients: a device that showed code and birth date takes part in one appointment, without an account."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, delete, update

from infra.database import Session
from telemed.visits.codes import FORGET_AFTER, Admitted
from telemed.visits.models import Guest, VisitSession

TOKEN_BYTES = 32
# A session ended by another device of the same person says so; the others are codes.CodeState.
ELSEWHERE = "elsewhere"
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whom a visit cookie stands for, and whether it still opens anything (`ended` is empty then).

    `participant` stays the same on every device of one code holder, so that a second device takes over the seat;
    `session` is another for each device.
    """

    participant: str
    appointment_id: str
    tenant: str
    role: Guest
    ended: str
    session: str = ""


def open_session(session: Session, admitted: Admitted, *, now: datetime, business_now: datetime) -> str:
    """A new cookie value. A device that used the same code before is told that the call is open elsewhere."""
    earlier = update(VisitSession).where(
        col(VisitSession.code_hash) == admitted.code_hash, col(VisitSession.ended) == ""
    )
    session.exec(earlier.values(ended=ELSEWHERE))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        VisitSession(
            hash=_hash(token),
            code_hash=admitted.code_hash,
            appointment_id=admitted.appointment_id,
            tenant=admitted.tenant,
            role=admitted.role,
            person=admitted.person,
            # The window is of the business clock, the lifetime of the real one: only the remainder is carried over.
            expires=now + (admitted.closes - business_now),
        )
    )
    return token


def attendance(session: Session, token: str, *, now: datetime) -> Attendance | None:
    """Whom the cookie stands for, or None where it is unknown."""
    found = session.get(VisitSession, _hash(token))
    if found is None:
        return None
    ended = found.ended or (EXPIRED if now > found.expires else "")
    return Attendance(
        found.code_hash.hex(), found.appointment_id, found.tenant, Guest(found.role), ended, found.hash.hex()
    )


def is_open(session: Session, name: str, *, now: datetime) -> bool:
    """True while the session of this name (`Attendance.session`) has not ended, nor expired."""
    found = session.get(VisitSession, bytes.fromhex(name))
    return found is not None and not found.ended and now <= found.expires


def forget_sessions(session: Session, *, now: datetime) -> None:
    """Nothing; sessions leave a day after they expired. Until then their browser is told why nothing opens."""
    session.exec(delete(VisitSession).where(col(VisitSession.expires) < now - FORGET_AFTER))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
