"""The token endpoint's core: Authlib's authorization server, run synchronously inside one atomic unit.

Authlib has no async server (authlib/authlib#278). Its core is plain synchronous code, and an atomic unit is a plain
synchronous function, so the two fit: the route awaits the form, the unit does the rest. Authlib finds the grant,
authenticates the client and words the errors; what codes and refresh tokens are worth is decided in `grants.py`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # Authlib ships no types
    AuthorizationServer,
    ClientCredentialsGrant,
    InvalidClientError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # as above
from sqlmodel import Session

from infra.vault import Vault
from telemed.identity.assertion import METHOD, NOT_PROVEN, RegisteredClient, SignedAssertion, methods
from telemed.identity.clients import CLIENT_ID
from telemed.identity.lifetimes import ACCESS_TOKEN
from telemed.identity.models import OAuthClient, OAuthGrant
from telemed.identity.token_requests import OwnScope, RedeemedCode, RotatedToken
from telemed.identity.tokens import OfUser, TokenIssuer
from telemed.identity.users import UserSource

# Authlib writes whole tokens and clients into its debug messages.
logging.getLogger("authlib").setLevel(logging.WARNING)

LONGEST_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint answers: RFC 6749, sections 5.1 and 5.2."""

    status: int
    body: Mapping[str, Any]
    headers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """What the endpoint needs besides the session of the unit. `fetched` are the keys at the client's own address."""

    issuer: TokenIssuer
    audiences: frozenset[str]
    url: str
    now: Callable[[], datetime]
    vault: Vault
    users: Sequence[UserSource] = ()
    fetched: Mapping[str, Any] | None = None

    def answer(self, session: Session, form: Mapping[str, str]) -> Answer:
        """The answer to a token request. What was used up stays used up also when the request is refused."""
        server = Server(session, self)
        answer: Answer = server.create_token_response(form)
        return answer

    def client(self, session: Session, form: Mapping[str, str]) -> OAuthClient:
        """The client that a request proves to be from; Authlib's `InvalidClientError` if it proves nothing."""
        server = Server(session, self)
        request = server.create_oauth2_request(form)
        row: OAuthClient = server.authenticate_client(request, methods(form), "other").row
        return row


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, url: str, form: Mapping[str, str]) -> None:
        # Authlib refuses plain http by this address. Whether the service may run without TLS is decided at start-up.
        super().__init__("POST", f"https://{urlsplit(url).netloc}{urlsplit(url).path}")
        self.payload = BasicOAuth2Payload(dict(form))

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)


class _Credentials(OwnScope, ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's server over the session of one unit."""

    def __init__(self, session: Session, endpoint: TokenEndpoint) -> None:
        super().__init__()
        self.session = session
        self.endpoint = endpoint
        for grant in (_Credentials, RedeemedCode, RotatedToken):
            self.register_grant(grant)
        assertion = SignedAssertion(
            session, audiences=endpoint.audiences, now=endpoint.now, fetched=endpoint.fetched or {}
        )
        self.register_client_auth_method(METHOD, assertion)
        self.register_client_auth_method("none", _by_id)
        self.register_token_generator("default", self._token)

    def query_client(self, client_id: str) -> RegisteredClient | None:
        """The registration, if it is on."""
        row = self.session.get(OAuthClient, client_id) if CLIENT_ID.fullmatch(client_id) else None
        return RegisteredClient(row) if row is not None and row.active else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Nothing is stored: a token is signed, short-lived and says everything itself."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Mapping[str, str]) -> _Request:
        """The form in the shape that Authlib asks for."""
        return _Request(self.endpoint.url, request)

    def handle_response(self, status: int, body: Mapping[str, Any], headers: Sequence[tuple[str, str]]) -> Answer:
        """The answer as it is."""
        return Answer(status, body, headers)

    def token(self, client: OAuthClient, scope: str, *, grant: OAuthGrant | None = None) -> dict[str, Any]:
        """An access token in the form of RFC 6749 5.1."""
        tenant = grant.tenant if grant else client.tenant
        user = OfUser(grant.user_kind, grant.user_id, grant.id, grant.patient) if grant else None
        return {
            "access_token": self.endpoint.issuer.sign(
                tenant=tenant, client_id=client.client_id, scope=scope, user=user
            ),
            "token_type": "Bearer",
            "expires_in": int(ACCESS_TOKEN.total_seconds()),
            "scope": scope,
        }

    def _token(self, *, client: RegisteredClient, scope: str, **_unused: Any) -> dict[str, Any]:
        return self.token(client.row, scope)


def _by_id(query_client: Callable[[str], RegisteredClient | None], request: Any) -> RegisteredClient:
    """A public app by its id, which proves nothing: what counts is the code with its verifier, or the token."""
    given = request.form
    client = query_client(str(given.get("client_id", ""))[: LONGEST_CLIENT_ID + 1])
    if client is None or not client.row.public or "client_secret" in given:
        raise InvalidClientError(description=NOT_PROVEN)
    return client
