"""Client authentication by a signed assertion (RFC 7523, SMART Backend Services), on Authlib's core.

Authlib's stock class accepts no RS384 or ES384, takes an audience list with foreign members, and an expiry at any
distance (measured, notes in README.md). What it would accept too much of is refused here.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError  # type: ignore[import-untyped]  # Authlib ships no types
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion  # type: ignore[import-untyped]  # as above
from authlib.oauth2.rfc7523.client import ASSERTION_TYPE  # type: ignore[import-untyped]  # as above
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col

from telemed.identity.clients import ALGORITHMS, UnusableClientKeys, public_keys
from telemed.identity.lifetimes import ASSERTION_AHEAD, LEEWAY
from telemed.identity.models import OAuthClient, UsedAssertion

METHOD = "private_key_jwt"
LONGEST_ASSERTION = 8192
LONGEST_ID = 255
NOTHING_SENT = f"Send client_assertion, a signed JWT, and client_assertion_type={ASSERTION_TYPE}."
# One sentence for an unknown client, an unknown kid and another key: a stranger does not learn who is a client.
NOT_PROVEN = "No key registered for this client and kid verifies the assertion. Compare iss, sub, kid and the key."
# No jku, x5u, jwk or crit: keys come from the registration alone, never from the message that they are to prove.
HEADERS = frozenset({"alg", "kid", "typ"})
# RFC 8725 3.11: a token that was made for another purpose is no assertion. SMART writes JWT, and leaving it out is usual.
TYPES = frozenset({"jwt", "client-authentication+jwt"})


def methods(form: Mapping[str, str]) -> tuple[str, ...]:
    """How a request wants to be authenticated; a registration allows one of them only."""
    return ("none",) if "client_assertion" not in form and "client_id" in form else (METHOD,)


class SignedAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib ships no types
    """Authenticates a client by its assertion, once, inside the session of one atomic unit."""

    CLIENT_AUTH_METHOD = METHOD

    def __init__(
        self, session: Session, *, audiences: frozenset[str], now: Callable[[], datetime], fetched: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self._session = session
        self._audiences = audiences
        self._now = now
        self._fetched = fetched

    def __call__(self, query_client: Callable[[str], OAuthClient | None], request: Any) -> Any:
        """The authenticated client."""
        if len(request.form.get("client_assertion", "")) > LONGEST_ASSERTION:
            raise InvalidClientError(description="The assertion is too long.")

        def known(client_id: str) -> OAuthClient:
            client = query_client(client_id)
            if client is None:
                raise InvalidClientError(description=NOT_PROVEN)
            return client

        client = super().__call__(known, request)
        if client is None:
            raise InvalidClientError(description=NOTHING_SENT)
        return client

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims, not verified yet; only the header's fields that are used here may be in it."""
        try:
            header, claims = super().extract_assertion(assertion)
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidClientError(description="Invalid JWT assertion.") from error
        if not set(header) <= HEADERS or header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
            raise InvalidClientError(description="The header must hold alg (RS384 or ES384), kid and typ alone.")
        if str(header.get("typ", "JWT")).lower() not in TYPES:
            raise InvalidClientError(description="typ must be JWT, or left out.")
        return header, claims

    def resolve_client_public_key(self, client: "RegisteredClient") -> KeySet:
        """The keys of the registration, or those at the address in it, which have been fetched before this unit."""
        try:
            return public_keys(self._fetched if client.row.jwks_uri else client.row.jwks)
        except UnusableClientKeys:
            raise InvalidClientError(description=NOT_PROVEN) from None

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, Any]:
        """The claims, verified with the algorithms of SMART Backend Services alone."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidClientError(description=NOT_PROVEN) from error
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: Mapping[str, Any]) -> None:
        """Nothing; refuses claims that are absent, of another type, foreign, expired, too far ahead or used before."""
        problem = self._wrong(claims)
        if problem:
            raise InvalidClientError(description=problem)
        if not self._first_use(claims):
            raise InvalidClientError(description="The jti has been used before.")

    def _wrong(self, claims: Mapping[str, Any]) -> str:
        now = int(self._now().timestamp())
        leeway = int(LEEWAY.total_seconds())
        jti = claims.get("jti")
        # One string, not a list: an assertion that is also meant for others could be replayed here by them.
        if not isinstance(claims.get("aud"), str) or claims["aud"] not in self._audiences:
            return "aud must be the token endpoint, as one string."
        if not isinstance(claims.get("sub"), str) or claims.get("iss") != claims["sub"]:
            return "iss and sub must both be the client_id."
        if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_ID:
            return "jti must be a string of 1 to 255 characters."
        # bool is an int and NaN compares false with everything, so the type is looked at first.
        if type(claims.get("exp")) is not int or claims["exp"] <= now - leeway:
            return "exp must be a whole number in the future."
        if claims["exp"] > now + int(ASSERTION_AHEAD.total_seconds()) + leeway:
            return "exp must be at most five minutes ahead."
        for name in ("iat", "nbf"):
            if name in claims and (type(claims[name]) is not int or claims[name] > now + leeway):
                return f"{name} must be a whole number, not in the future."
        return ""

    def _first_use(self, claims: Mapping[str, Any]) -> bool:
        """Store that the assertion has been used; the primary key lets only one of several at once succeed."""
        text = f"{len(claims['sub'])}:{claims['sub']}{claims['jti']}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        on_postgres = self._session.get_bind().dialect.name == "postgresql"
        upsert = postgres_insert if on_postgres else sqlite_insert
        expires = datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
        added = self._session.connection().execute(
            upsert(UsedAssertion)
            .values(digest=digest, expires=expires)
            .on_conflict_do_nothing()
            .returning(col(UsedAssertion.digest))
        )
        return added.scalar_one_or_none() is not None


class RegisteredClient:
    """A registration in the shape that Authlib asks for."""

    def __init__(self, row: OAuthClient) -> None:
        self.row = row

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """True for a signed assertion of a client with keys, and for nothing at all of a public app; no secrets."""
        return method == ("none" if self.row.public else METHOD)

    def check_grant_type(self, grant_type: str) -> bool:
        """True for what the kind of client may do: systems act by themselves, apps for people."""
        if grant_type == "client_credentials":
            return not self.row.public
        return bool(self.row.redirect_uris)
