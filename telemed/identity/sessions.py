"""Console sessions: opened by a sign-in, found by a cookie, ended by signing out, by idling or by their age."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, update
from starlette.responses import Response

from infra.caller import Role
from infra.settings import Settings
from infra.vault import Vault
from telemed.identity.lifetimes import CONSOLE_ABSOLUTE, CONSOLE_IDLE, CONSOLE_NOTED
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
EXPIRING = (ConsoleSession, UsedAssertion, AuthorizationCode, RefreshToken, Launch, OAuthGrant, RevokedToken)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The clinician behind a session, and whether the session should be noted as used."""

    clinician: Clinician
    stale: bool

    @property
    def role(self) -> Role:
        """The role that the clinician has today; a change counts at once."""
        return Role(self.clinician.role)


def make_sign_in_link(session: Session, vault: Vault, *, clinician_id: str) -> str:
    """The token of a reusable one-click sign-in, for the demo only; a production start refuses to run beside it."""
    token = secrets.token_urlsafe(SECRET_BYTES)
    session.add(SignInLink(digest=vault.token("sign-in-link", token), clinician_id=clinician_id))
    return token


def clinician_of_link(session: Session, vault: Vault, token: str) -> Clinician | None:
    """The clinician that a one-click sign-in is for."""
    link = session.get(SignInLink, vault.token("sign-in-link", token[:LONGEST_SECRET]))
    return _active(session, link.clinician_id) if link is not None else None


def open_session(session: Session, vault: Vault, *, clinician_id: str, now: datetime) -> str:
    """The cookie value of a new session."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    session.add(
        ConsoleSession(
            digest=digest(vault, secret),
            clinician_id=clinician_id,
            opened=now,
            seen=now,
            expires=now + CONSOLE_ABSOLUTE,
        )
    )
    return secret


def signed_in(session: Session, vault: Vault, *, secret: str, now: datetime) -> SignedIn | None:
    """Who is signed in with this cookie value; nobody if it is unknown, expired or was left idle."""
    found = session.get(ConsoleSession, digest(vault, secret))
    if found is None or found.expires <= now or found.seen + CONSOLE_IDLE <= now:
        return None
    clinician = _active(session, found.clinician_id)
    return SignedIn(clinician, stale=found.seen + CONSOLE_NOTED <= now) if clinician is not None else None


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
