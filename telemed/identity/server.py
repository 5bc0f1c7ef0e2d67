"""The token endpoint's core: Authlib's authorization server, run synchronously inside one atomic unit.

Authlib has no async server (authlib/authlib#278). Its core is plain synchronous code, and an atomic unit is a plain
synchronous function, so the two fit: the route awaits the form, the unit does the rest.
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
    InvalidScopeError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # as above
from sqlmodel import Session

from telemed.access.scopes import within
from telemed.identity.assertion import METHOD, RegisteredClient, SignedAssertion
from telemed.identity.clients import CLIENT_ID
from telemed.identity.lifetimes import ACCESS_TOKEN
from telemed.identity.models import OAuthClient
from telemed.identity.tokens import TokenIssuer

# Authlib writes whole tokens and clients into its debug messages.
logging.getLogger("authlib").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint answers: RFC 6749, sections 5.1 and 5.2."""

    status: int
    body: Mapping[str, Any]
    headers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """What the endpoint needs besides the session of the unit."""

    issuer: TokenIssuer
    audiences: frozenset[str]
    url: str
    now: Callable[[], datetime]

    def answer(self, session: Session, form: Mapping[str, str]) -> Answer:
        """The answer to a token request. The session keeps the used assertion also when the request is refused."""
        server = _Server(session, self)
        answer: Answer = server.create_token_response(form)
        return answer


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, url: str, form: Mapping[str, str]) -> None:
        # Authlib refuses plain http by this address. Whether the service may run without TLS is decided at start-up.
        super().__init__("POST", f"https://{urlsplit(url).netloc}{urlsplit(url).path}")
        self.payload = BasicOAuth2Payload(dict(form))

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)

    def validate_requested_scope(self) -> None:
        """Nothing; refuses a request without scope or for more than the registration holds."""
        requested = (self.request.payload.scope or "").split(" ")
        # Stock Authlib compares with the server's scopes and leaves the client's to the bundled token generators.
        if not within(requested, self.request.client.row.scope.split()):
            raise InvalidScopeError(description="Ask for scopes like system/Patient.rs within the registration.")


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, session: Session, endpoint: TokenEndpoint) -> None:
        super().__init__()
        self._session = session
        self._endpoint = endpoint
        self.register_grant(_Grant)
        assertion = SignedAssertion(session, audiences=endpoint.audiences, now=endpoint.now)
        self.register_client_auth_method(METHOD, assertion)
        self.register_token_generator("default", self._token)

    def query_client(self, client_id: str) -> RegisteredClient | None:
        row = self._session.get(OAuthClient, client_id) if CLIENT_ID.fullmatch(client_id) else None
        return RegisteredClient(row) if row is not None and row.active else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Nothing is stored: a token is signed, short-lived and says everything itself."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Mapping[str, str]) -> _Request:
        return _Request(self._endpoint.url, request)

    def handle_response(self, status: int, body: Mapping[str, Any], headers: Sequence[tuple[str, str]]) -> Answer:
        return Answer(status, body, headers)

    def _token(self, *, client: RegisteredClient, scope: str, **_unused: Any) -> dict[str, Any]:
        token = self._endpoint.issuer.sign(tenant=client.row.tenant, client_id=client.row.client_id, scope=scope)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(ACCESS_TOKEN.total_seconds()),
            "scope": scope,
        }
