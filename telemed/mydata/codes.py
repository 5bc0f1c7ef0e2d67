"""Codes of "my data" letters: 12 characters that, with a PIN from another channel, open one patient's own record.

The record holds more than one appointment, so the second factor is not the birth date: six random digits, which the
letter does not carry. Nobody can tell an unknown code from a wrong PIN: both write the same row and answer the same.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from sqlmodel import col, delete, select, update

from infra.database import Session
from infra.vault import Vault
from telemed.mydata.models import LetterAttempt, LetterCode, LetterState, MySession
from telemed.visits import attempts
from telemed.visits.codes import FORGET_AFTER, LENGTH, Pin, grouped, normalise, random_code, random_pin

# Five of a million: an attacker who holds the letter finds the PIN once in 200,000 letters.
ALLOWED_FAILURES: Final = 5
# Long enough to come back for an answer; whoever finds the letter later finds nothing.
LIFETIME: Final = timedelta(days=90)


class Refusal(Enum):
    """Why code and PIN did not open the record; OVER and REPLACED are told only to who shows both."""

    WRONG = "wrong_pin"
    LOCKED = "locked_letter"
    OVER = "over_letter"
    REPLACED = "replaced_letter"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal with the tries that are left."""

    reason: Refusal
    tries_left: int = 0


@dataclass(frozen=True, slots=True)
class Issued:
    """A new code and its PIN; nothing stored shows them again."""

    code: str
    pin: Pin


def issue(session: Session, vault: Vault, *, compartment: str, tenant: str, now: datetime) -> Issued:
    """A new code in groups of four and its PIN; what was issued before for this patient is dead at once."""
    revoke(session, compartment)
    code, pin = random_code(), random_pin()
    key = _hash(vault, code)
    session.add(
        LetterCode(
            hash=key,
            factor=_factor(vault, key, pin),
            compartment=compartment,
            tenant=tenant,
            issued=now,
            expires=now + LIFETIME,
        )
    )
    session.flush()
    return Issued(grouped(code), pin)


def revoke(session: Session, compartment: str) -> None:
    """Nothing; no letter opens this patient's record any more, and the devices that are in it are out."""
    codes = update(LetterCode).where(
        col(LetterCode.compartment) == compartment, col(LetterCode.state) == LetterState.ACTIVE
    )
    sessions = update(MySession).where(col(MySession.compartment) == compartment, col(MySession.ended) == "")
    session.exec(codes.values(state=LetterState.REPLACED))
    session.exec(sessions.values(ended=LetterState.REPLACED))


def active(session: Session, compartment: str, *, now: datetime) -> datetime | None:
    """Since when a letter opens this patient's record; None if none does."""
    wanted = select(LetterCode.issued).where(
        col(LetterCode.compartment) == compartment,
        col(LetterCode.state) == LetterState.ACTIVE,
        col(LetterCode.expires) > now,
    )
    return session.exec(wanted).first()


def check(session: Session, vault: Vault, *, code: str, pin: str, now: datetime) -> LetterCode | Refused:
    """The letter that code and PIN open. Counts the attempt in the same unit, so that a race gains no extra try."""
    key = _hash(vault, normalise(code)[: 2 * LENGTH])
    attempt = attempts.counted(session, LetterAttempt, key, now=now)
    if attempt > ALLOWED_FAILURES:
        return Refused(Refusal.LOCKED)
    found = session.get(LetterCode, key)
    if found is None or not secrets.compare_digest(found.factor, _factor(vault, key, pin)):
        left = ALLOWED_FAILURES - attempt
        return Refused(Refusal.WRONG if left else Refusal.LOCKED, tries_left=left)
    session.exec(delete(LetterAttempt).where(col(LetterAttempt.hash) == key))
    if found.state != LetterState.ACTIVE:
        return Refused(Refusal.REPLACED)
    return found if now < found.expires else Refused(Refusal.OVER)


def confirm(session: Session, vault: Vault, *, code_hash: bytes, pin: str, now: datetime) -> Refused | None:
    """None if this is the PIN of a letter that opened a session; wrong ones count like those at the door."""
    attempt = attempts.counted(session, LetterAttempt, code_hash, now=now)
    found = session.get(LetterCode, code_hash)
    known = found is not None and secrets.compare_digest(found.factor, _factor(vault, code_hash, pin))
    if known and attempt <= ALLOWED_FAILURES:
        session.exec(delete(LetterAttempt).where(col(LetterAttempt.hash) == code_hash))
        return None
    left = max(0, ALLOWED_FAILURES - attempt)
    if not left:
        # Whoever is at this device does not know the PIN: the device leaves the record with the last try.
        of_code = update(MySession).where(col(MySession.code_hash) == code_hash, col(MySession.ended) == "")
        session.exec(of_code.values(ended="locked"))
    return Refused(Refusal.WRONG if left else Refusal.LOCKED, tries_left=left)


def forget_letters(session: Session, *, now: datetime) -> None:
    """Nothing; attempts that did not lock a living letter leave after a day, letters a day after their end."""
    living = select(LetterCode.hash).where(
        LetterCode.hash == LetterAttempt.hash, LetterCode.state == LetterState.ACTIVE
    )
    locked = living.exists() & (col(LetterAttempt.failures) >= ALLOWED_FAILURES)
    session.exec(delete(LetterAttempt).where(col(LetterAttempt.last) < now - FORGET_AFTER, ~locked))
    session.exec(delete(LetterCode).where(col(LetterCode.expires) < now - FORGET_AFTER))


def _hash(vault: Vault, code: str) -> bytes:
    return vault.token("letter-code", code)


def _factor(vault: Vault, code_hash: bytes, pin: str) -> bytes:
    return vault.token("letter-pin", code_hash.hex(), pin)
