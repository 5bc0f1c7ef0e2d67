"""A clinic's system as the tests play it: keys, a registration, assertions with one thing changed."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

TOKEN_URL = "https://telemed.example/oauth/token"
ISSUER = "https://telemed.example"


def ec_key(kid: str = "ec-1", curve: str = "P-384") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid}, private=True)


def rsa_key(kid: str = "rsa-1", bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits, {"kid": kid}, private=True)


@dataclass(frozen=True)
class Client:
    """A registered system with its private key."""

    client_id: str
    key: ECKey | RSAKey
    alg: str = "ES384"

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [dict(self.key.as_dict(private=False))]}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        """A valid assertion, except for what is changed; a claim changed to None is left out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": TOKEN_URL,
            "exp": now + 240,
            "jti": secrets.token_urlsafe(16),
        }
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        head = {"alg": self.alg, "kid": self.key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode(head, claims, key or self.key, algorithms=[head["alg"]])

    def form(self, *, scope: str = "system/*.cruds", assertion: str | None = None, **changed: str) -> dict[str, str]:
        """A valid token request, except for what is changed."""
        return {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion if assertion is not None else self.assertion(),
        } | changed
