"""Registered systems: what may be registered, and how a registration is found."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlmodel import Session

from fhir.models import SERVED
from infra.problems import Unprocessable
from telemed.access.scopes import parse, within
from telemed.identity.models import OAuthClient

# SMART App Launch 2.2, "Client authentication: asymmetric": these two, and no others, whatever a library would accept.
ALGORITHMS = ("RS384", "ES384")
# ASCII only: no look-alike letters, nothing that a database or a log could take amiss.
CLIENT_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)
SMALLEST_RSA = 2048
LARGEST_RSA = 8192
MOST_KEYS = 8


class UnusableClientKeys(Unprocessable):
    """A client needs one to eight public keys with distinct kid: EC on P-384 (ES384) or RSA of 2048 bits up (RS384)."""


class UnusableClientId(Unprocessable):
    """A client id has 1 to 64 ASCII letters, digits, dots, hyphens or underscores."""


class UnusableScope(Unprocessable):
    """A backend client's scopes have the form system/Type.cruds, without search parameters."""


def register(
    session: Session, *, client_id: str, tenant: str, jwks: Mapping[str, Any], scope: str, now: datetime
) -> OAuthClient:
    """The registration of a clinic's system, stored; registering the same id again replaces keys and scope."""
    public_keys(jwks)
    if not CLIENT_ID.fullmatch(client_id):
        raise UnusableClientId
    if not scope.split() or not within(scope.split(), ["system/*.cruds"]):
        raise UnusableScope
    if not all(known is not None and known.type in ("*", *SERVED) for known in map(parse, scope.split())):
        raise UnusableScope("A scope names a type that is not served. See /fhir/metadata for those that are.")
    client = OAuthClient(client_id=client_id, tenant=tenant, jwks=dict(jwks), scope=scope, created=now)
    return session.merge(client)


def public_keys(jwks: Mapping[str, Any]) -> KeySet:
    """The keys of a registration, ready to verify with; refuses private, weak, symmetric and nameless ones."""
    keys = jwks.get("keys")
    if "kty" in jwks and keys is None:
        _require_public(jwks)
        raise UnusableClientKeys('This is one key, not a set. Put it into a set: {"keys": [...]}.')
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS or not all(isinstance(key, dict) for key in keys):
        raise UnusableClientKeys
    for key in keys:
        _require_public(key)
    if len({key["kid"] for key in keys}) != len(keys):
        raise UnusableClientKeys("Two keys have the same kid. Give each a kid of its own.")
    return KeySet([_public_key(key) for key in keys])


def _require_public(key: Mapping[str, Any]) -> None:
    if "d" in key:
        raise UnusableClientKeys("This holds a private key. Keep it, and register its public half alone.")
    if not isinstance(key.get("kid"), str) or not key["kid"]:
        raise UnusableClientKeys("A key has no kid. Give each key a kid, the one that the assertions name.")
    if key.get("kty") == "EC" and key.get("crv") != "P-384":
        raise UnusableClientKeys("An EC key is on another curve than P-384, which ES384 needs. Make one on P-384.")


def _public_key(key: dict[str, Any]) -> ECKey | RSAKey:
    try:
        if key.get("kty") == "EC":
            return ECKey.import_key({**key, "alg": "ES384"})
        if key.get("kty") == "RSA":
            rsa = RSAKey.import_key({**key, "alg": "RS384"})
            if SMALLEST_RSA <= rsa.public_key.key_size <= LARGEST_RSA:
                return rsa
    except (JoseError, ValueError) as error:
        raise UnusableClientKeys from error
    raise UnusableClientKeys
