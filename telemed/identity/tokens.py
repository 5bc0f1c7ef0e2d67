"""Access tokens: ES256 JSON Web Tokens of five minutes (RFC 9068), and the keys that sign them."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from sqlmodel import Session, col, delete, select

from infra.clock import Clock
from infra.database import Database
from infra.vault import Binding, Sealed, Vault
from telemed.identity.lifetimes import ACCESS_TOKEN, LEEWAY, SIGNING_KEY, SIGNING_KEY_AHEAD, TOKEN_CACHE
from telemed.identity.models import SigningKey

ALGORITHM = "ES256"
TYPE = "at+jwt"
CACHED_TOKENS = 10_000
LONGEST_TOKEN = 4096
LOOK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token says: which system of which tenant, with which scopes, until when."""

    tenant: str
    client_id: str
    scopes: frozenset[str]
    expires: datetime


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    private: ECKey
    created: datetime
    retires: datetime


class TokenIssuer:
    """Signs and verifies access tokens. One for a process; all processes share the keys in the database."""

    def __init__(self, vault: Vault, *, issuer: str, audience: str, clock: Clock) -> None:
        self._vault = vault
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._keys: list[_Key] = []
        self._looked = datetime.min.replace(tzinfo=UTC)
        self._verified: OrderedDict[bytes, tuple[datetime, Grant]] = OrderedDict()

    async def load(self, database: Database) -> None:
        """Nothing; the signing keys are read, and a next one is made when the newest nears its end."""
        self._keys = await database.write(self._maintain)

    async def look_again(self, database: Database) -> None:
        """Nothing; keys that another process made are read, at most once in ten seconds whatever is sent to us."""
        now = self._clock.now()
        if now - self._looked >= LOOK_AGAIN:
            self._looked = now
            self._keys = await database.read(self._stored)

    def sign(self, *, tenant: str, client_id: str, scope: str) -> str:
        """A new access token."""
        now = self._clock.now()
        usable = [key for key in self._keys if now < key.retires]
        # The oldest that still signs: a newer one has been published for a day before its turn comes.
        key = min(usable, key=lambda key: key.retires)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": client_id,
            "client_id": client_id,
            "tenant": tenant,
            "scope": scope,
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_TOKEN).timestamp()),
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}, claims, key.private, algorithms=[ALGORITHM])

    def verify(self, token: str) -> Grant | None:
        """What the token says, or nothing if it is not one of ours that is valid now."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        now = self._clock.now()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        grant = self._read(token, now)
        if grant is not None:
            self._verified[digest] = (min(grant.expires, now + TOKEN_CACHE), grant)
            while len(self._verified) > CACHED_TOKENS:
                self._verified.popitem(last=False)
        return grant

    def is_foreign(self, token: str) -> bool:
        """True if the token names a key that is not loaded here; another process may have made a newer one."""
        try:
            header = jws.extract_compact(token[:LONGEST_TOKEN].encode()).headers()
        except (JoseError, ValueError, TypeError):
            return False
        return header.get("typ") == TYPE and all(key.kid != header.get("kid") for key in self._keys)

    def public(self) -> dict[str, Any]:
        """The JSON Web Key Set for verifiers: keys that sign, will sign next, or signed a token that still lives."""
        return {"keys": [_public(key.private) | {"alg": ALGORITHM, "use": "sig"} for key in self._keys]}

    def _read(self, token: str, now: datetime) -> Grant | None:
        try:
            decoded = jwt.decode(token, KeySet([key.private for key in self._keys]), algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            return None
        claims = decoded.claims
        right = decoded.header.get("typ") == TYPE and claims.get("iss") == self._issuer
        if not right or claims.get("aud") != self._audience or type(claims.get("exp")) is not int:
            return None
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        if expires <= now:
            return None
        return Grant(claims["tenant"], claims["client_id"], frozenset(claims["scope"].split()), expires)

    def _maintain(self, session: Session) -> list[_Key]:
        now = self._clock.now()
        session.exec(delete(SigningKey).where(col(SigningKey.retires) < now - ACCESS_TOKEN - LEEWAY))
        rows = self._rows(session)
        if not rows or rows[-1].retires < now + SIGNING_KEY_AHEAD:
            rows.append(self._make(session, start=max([now, *(row.retires for row in rows)])))
        return [self._opened(session, row) for row in rows]

    def _stored(self, session: Session) -> list[_Key]:
        return [self._opened(session, row) for row in self._rows(session)]

    @staticmethod
    def _rows(session: Session) -> list[SigningKey]:
        return list(session.exec(select(SigningKey).order_by(col(SigningKey.retires))))

    def _make(self, session: Session, *, start: datetime) -> SigningKey:
        kid = secrets.token_hex(8)
        key = ECKey.generate_key("P-256", {"kid": kid}, private=True)
        sealed = self._vault.seal(session, key.as_pem(private=True), to=_place(kid))
        row = SigningKey(
            kid=kid,
            public=_public(key),
            data_key=sealed.data_key,
            private=sealed.body,
            created=self._clock.now(),
            retires=start + SIGNING_KEY,
        )
        session.add(row)
        session.flush()
        return row

    def _opened(self, session: Session, row: SigningKey) -> _Key:
        pem = self._vault.open_alone(session, Sealed(row.data_key, row.private), to=_place(row.kid))
        return _Key(row.kid, ECKey.import_key(pem, {"kid": row.kid}), row.created, row.retires)


def _public(key: ECKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def _place(kid: str) -> Binding:
    return Binding("", "SigningKey", kid)
