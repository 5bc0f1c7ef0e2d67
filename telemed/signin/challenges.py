"""Challenges: random, bound to one browser and one purpose, good for five minutes and for one answer.

A challenge carries its own expiry and a keyed hash over all that it is bound to, so asking for one writes nothing: a
stranger who asks for millions fills no disk. Only an answered one is noted, until it would have expired.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, delete

from infra.columns import from_microseconds, to_microseconds
from infra.vault import Vault
from telemed.identity.lifetimes import CHALLENGE
from telemed.signin.models import Invitation, UsedChallenge

EXPIRY, RANDOM, MAC = 8, 24, 16


class Purpose(StrEnum):
    """What an answer to a challenge is good for."""

    SIGN_IN = "sign-in"
    STEP_UP = "step-up"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A browser that is about to prove who sits before it: by its own secret, and whom it must be, if it must."""

    browser: str
    purpose: Purpose
    clinician_id: str = ""


def issue(vault: Vault, attempt: Attempt, *, now: datetime, lasts: timedelta = CHALLENGE) -> bytes:
    """A new challenge for this attempt."""
    body = to_microseconds(now + lasts).to_bytes(EXPIRY) + secrets.token_bytes(RANDOM)
    return body + _mac(vault, attempt, body)


def consume(session: Session, vault: Vault, attempt: Attempt, *, challenge: bytes, now: datetime) -> bool:
    """True for the first answer to a challenge that was made for this attempt and holds; part of an atomic unit.

    The primary key lets only one of several at once succeed. An answer that proves nothing uses the challenge up, too.
    """
    body = challenge[: EXPIRY + RANDOM]
    if len(challenge) != EXPIRY + RANDOM + MAC or not secrets.compare_digest(
        _mac(vault, attempt, body), challenge[EXPIRY + RANDOM :]
    ):
        return False
    expires = int.from_bytes(body[:EXPIRY])
    if expires <= to_microseconds(now):
        return False
    digest = vault.token("used-challenge", challenge.hex())
    upsert = postgres_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    added = session.connection().execute(
        upsert(UsedChallenge)
        .values(digest=digest, expires=from_microseconds(expires))
        .on_conflict_do_nothing()
        .returning(col(UsedChallenge.digest))
    )
    return added.scalar_one_or_none() is not None


def forget_challenges(session: Session, *, now: datetime) -> None:
    """Nothing; answered challenges and invitations that have expired are gone."""
    session.exec(delete(UsedChallenge).where(col(UsedChallenge.expires) < now))
    session.exec(delete(Invitation).where(col(Invitation.expires) < now))


def as_text(challenge: bytes) -> str:
    """The challenge as addresses and client data carry it."""
    return base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()


def from_text(text: object) -> bytes:
    """The bytes of a base64url text; empty if it is none."""
    if not isinstance(text, str):
        return b""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _mac(vault: Vault, attempt: Attempt, body: bytes) -> bytes:
    bound = (attempt.browser, attempt.purpose.value, attempt.clinician_id, body.hex())
    return vault.token("sign-in-challenge", *bound)
