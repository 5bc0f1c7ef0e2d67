"""Access tokens: ES256 JSON Web Tokens of five minutes (RFC 9068), and the keys that sign them.

Identity tokens are signed with RS256, which SMART App Launch asks of every server; nothing else is. Their key is made
when the first app asks who the person is, as making one takes a tenth of a second and most services have no such app.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlmodel import Session, col, delete, select

from infra.clock import Clock, is_within
from infra.database import Database
from infra.vault import Binding, Sealed, Vault
from telemed.identity.lifetimes import ACCESS_TOKEN, ID_TOKEN, LEEWAY, SIGNING_KEY, SIGNING_KEY_AHEAD, TOKEN_CACHE
from telemed.identity.models import SigningKey

ALGORITHM = "ES256"
ID_ALGORITHM = "RS256"
RSA_BITS = 2048
TYPE = "at+jwt"
CACHED_TOKENS = 10_000
LONGEST_TOKEN = 4096
LOOK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class OfUser:
    """Whose token it is, where it is a person's: by which grant, and about which patient if about one."""

    kind: str
    id: str
    grant: str
    patient: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token says: which client of which tenant, with which scopes, until when, for whom."""

    tenant: str
    client_id: str
    scopes: frozenset[str]
    expires: datetime
    jti: str = ""
    user: OfUser | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    private: ECKey | RSAKey
    created: datetime
    retires: datetime


class TokenIssuer:
    """Signs and verifies access tokens. One for a process; all processes share the keys in the database."""

    def __init__(self, vault: Vault, *, issuer: str, audience: str, clock: Clock) -> None:
        self._vault = vault
        self.name = issuer
        self.audience = audience
        self._clock = clock
        self._keys: list[_Key] = []
        self._identifies = False
        self._looked = datetime.min.replace(tzinfo=UTC)
        self._verified: OrderedDict[bytes, tuple[datetime, Grant]] = OrderedDict()

    async def load(self, database: Database) -> None:
        """Nothing; the signing keys are read, and a next one is made when the newest nears its end."""
        self._keys = await database.write(self._maintain)

    async def look_again(self, database: Database) -> None:
        """Nothing; keys that another process made are read, at most once in ten seconds whatever is sent to us."""
        now = self._clock.now()
        if not is_within(LOOK_AGAIN, since=self._looked, now=now):
            self._looked = now
            self._keys = await database.read(self._stored)

    async def prepare_identities(self, database: Database) -> None:
        """Nothing; there is a key for identity tokens, from now on for good."""
        if self._usable(RSAKey) is None:
            self._identifies = True
            await self.load(database)

    def sign(self, *, tenant: str, client_id: str, scope: str, user: OfUser | None = None) -> str:
        """A new access token."""
        now, key = self._clock.now(), self._usable(ECKey)
        assert key is not None
        claims = {
            "iss": self.name,
            "aud": self.audience,
            # RFC 9068 2.2: the person, or the client itself where there is none.
            "sub": user.id if user else client_id,
            "client_id": client_id,
            "tenant": tenant,
            "scope": scope,
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_TOKEN).timestamp()),
            "jti": secrets.token_urlsafe(16),
        }
        if user:
            claims |= {"user": user.kind, "grant": user.grant} | ({"patient": user.patient} if user.patient else {})
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}, claims, key.private, algorithms=[ALGORITHM])

    def identify(self, *, client_id: str, subject: str, nonce: str, fhir_user: str, named: frozenset[str]) -> str:
        """An identity token (OpenID Connect Core 2) for a client; `named` are the claims about the person in scope."""
        now, key = self._clock.now(), self._usable(RSAKey)
        assert key is not None
        claims = {
            "iss": self.name,
            "aud": client_id,
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int((now + ID_TOKEN).timestamp()),
        }
        claims |= dict.fromkeys(sorted(named), f"{self.audience}/{fhir_user}")
        claims |= {"nonce": nonce} if nonce else {}
        header = {"alg": ID_ALGORITHM, "typ": "JWT", "kid": key.kid}
        return jwt.encode(header, claims, key.private, algorithms=[ID_ALGORITHM])

    def _usable(self, kind: type[ECKey] | type[RSAKey]) -> _Key | None:
        now = self._clock.now()
        usable = [key for key in self._keys if now < key.retires and isinstance(key.private, kind)]
        # The oldest that still signs: a newer one has been published for a day before its turn comes.
        return min(usable, key=lambda key: key.retires, default=None)

    def verify(self, token: str) -> Grant | None:
        """What the token says, or nothing if it is not one of ours that is valid now."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        now = self._clock.now()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and now < known[1].expires and is_within(TOKEN_CACHE, since=known[0], now=now):
            return known[1]
        grant = self._read(token, now)
        if grant is not None:
            self._verified[digest] = (now, grant)
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
        return {"keys": [_public(key.private) | {"alg": _algorithm(key.private), "use": "sig"} for key in self._keys]}

    def _read(self, token: str, now: datetime) -> Grant | None:
        try:
            keys = KeySet([key.private for key in self._keys if isinstance(key.private, ECKey)])
            decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            return None
        claims = decoded.claims
        right = decoded.header.get("typ") == TYPE and claims.get("iss") == self.name
        if not right or claims.get("aud") != self.audience or type(claims.get("exp")) is not int:
            return None
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        # One that is not made yet was made before the clock was set back; it would outlive its five minutes.
        if not now < expires <= now + ACCESS_TOKEN + LEEWAY:
            return None
        user = None
        if "user" in claims:
            user = OfUser(claims["user"], claims["sub"], claims["grant"], claims.get("patient", ""))
        scopes = frozenset(claims["scope"].split())
        return Grant(claims["tenant"], claims["client_id"], scopes, expires, claims["jti"], user)

    def _maintain(self, session: Session) -> list[_Key]:
        now = self._clock.now()
        session.exec(delete(SigningKey).where(col(SigningKey.retires) < now - ACCESS_TOKEN - LEEWAY))
        rows = self._rows(session)
        self._identifies = self._identifies or any(_is_rsa(row) for row in rows)
        for rsa in (False, True) if self._identifies else (False,):
            same = [row.retires for row in rows if _is_rsa(row) is rsa]
            if not same or same[-1] < now + SIGNING_KEY_AHEAD:
                rows.append(self._make(session, rsa=rsa, start=max([now, *same])))
        return [self._opened(session, row) for row in rows]

    def _stored(self, session: Session) -> list[_Key]:
        return [self._opened(session, row) for row in self._rows(session)]

    @staticmethod
    def _rows(session: Session) -> list[SigningKey]:
        return list(session.exec(select(SigningKey).order_by(col(SigningKey.retires))))

    def _make(self, session: Session, *, rsa: bool, start: datetime) -> SigningKey:
        kid = secrets.token_hex(8)
        key = _new_rsa(kid) if rsa else ECKey.generate_key("P-256", {"kid": kid}, private=True)
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
        kind = RSAKey if _is_rsa(row) else ECKey
        return _Key(row.kid, kind.import_key(pem, {"kid": row.kid}), row.created, row.retires)


def _new_rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(RSA_BITS, {"kid": kid}, private=True)


def _is_rsa(row: SigningKey) -> bool:
    return bool(row.public.get("kty") == "RSA")


def _algorithm(key: ECKey | RSAKey) -> str:
    return ID_ALGORITHM if isinstance(key, RSAKey) else ALGORITHM


def _public(key: ECKey | RSAKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def _place(kid: str) -> Binding:
    return Binding("", "SigningKey", kid)
