"""Registered systems and apps: what may be registered, and how a registration is found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlmodel import Session, col, select

from infra.problems import Unprocessable
from telemed.access.scopes import parse
from telemed.identity.addresses import MOST, require_usable
from telemed.identity.models import OAuthClient
from telemed.identity.names import NameLooksAlike, require_readable, skeleton

# SMART App Launch 2.2, "Client authentication: asymmetric": these two, and no others, whatever a library would accept.
ALGORITHMS = ("RS384", "ES384")
# ASCII only: no look-alike letters, nothing that a database or a log could take amiss.
LONGEST_APP = 63
CLIENT_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)
SMALLEST_RSA = 2048
LARGEST_RSA = 8192
MOST_KEYS = 8
# The scopes of SMART App Launch that name no resource.
NAMED = ("openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access")


class UnusableClientKeys(Unprocessable):
    """A client needs one to eight public keys with distinct kid: EC on P-384 (ES384) or RSA of 2048 bits up (RS384)."""


class UnusableClientId(Unprocessable):
    """A client id has 1 to 64 ASCII letters, digits, dots, hyphens or underscores."""


class UnusableScope(Unprocessable):
    """A system's scopes have the form system/Type.cruds, an app's user/Type.cruds, patient/Type.cruds or a SMART word."""


class UnusableClient(Unprocessable):
    """An app has redirect addresses and a name; a client without keys is a public app; keys are given once."""


@dataclass(frozen=True, slots=True)
class App:
    """What a client is for people: its name, where it may send them back to, where it is opened from the console."""

    name: str
    redirect_uris: tuple[str, ...]
    launch_url: str = ""


def register(
    session: Session,
    *,
    client_id: str,
    tenant: str,
    scope: str,
    now: datetime,
    jwks: Mapping[str, Any] | None = None,
    jwks_uri: str = "",
    app: App | None = None,
) -> OAuthClient:
    """The registration of a clinic's system or app, stored; registering the same id again replaces what it says.

    Without keys it is a public client, which only an app can be.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise UnusableClientId
    public = jwks is None and not jwks_uri
    if (jwks is not None and jwks_uri) or (public and app is None):
        raise UnusableClient
    if jwks is not None:
        public_keys(jwks)
    if jwks_uri:
        require_usable(jwks_uri)
    if app is not None:
        _require_app(session, app, client_id=client_id)
    _require_scopes(scope.split(), is_app=app is not None, public=public)
    client = OAuthClient(
        client_id=client_id,
        tenant=tenant,
        jwks=dict(jwks or {}),
        scope=" ".join(scope.split()),
        created=now,
        name=app.name if app else "",
        redirect_uris=list(app.redirect_uris) if app else [],
        launch_url=app.launch_url if app else "",
        jwks_uri=jwks_uri,
        public=public,
    )
    return session.merge(client)


def _require_app(session: Session, app: App, *, client_id: str) -> None:
    # The log names it beside the patient who allowed it, in one column.
    if len(client_id) > LONGEST_APP:
        raise UnusableClientId
    require_readable(app.name)
    if not 1 <= len(app.redirect_uris) <= MOST:
        raise UnusableClient
    for address in (*app.redirect_uris, *filter(None, [app.launch_url])):
        require_usable(address)
    others = select(OAuthClient.name).where(col(OAuthClient.client_id) != client_id, col(OAuthClient.name) != "")
    if skeleton(app.name) in {skeleton(name) for name in session.exec(others)}:
        raise NameLooksAlike


def _require_scopes(scopes: Sequence[str], *, is_app: bool, public: bool) -> None:
    if not scopes:
        raise UnusableScope
    for text in scopes:
        scope = parse(text)
        if scope is None:
            if not is_app or text not in NAMED:
                raise UnusableScope
            continue
        if not scope.is_served:
            raise UnusableScope("A scope names a type that is not served. See /fhir/metadata for those that are.")
        if public if scope.context == "system" else not is_app:
            raise UnusableScope


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
