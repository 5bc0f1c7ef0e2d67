"""What is granted at the token endpoint, in the shape that Authlib runs: own scopes, a code, a refresh token."""

from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # Authlib ships no types
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin  # type: ignore[import-untyped]  # as above

from telemed.access.scopes import parse, within
from telemed.identity import grants
from telemed.identity.assertion import NOTHING_SENT, methods
from telemed.identity.clients import NAMED
from telemed.identity.grants import Redemption
from telemed.identity.models import OAuthGrant
from telemed.identity.users import User, source_of

if TYPE_CHECKING:
    from telemed.identity.server import Server

# One sentence for everything that is wrong with a code or token: whoever stole one does not learn what it lacks.
NOT_GOOD: Final = "The code or token is not good here: used, late, revoked, or of another client, address or verifier."
NO_SCOPE: Final = "Say what is asked for: the parameter scope, like system/Patient.rs, one blank between two."
NOT_A_SCOPE: Final = "A scope is not of the form system/Patient.rs that systems ask for; letters in the order cruds."
NOT_SERVED: Final = "A scope names a type that is not served. See /fhir/metadata for those that are."
OUTSIDE: Final = "A scope goes beyond what this client is registered for."
REFRESHED: Final = frozenset({"online_access", "offline_access"})
IDENTITY: Final = frozenset({"fhirUser", "profile"})


class OwnScope:
    """The scopes that a system asks for itself."""

    request: Any

    def validate_requested_scope(self) -> None:
        """Nothing; refuses a request without scope, for more than the registration holds, or for what people allow."""
        asked = self.request.payload.scope or ""
        requested = asked.split(" ")
        scopes = [parse(text) for text in requested]
        if not asked.strip():
            raise InvalidScopeError(description=NO_SCOPE)
        if any(scope is None or scope.context != "system" for scope in scopes):
            raise InvalidScopeError(description=NOT_A_SCOPE)
        if not all(scope is not None and scope.is_served for scope in scopes):
            raise InvalidScopeError(description=NOT_SERVED)
        # Stock Authlib compares with the server's scopes and leaves the client's to the bundled token generators.
        if not within(requested, self.request.client.row.scope.split()):
            raise InvalidScopeError(description=OUTSIDE)


class _OfPeople(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib ships no types
    server: "Server"

    def validate_token_request(self) -> None:
        """Nothing; the client has proven itself, and is one that acts for people."""
        self.request.client = self.client_of_request()
        if not self.request.client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("This client acts for nobody but itself.")

    def client_of_request(self) -> Any:
        """The client that the request proves to be from."""
        return self.server.authenticate_client(self.request, methods(self.request.form))

    def allowed(self, grant: OAuthGrant | None) -> tuple[OAuthGrant, User]:
        """The grant, and the person behind it as they are today."""
        source = source_of(self.server.endpoint.users, grant.user_kind) if grant else None
        user = source.today(self.server.session, grant.user_id) if source and grant else None
        if grant is None or user is None or user.tenant != grant.tenant:
            raise InvalidGrantError(description=NOT_GOOD)
        return grant, user

    def registered(self, grant: OAuthGrant, scope: str) -> str:
        """What of the scope the app is still registered for; without any of it, the grant ends."""
        left = [word for word in scope.split(" ") if _narrower(word, self.request.client.row.scope)]
        if not left:
            grants.end(self.server.session, grant.id, now=self.server.endpoint.now())
            raise InvalidGrantError(description=NOT_GOOD)
        return " ".join(left)

    def token(self, grant: OAuthGrant, scope: str) -> dict[str, Any]:
        """The answer: an access token, what it is about, and the next refresh token if one was allowed."""
        server = self.server
        body = server.token(self.request.client.row, scope, grant=grant)
        if grant.patient:
            # The banner: an app may be opened where nothing else says whose record this is.
            body |= {"patient": grant.patient, "need_patient_banner": True}
        if REFRESHED & set(grant.scope.split()):
            now = server.endpoint.now()
            body["refresh_token"] = grants.follow(server.session, server.endpoint.vault, grant, now=now)
        return body


class RedeemedCode(_OfPeople):
    """`authorization_code`: a code, with the address and the verifier that it belongs to, once."""

    GRANT_TYPE = "authorization_code"

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """The tokens; `invalid_grant` for a code that is not good, which then never is again."""
        endpoint, form = self.server.endpoint, self.request.form
        shown = Redemption(
            self.request.client.row.client_id, form.get("redirect_uri", ""), form.get("code_verifier", "")
        )
        code = form.get("code", "")
        found = grants.redeem(self.server.session, endpoint.vault, code, shown=shown, now=endpoint.now())
        grant, user = self.allowed(found)
        body = self.token(grant, self.registered(grant, grant.scope))
        named = set(grant.scope.split())
        if "openid" in named:
            body["id_token"] = endpoint.issuer.identify(
                client_id=grant.client_id,
                subject=endpoint.vault.pseudonym("oidc-subject", f"{grant.user_kind}:{grant.user_id}"),
                nonce=grant.nonce,
                fhir_user=user.fhir_user,
                named=frozenset(named & IDENTITY),
            )
        return 200, body, self.TOKEN_RESPONSE_HEADER


class RotatedToken(_OfPeople):
    """`refresh_token`: a refresh token, once; the answer holds the next one."""

    GRANT_TYPE = "refresh_token"

    def client_of_request(self) -> Any:
        """The same; of a public app that sends its token alone, as RFC 6749 6 allows and fhirclient.js does, its owner."""
        form, session = self.request.form, self.server.session
        if form.keys() & {"client_id", "client_assertion"}:
            return super().client_of_request()
        row = grants.refresh_token(session, self.server.endpoint.vault, form.get("refresh_token", ""))
        client = self.server.query_client(row.client_id) if row is not None else None
        if client is None or not client.row.public or "client_secret" in form:
            raise InvalidClientError(description=NOTHING_SENT)
        return client

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """The tokens; `invalid_grant` for a refresh token that is not good, and for the whole family if it is reused."""
        session, endpoint, form = self.server.session, self.server.endpoint, self.request.form
        client_id, now = self.request.client.row.client_id, endpoint.now()
        value = form.get("refresh_token", "")
        found = grants.rotate(session, endpoint.vault, value, client_id=client_id, now=now)
        grant, _ = self.allowed(found)
        scope = form.get("scope") or grant.scope
        if not _narrower(scope, grant.scope):
            # The token is used up; whoever asked for too much asks the person again.
            raise InvalidScopeError(description="Ask for scopes that were allowed, or leave scope out.")
        if not self._is_online(grant):
            grants.end(session, grant.id, now=now)
            raise InvalidGrantError(description=NOT_GOOD)
        return 200, self.token(grant, self.registered(grant, scope)), self.TOKEN_RESPONSE_HEADER

    def _is_online(self, grant: OAuthGrant) -> bool:
        """False where the app may work only while the person is signed in, and they no longer are."""
        named = set(grant.scope.split())
        if "offline_access" in named or grant.session is None:
            return True
        source = source_of(self.server.endpoint.users, grant.user_kind)
        now = self.server.endpoint.now()
        return source is not None and source.stands(self.server.session, grant.session, now=now)


def _narrower(scope: str, allowed: str) -> bool:
    had = allowed.split()
    return all(word in had if word in NAMED else within([word], had) for word in scope.split(" "))
