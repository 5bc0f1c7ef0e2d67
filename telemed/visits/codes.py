"""Join codes: 12 characters that, with the birth date, open one appointment (DESIGN 7).

60 random bits can't be guessed through the limits below; the birth date is weak and only guards a letter that fell
into other hands. Nobody can tell an unknown code from a wrong date: both write the same row and answer the same.
"""

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, delete, select, update

from infra.database import Session
from infra.vault import Vault
from telemed.visits.models import CodeState, Guest, JoinAttempt, JoinCode, VisitSession

# Crockford's base 32: no I, L, O, U, so that a code can be read out and copied by hand.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = str.maketrans("OIL", "011")
LENGTH = 12
GROUP = 4
# After five wrong dates a person needs help and an attacker is done (366 days x 100 years is too many for five).
ALLOWED_FAILURES = 5
# A patient may come half an hour early; a clinic that runs late still finds them for four hours (DESIGN 11).
EARLY = timedelta(minutes=30)
LATE = timedelta(hours=4)
# Failed attempts at codes that never locked are forgotten after this time.
FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a code opens its waiting room."""

    opens: datetime
    closes: datetime

    @classmethod
    def around(cls, start: datetime, end: datetime) -> "Window":
        """The window of an appointment: what its code opens, and how long the console lists it."""
        return cls(start - EARLY, end + LATE)


class Refusal(Enum):
    """Why code and birth date did not open the waiting room; all but WRONG and LOCKED need the right factors."""

    WRONG = "wrong"
    LOCKED = "locked"
    EARLY = "early"
    OVER = "over"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal with what the person may be told: tries left, or when the window opens."""

    reason: Refusal
    tries_left: int = 0
    opens: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The right factors at the right time."""

    code_hash: bytes
    appointment_id: str
    tenant: str
    role: Guest
    closes: datetime


def normalise(text: str) -> str:
    """The code as it was printed, whatever case, blanks, hyphens and look-alikes it was typed with."""
    letters = unicodedata.normalize("NFKC", text).upper().translate(LOOKALIKES)
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def grouped(code: str) -> str:
    """The code in groups of four, as it is printed and read out."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def join_url(base_url: str, code: str) -> str:
    """The link of a code; the part behind # never reaches a server, a proxy or a log."""
    return f"{base_url.rstrip('/')}/j#{grouped(normalise(code))}"


def issue(
    session: Session,
    vault: Vault,
    *,
    appointment_id: str,
    tenant: str,
    birth_date: date,
    window: Window,
    role: Guest = Guest.PATIENT,
) -> str:
    """A new code in groups of four; an older one of the same appointment and role stops working."""
    _end_codes(session, appointment_id, state=CodeState.REPLACED, role=role)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    session.add(
        JoinCode(
            hash=_hash(vault, code),
            factor=_factor(vault, code, birth_date),
            appointment_id=appointment_id,
            tenant=tenant,
            role=role,
            opens=window.opens,
            closes=window.closes,
        )
    )
    return grouped(code)


def cancel(session: Session, appointment_id: str) -> None:
    """Nothing; the codes of a cancelled appointment only tell its holder that it was cancelled."""
    _end_codes(session, appointment_id, state=CodeState.CANCELLED)


def revoke(session: Session, appointment_id: str) -> None:
    """Nothing; the codes of a moved appointment only tell its holder that a newer one exists."""
    _end_codes(session, appointment_id, state=CodeState.REPLACED)


def prolong(session: Session, appointment_id: str, *, by: timedelta) -> None:
    """Nothing; codes and sessions last as much longer, or shorter, as the appointment does."""
    codes = select(JoinCode).where(JoinCode.appointment_id == appointment_id, JoinCode.state == CodeState.ACTIVE)
    sessions = select(VisitSession).where(VisitSession.appointment_id == appointment_id, VisitSession.ended == "")
    for code in session.exec(codes):
        code.closes += by
    for opened in session.exec(sessions):
        opened.expires += by


def finish(session: Session, appointment_id: str) -> None:
    """Nothing; the codes of an appointment that took place only tell its holder that it is over."""
    _end_codes(session, appointment_id, state=CodeState.OVER)


def closed(session: Session, appointments: Iterable[str], *, business_now: datetime) -> frozenset[str]:
    """Those of the appointments that no code opens any more."""
    wanted = frozenset(appointments)
    still = select(JoinCode.appointment_id).where(
        col(JoinCode.appointment_id).in_(wanted), JoinCode.state == CodeState.ACTIVE, JoinCode.closes >= business_now
    )
    opened: set[str] = set(session.exec(still))
    return wanted - opened


def check(
    session: Session, vault: Vault, *, code: str, birth_date: date, now: datetime, business_now: datetime
) -> Admitted | Refused:
    """What code and birth date open. Counts the attempt in the same unit, so that a race gains no extra try."""
    code = normalise(code)[: 2 * LENGTH]
    key = _hash(vault, code)
    attempt = _count_attempt(session, key, now)
    if attempt > ALLOWED_FAILURES:
        return Refused(Refusal.LOCKED)
    found = session.get(JoinCode, key)
    if found is None or not secrets.compare_digest(found.factor, _factor(vault, code, birth_date)):
        left = ALLOWED_FAILURES - attempt
        return Refused(Refusal.WRONG if left else Refusal.LOCKED, tries_left=left)
    session.exec(delete(JoinAttempt).where(col(JoinAttempt.hash) == key))
    return _in_time(found, business_now)


def forget_attempts(session: Session, *, now: datetime) -> None:
    """Nothing; attempts at codes that do not exist, or were not locked, leave after a day."""
    known = select(JoinCode.hash).where(JoinCode.hash == JoinAttempt.hash, JoinCode.state == CodeState.ACTIVE).exists()
    locked = known & (col(JoinAttempt.failures) >= ALLOWED_FAILURES)
    session.exec(delete(JoinAttempt).where(col(JoinAttempt.last) < now - FORGET_AFTER, ~locked))


def _in_time(found: JoinCode, moment: datetime) -> Admitted | Refused:
    if found.state != CodeState.ACTIVE:
        return Refused(Refusal(found.state))
    if moment < found.opens:
        return Refused(Refusal.EARLY, opens=found.opens)
    if moment > found.closes:
        return Refused(Refusal.OVER)
    return Admitted(found.hash, found.appointment_id, found.tenant, Guest(found.role), found.closes)


def _count_attempt(session: Session, key: bytes, now: datetime) -> int:
    # One statement that also locks the row, so that parallel attempts at one code queue up behind each other.
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = insert(JoinAttempt).values(hash=key, failures=1, last=now)
    counted = statement.on_conflict_do_update(
        index_elements=["hash"], set_={"failures": JoinAttempt.failures + 1, "last": now}
    ).returning(col(JoinAttempt.failures))
    return int(session.execute(counted).scalar_one())


def _end_codes(session: Session, appointment_id: str, *, state: CodeState, role: Guest | None = None) -> None:
    codes = update(JoinCode).where(
        col(JoinCode.appointment_id) == appointment_id, col(JoinCode.state) == CodeState.ACTIVE
    )
    sessions = update(VisitSession).where(
        col(VisitSession.appointment_id) == appointment_id, col(VisitSession.ended) == ""
    )
    if role is not None:
        codes = codes.where(col(JoinCode.role) == role)
        sessions = sessions.where(col(VisitSession.role) == role)
    session.exec(codes.values(state=state))
    session.exec(sessions.values(ended=state))


def _hash(vault: Vault, code: str) -> bytes:
    return vault.token("join-code", code)


def _factor(vault: Vault, code: str, birth_date: date) -> bytes:
    return vault.token("join-factor", code, birth_date.isoformat())
