"""What people allowed apps, and what comes of it: codes, refresh tokens, launches. Each is a secret that works once.

All are plain functions of a session. Of many uses of one value at the same moment one wins, as the database sets `used`
for one only. A value that comes a second time has been stolen from one side or the other, so the whole family of tokens
ends (RFC 9700 4.14.2, RFC 6749 4.1.2). The database has keyed hashes, never the values.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from sqlmodel import Session, col, update

from infra.vault import Vault
from telemed.identity.lifetimes import CODE, LAUNCH, REFRESH_ABSOLUTE, REFRESH_IDLE
from telemed.identity.models import AuthorizationCode, Launch, OAuthGrant, RefreshToken
from telemed.identity.users import User

log = structlog.get_logger()

SECRET_BYTES: Final = 32
LONGEST_SECRET: Final = 100
CHALLENGE: Final = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)
VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person has just allowed an app."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    patient: str = ""
    nonce: str = ""


class Redemption(NamedTuple):
    """How a client shows that a code is its own."""

    client_id: str
    redirect_uri: str
    verifier: str


def allow(session: Session, vault: Vault, allowed: Allowed, *, user: User, now: datetime) -> str:
    """The code for what a person allowed, to be redeemed once within a minute."""
    code = secrets.token_urlsafe(SECRET_BYTES)
    grant = OAuthGrant(
        id=secrets.token_hex(16),
        client_id=allowed.client_id,
        tenant=user.tenant,
        user_kind=user.kind.value,
        user_id=user.id,
        scope=allowed.scope,
        patient=allowed.patient,
        nonce=allowed.nonce,
        session=user.session or None,
        opened=now,
        expires=now + REFRESH_ABSOLUTE,
    )
    session.add(grant)
    session.add(
        AuthorizationCode(
            digest=_digest(vault, "authorization-code", code),
            grant_id=grant.id,
            client_id=allowed.client_id,
            redirect_uri=allowed.redirect_uri,
            challenge=allowed.challenge,
            expires=now + CODE,
        )
    )
    session.flush()
    return code


def redeem(session: Session, vault: Vault, code: str, *, shown: Redemption, now: datetime) -> OAuthGrant | None:
    """What the code stands for, once; nothing, and its end, if it was used before, is late or is somebody else's."""
    digest = _digest(vault, "authorization-code", code)
    taken = _take(session, AuthorizationCode, digest, now=now)
    if taken is None:
        _reused(session, session.get(AuthorizationCode, digest), now=now)
        return None
    is_own = taken.client_id == shown.client_id and taken.redirect_uri == shown.redirect_uri
    if taken.expires <= now or not is_own or not verifies(shown.verifier, taken.challenge):
        end(session, taken.grant_id, now=now)
        return None
    return _living(session, taken.grant_id, now=now)


def follow(session: Session, vault: Vault, grant: OAuthGrant, *, now: datetime) -> str:
    """The next refresh token of a grant."""
    value = secrets.token_urlsafe(SECRET_BYTES)
    session.add(
        RefreshToken(
            digest=_digest(vault, "refresh-token", value),
            grant_id=grant.id,
            client_id=grant.client_id,
            expires=min(now + REFRESH_IDLE, grant.expires),
        )
    )
    session.flush()
    return value


def rotate(session: Session, vault: Vault, value: str, *, client_id: str, now: datetime) -> OAuthGrant | None:
    """What the refresh token stands for, once; nothing, and the family's end, if it was used before or is another's."""
    digest = _digest(vault, "refresh-token", value)
    taken = _take(session, RefreshToken, digest, now=now)
    if taken is None:
        _reused(session, session.get(RefreshToken, digest), now=now)
        return None
    if taken.client_id != client_id:
        end(session, taken.grant_id, now=now)
        return None
    return _living(session, taken.grant_id, now=now) if taken.expires > now else None


def refresh_token(session: Session, vault: Vault, value: str) -> RefreshToken | None:
    """The row of a refresh token, to be looked at alone."""
    return session.get(RefreshToken, _digest(vault, "refresh-token", value))


def end(session: Session, grant_id: str, *, now: datetime) -> None:
    """Nothing; no token of the grant's family is good any more."""
    alive = update(OAuthGrant).where(col(OAuthGrant.id) == grant_id, col(OAuthGrant.ended).is_(None))
    session.exec(alive.values(ended=now))


def launch(session: Session, vault: Vault, *, client_id: str, user: User, patient: str, now: datetime) -> str:
    """The opaque value by which an app that is opened from the console asks for this patient, once."""
    value = secrets.token_urlsafe(SECRET_BYTES)
    session.add(
        Launch(
            digest=_digest(vault, "launch", value),
            client_id=client_id,
            user_kind=user.kind.value,
            user_id=user.id,
            patient=patient,
            expires=now + LAUNCH,
        )
    )
    session.flush()
    return value


def launched(session: Session, vault: Vault, value: str, *, client_id: str, user: User, now: datetime) -> str | None:
    """The patient of a launch that this person started for this client and that has not been used; it stays unused."""
    found = session.get(Launch, _digest(vault, "launch", value))
    if found is None or found.used is not None or not _is_for(found, client_id, user, now):
        return None
    return found.patient


def use_launch(session: Session, vault: Vault, value: str, *, client_id: str, user: User, now: datetime) -> str | None:
    """The same, and nobody gets it a second time."""
    taken = _take(session, Launch, _digest(vault, "launch", value), now=now)
    return taken.patient if taken is not None and _is_for(taken, client_id, user, now) else None


def verifies(verifier: str, challenge: str) -> bool:
    """True if the verifier is the one that the challenge was made of (RFC 7636 4.6, S256 alone)."""
    if not VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)


def _take(session: Session, table: Any, digest: bytes, *, now: datetime) -> Any:
    """The row, taken by this unit; None if there is none or somebody took it before. Of many at once one takes it."""
    unused = update(table).where(table.digest == digest, table.used.is_(None)).values(used=now)
    return session.connection().execute(unused.returning(*table.__table__.c)).one_or_none()


def _reused(session: Session, row: AuthorizationCode | RefreshToken | None, *, now: datetime) -> None:
    if row is not None:
        log.warning("token_family_ended", client=row.client_id, kind=row.__tablename__)
        end(session, row.grant_id, now=now)


def _living(session: Session, grant_id: str, *, now: datetime) -> OAuthGrant | None:
    grant = session.get(OAuthGrant, grant_id)
    return grant if grant is not None and grant.ended is None and grant.expires > now else None


def _is_for(row: Any, client_id: str, user: User, now: datetime) -> bool:
    whose = (row.client_id, row.user_kind, row.user_id)
    return whose == (client_id, user.kind.value, user.id) and row.expires > now


def _digest(vault: Vault, kind: str, value: str) -> bytes:
    return vault.token(kind, value[:LONGEST_SECRET])
