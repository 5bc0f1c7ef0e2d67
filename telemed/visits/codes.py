"""Join codes: 12 characters that, with a second factor, open one appointment (DESIGN 7).

60 random bits can't be guessed through the limits below. The patient's factor is the birth date, which is weak and only
guards a letter that fell into other hands; who comes along (`companions.py`) has a PIN. Nobody can tell an unknown code
from a wrong factor: both write the same row and answer the same.
"""

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from sqlmodel import col, delete, select, update

from infra.database import Session
from infra.vault import Vault
from telemed.visits import attempts
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


class Pin(str):
    """Six digits that somebody was told beside a code."""

    __slots__ = ()


# What is asked for beside a code: the patient's date of birth, or the PIN of whoever comes along.
Factor = date | Pin


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
    person: str = ""


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
    factor: Factor,
    window: Window,
    role: Guest = Guest.PATIENT,
    person: str = "",
) -> str:
    """A new code in groups of four; an older one of the same appointment, role and person stops working."""
    _end_codes(session, appointment_id, state=CodeState.REPLACED, role=role, person=person)
    code = random_code()
    session.add(
        JoinCode(
            hash=_hash(vault, code),
            factor=_factor(vault, code, factor),
            appointment_id=appointment_id,
            tenant=tenant,
            role=role,
            person=person,
            opens=window.opens,
            closes=window.closes,
        )
    )
    return grouped(code)


def random_code() -> str:
    """Twelve letters and digits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def random_pin() -> Pin:
    """Six digits; only good behind a limit of tries."""
    return Pin(f"{secrets.randbelow(10**6):06}")


def cancel(session: Session, appointment_id: str) -> None:
    """Nothing; the codes of a cancelled appointment only tell its holder that it was cancelled."""
    _end_codes(session, appointment_id, state=CodeState.CANCELLED)


def revoke(session: Session, appointment_id: str) -> None:
    """Nothing; the codes of a moved appointment only tell its holder that a newer one exists."""
    _end_codes(session, appointment_id, state=CodeState.REPLACED)


def revoke_person(session: Session, appointment_id: str, *, role: Guest, person: str) -> None:
    """Nothing; this one person's code opens nothing any more, and the device that used it is told so."""
    _end_codes(session, appointment_id, state=CodeState.REPLACED, role=role, person=person)


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
    """Those of the appointments that no patient's code opens any more."""
    wanted = frozenset(appointments)
    still = select(JoinCode.appointment_id).where(
        col(JoinCode.appointment_id).in_(wanted),
        JoinCode.role == Guest.PATIENT,
        JoinCode.state == CodeState.ACTIVE,
        JoinCode.closes >= business_now,
    )
    opened: set[str] = set(session.exec(still))
    return wanted - opened


def check(
    session: Session, vault: Vault, *, code: str, factors: tuple[Factor, ...], now: datetime, business_now: datetime
) -> Admitted | Refused:
    """What the code opens with one of these readings of what was typed beside it. Counts the attempt in the same unit, so that a race gains no extra try."""
    code = normalise(code)[: 2 * LENGTH]
    key = _hash(vault, code)
    attempt = attempts.counted(session, JoinAttempt, key, now=now)
    if attempt > ALLOWED_FAILURES:
        return Refused(Refusal.LOCKED)
    found = session.get(JoinCode, key)
    # All of them, always: a code has one kind of factor, so two readings of six digits are no second try.
    right = [found is not None and secrets.compare_digest(found.factor, _factor(vault, code, each)) for each in factors]
    if found is None or not any(right):
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
    return Admitted(found.hash, found.appointment_id, found.tenant, Guest(found.role), found.closes, found.person)


def _end_codes(
    session: Session, appointment_id: str, *, state: CodeState, role: Guest | None = None, person: str = ""
) -> None:
    codes = update(JoinCode).where(
        col(JoinCode.appointment_id) == appointment_id, col(JoinCode.state) == CodeState.ACTIVE
    )
    sessions = update(VisitSession).where(
        col(VisitSession.appointment_id) == appointment_id, col(VisitSession.ended) == ""
    )
    if role is not None:
        codes = codes.where(col(JoinCode.role) == role, col(JoinCode.person) == person)
        sessions = sessions.where(col(VisitSession.role) == role, col(VisitSession.person) == person)
    session.exec(codes.values(state=state))
    session.exec(sessions.values(ended=state))


def _hash(vault: Vault, code: str) -> bytes:
    return vault.token("join-code", code)


def _factor(vault: Vault, code: str, factor: Factor) -> bytes:
    return vault.token("join-factor", code, factor if isinstance(factor, str) else factor.isoformat())
