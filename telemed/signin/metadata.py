"""What an OpenID provider says of itself: its endpoints and keys, fetched, checked and kept for a while.

https://openid.net/specs/openid-connect-discovery-1_0.html. The issuer is the operator's choice; all that it names must be
reached by https, or by http on the loopback that the issuer itself is on. No redirect is followed.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from infra.problems import Unavailable

WELL_KNOWN: Final = "/.well-known/openid-configuration"
KEPT: Final = timedelta(hours=1)
# Keys that are not known are asked for again, but not by every token that names one.
LOOK_AGAIN: Final = timedelta(minutes=1)
LARGEST: Final = 262_144
# Seconds to connect, and between two bytes of an answer.
TIMEOUT: Final = (3.05, 5.0)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderSilent(Unavailable):
    """The sign-in of your house does not answer. Try again shortly."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of the discovery document is used here."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    # RFC 9207: every answer must say who it is from.
    names_issuer: bool


class Directory:
    """The provider's metadata and keys. Its methods block, so they run in a worker thread."""

    def __init__(self, issuer: str, *, now: Callable[[], datetime]) -> None:
        self.issuer = issuer
        self._now = now
        self._lock = threading.Lock()
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def metadata(self, session: Any) -> Metadata:
        """The provider's metadata, at most an hour old."""
        with self._lock:
            if self._metadata is None or self._now() - self._metadata[0] > KEPT:
                found = fetch(session, self.issuer.rstrip("/") + WELL_KNOWN)
                self._metadata = (self._now(), read_metadata(self.issuer, found))
            return self._metadata[1]

    def keys(self, session: Any, *, kid: str) -> KeySet:
        """The provider's keys; asked for again where none has this kid, once a minute at most."""
        uri = self.metadata(session).jwks_uri
        with self._lock:
            age = self._now() - self._keys[0] if self._keys is not None else KEPT
            known = self._keys is not None and any(key.kid == kid for key in self._keys[1].keys)
            if self._keys is None or age >= KEPT or (not known and age > LOOK_AGAIN):
                self._keys = (self._now(), read_keys(fetch(session, uri)))
            return self._keys[1]


def fetch(session: Any, url: str) -> Mapping[str, Any]:
    """The JSON object at an address; `ProviderSilent` if there is none, if it is too large, or if it is elsewhere."""
    # Only where an external provider is used, whose address the operator names (telemed/README.md, decision 4).
    import requests  # nosemgrep: other-way-out - as above

    try:
        with session.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True, withhold_token=True) as answer:
            body = answer.raw.read(LARGEST + 1, decode_content=True)
            found = json.loads(body) if answer.status_code == 200 and len(body) <= LARGEST else None
    except (requests.RequestException, OSError, ValueError, RecursionError) as error:
        raise ProviderSilent from error
    if not isinstance(found, dict):
        raise ProviderSilent
    return found


def read_metadata(issuer: str, found: Mapping[str, Any]) -> Metadata:
    """The metadata; `ProviderSilent` unless it is this issuer's, knows S256 and names addresses that are safe to use."""
    # OpenID Connect Discovery 4.3: exactly the issuer that was asked, or another one could speak for it.
    if found.get("issuer") != issuer or "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
        raise ProviderSilent
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if not all(isinstance(found.get(name), str) and is_safe(found[name], issuer=issuer) for name in names):
        raise ProviderSilent
    authorization, token, keys = (str(found[name]) for name in names)
    names_issuer = found.get("authorization_response_iss_parameter_supported") is True
    return Metadata(authorization, token, keys, names_issuer)


def read_keys(found: Mapping[str, Any]) -> KeySet:
    """The public keys of a key set."""
    try:
        return KeySet.import_key_set({"keys": list(found["keys"])})
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ProviderSilent from error


def is_safe(url: str, *, issuer: str) -> bool:
    """True for https, and for http on a loopback where the issuer is on one, too."""
    address, home = urlsplit(url), urlsplit(issuer)
    if address.scheme == "https":
        return bool(address.hostname)
    on_loopback = {address.hostname, home.hostname} <= LOOPBACK
    return address.scheme == "http" and home.scheme == "http" and on_loopback
