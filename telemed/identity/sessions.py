"""Console sessions: opened by a sign-in, found by a cookie, ended by signing out, by idling or by their age."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, select, update
from starlette.responses import Response

from infra.caller import Role
from infra.settings import Settings
from infra.vault import Vault
from telemed.identity.lifetimes import CONSOLE_ABSOLUTE, CONSOLE_IDLE, CONSOLE_NOTED, STEP_UP
from telemed.identity.models import (
    AuthorizationCode,
    Clinician,
    ConsoleSession,
    Launch,
    OAuthGrant,
    RefreshToken,
    RevokedToken,
    SignInLink,
    UsedAssertion,
)

SECRET_BYTES = 32
LONGEST_SECRET = 100
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
EXPIRING = (ConsoleSession, UsedAssertion, AuthorizationCode, RefreshToken, Launch, OAuthGrant, RevokedToken)


class Proof(StrEnum):
    """What a session was opened by, or last confirmed by."""

    PASSKEY = "passkey"
    EXTERNAL = "external"
    RECOVERY = "recovery"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The clinician behind a session, whether it should be noted as used, and when by what it was last confirmed."""

    clinician: Clinician
    stale: bool
    proof: str = ""
    verified: datetime | None = None
    opened: datetime = LONG_AGO

    @property
    def role(self) -> Role:
        """The role that the clinician has today; a change counts at once."""
        return Role(self.clinician.role)

    def is_fresh(self, settings: Settings, *, now: datetime) -> bool:
        """True if a person was verified here in the last five minutes; a code on paper verifies nobody."""
        return self.proof != Proof.RECOVERY and self.is_recent(settings, now=now)

    def is_recent(self, settings: Settings, *, now: datetime) -> bool:
        """The same, a recovery code included: for what it is there for, a new passkey. One click counts in a demo."""
        if self.verified is None or (self.proof == Proof.DEMO and not settings.is_demo):
            return False
        return timedelta() <= now - self.verified < STEP_UP


def make_sign_in_link(session: Session, vault: Vault, *, clinician_id: str) -> str:
    """The token of a reusable one-click sign-in, for the demo only; a production start refuses to run beside it."""
    token = secrets.token_urlsafe(SECRET_BYTES)
    session.add(SignInLink(digest=vault.token("sign-in-link", token), clinician_id=clinician_id))
    return token


def clinician_of_link(session: Session, vault: Vault, token: str) -> Clinician | None:
    """The clinician that a one-click sign-in is for."""
    link = session.get(SignInLink, vault.token("sign-in-link", token[:LONGEST_SECRET]))
    return _active(session, link.clinician_id) if link is not None else None


def open_session(
    session: Session,
    vault: Vault,
    *,
    clinician_id: str,
    now: datetime,
    proof: str = "",
    verified: datetime | None = None,
    browser: str = "",
) -> str:
    """The cookie value of a new session, always a new one: what a browser held before opens nothing of it."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    session.add(
        ConsoleSession(
            digest=digest(vault, secret),
            clinician_id=clinician_id,
            opened=now,
            seen=now,
            expires=now + CONSOLE_ABSOLUTE,
            verified=verified,
            proof=proof,
            browser=browser,
        )
    )
    return secret


def confirm_session(session: Session, vault: Vault, *, secret: str, proof: str, verified: datetime) -> str | None:
    """The new cookie value of a session whose owner has just been verified; None if it has ended meanwhile.

    It ends when it would have ended: confirming does not prolong a shift.
    """
    found = session.get(ConsoleSession, digest(vault, secret), with_for_update=True)
    if found is None:
        return None
    renewed = secrets.token_urlsafe(SECRET_BYTES)
    kept = found.model_dump() | {"digest": digest(vault, renewed), "proof": proof, "verified": verified}
    session.delete(found)
    session.add(ConsoleSession(**kept | {"seen": max(found.seen, verified)}))
    session.flush()
    return renewed


def sessions_of(session: Session, *, clinician_id: str, now: datetime) -> Sequence[ConsoleSession]:
    """The open sessions of a clinician, the one that was used last first."""
    alive = (col(ConsoleSession.expires) > now, col(ConsoleSession.seen) > now - CONSOLE_IDLE)
    wanted = select(ConsoleSession).where(ConsoleSession.clinician_id == clinician_id, *alive)
    return session.exec(wanted.order_by(col(ConsoleSession.seen).desc(), col(ConsoleSession.opened).desc())).all()


def end_named(session: Session, *, clinician_id: str, name: str) -> None:
    """Nothing; the session with this name is over if it is one of this clinician's."""
    mine = session.exec(select(ConsoleSession).where(ConsoleSession.clinician_id == clinician_id)).all()
    for each in mine:
        if name_of(each) == name:
            session.delete(each)
    session.flush()


def end_all(session: Session, *, clinician_id: str) -> None:
    """Nothing; the clinician is signed in nowhere any more."""
    session.exec(delete(ConsoleSession).where(col(ConsoleSession.clinician_id) == clinician_id))


def name_of(found: ConsoleSession) -> str:
    """What a page may call a session: from it the cookie can't be found, as the hash is keyed."""
    return found.digest.hex()


def is_of(found: ConsoleSession, vault: Vault, secret: str) -> bool:
    """True if this cookie value opens the session."""
    return secrets.compare_digest(found.digest, digest(vault, secret))


def signed_in(session: Session, vault: Vault, *, secret: str, now: datetime) -> SignedIn | None:
    """Who is signed in with this cookie value; nobody if it is unknown, expired or was left idle."""
    found = session.get(ConsoleSession, digest(vault, secret))
    if found is None or found.expires <= now or found.seen + CONSOLE_IDLE <= now:
        return None
    clinician = _active(session, found.clinician_id)
    if clinician is None:
        return None
    return SignedIn(clinician, found.seen + CONSOLE_NOTED <= now, found.proof, found.verified, found.opened)


def note_use(session: Session, vault: Vault, *, secret: str, now: datetime) -> None:
    """Nothing; the session has been used now."""
    session.exec(update(ConsoleSession).where(col(ConsoleSession.digest) == digest(vault, secret)).values(seen=now))


def end_session(session: Session, vault: Vault, *, secret: str) -> None:
    """Nothing; the cookie value opens nothing any more."""
    session.exec(delete(ConsoleSession).where(col(ConsoleSession.digest) == digest(vault, secret)))


def tidy(session: Session, *, now: datetime) -> None:
    """Nothing; sessions, assertions and what people allowed are gone once they have expired."""
    for table in EXPIRING:
        session.exec(delete(table).where(col(table.expires) < now))


def cookie_name(settings: Settings) -> str:
    """The cookie's name; under TLS with the prefix that binds it to this host, path and secure transport."""
    return "__Host-telemed_session" if settings.is_tls else "telemed_session"


def set_cookie(response: Response, settings: Settings, *, secret: str) -> None:
    """Nothing; the answer signs the browser in. Lax, not Strict: a link from a mail must find the session."""
    response.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(CONSOLE_ABSOLUTE.total_seconds()),
        secure=settings.is_tls,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Nothing; the answer makes the browser forget the session."""
    response.delete_cookie(cookie_name(settings), secure=settings.is_tls, httponly=True, samesite="lax")


def digest(vault: Vault, secret: str) -> bytes:
    """What the database has of a cookie value."""
    return vault.token("console-session", secret[:LONGEST_SECRET])


def _active(session: Session, clinician_id: str) -> Clinician | None:
    found = session.get(Clinician, clinician_id)
    return found if found is not None and found.active else None
