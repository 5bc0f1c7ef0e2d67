"""An authorisation request, read and judged (RFC 6749 4.1.1, RFC 7636, RFC 9700, SMART App Launch 2.2). Pure.

What is wrong with client or redirect address is told to the person on a page and never sent anywhere: an address that
is not the client's own is a stranger's. Everything else goes back to the client, with `state` and `iss`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from infra.problems import BadRequest
from telemed.access.scopes import MOST, narrowed, parse
from telemed.identity.clients import NAMED
from telemed.identity.grants import CHALLENGE
from telemed.identity.models import OAuthClient

LONGEST_STATE: Final = 512
LONGEST_SCOPE: Final = 2000
LONGEST_LAUNCH: Final = 100
LONGEST_NONCE: Final = 255
KNOWN: Final = frozenset(
    [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "aud",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "launch",
        "prompt",
        "response_mode",
        "request",
        "request_uri",
    ]
)
# RFC 6749, appendix A: visible ASCII and blanks, and for a scope neither quotation mark nor backslash.
_VISIBLE: Final = re.compile(r"[ -~]*", re.ASCII)
_SCOPES: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*", re.ASCII)

Fields = Sequence[tuple[str, str]]


class UnknownApp(BadRequest):
    """This app is not registered here, or it gave an address that is not its own. Nothing was sent to it."""


class AuthorizationError(Exception):  # RFC 6749 calls it an error
    """A refusal that the client is told: error code and description of RFC 6749 4.1.2.1."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Return:
    """Where the answer goes: a registered address, with what the client wants back."""

    redirect_uri: str
    state: str

    def address(self, issuer: str, **answer: str) -> str:
        """The address to send the browser to, with `iss` against mix-up (RFC 9207)."""
        given = {**answer, **({"state": self.state} if self.state else {}), "iss": issuer}
        mark = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{mark}{urlencode(given)}"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a client asks for, all of it in order; `scopes` lie within its registration."""

    client_id: str
    back: Return
    scopes: tuple[str, ...]
    challenge: str
    nonce: str
    launch: str

    @property
    def wants_patient(self) -> bool:
        """True if the app works on one patient."""
        return "launch/patient" in self.scopes or any(scope.startswith("patient/") for scope in self.scopes)


def addressee(fields: Fields, client: OAuthClient | None) -> Return:
    """Where an answer may go; `UnknownApp` unless client and address are named once, and the address is the client's."""
    named = [(name, value) for name, value in fields if name in ("client_id", "redirect_uri")]
    given = dict(named)
    if client is None or len(named) != len(given) or given.get("client_id") != client.client_id:
        raise UnknownApp
    if given.get("redirect_uri") not in client.redirect_uris:
        raise UnknownApp
    states = [value for name, value in fields if name == "state"]
    state = states[0] if len(states) == 1 and len(states[0]) <= LONGEST_STATE and _VISIBLE.fullmatch(states[0]) else ""
    return Return(given["redirect_uri"], state)


def read(fields: Fields, client: OAuthClient, back: Return, *, audience: str) -> AuthorizationRequest:
    """The request; `AuthorizationError` for everything that is missing, repeated, foreign or weak in it."""
    given = dict(fields)
    known = [name for name, _ in fields if name in KNOWN]
    if len(known) != len(set(known)):
        raise AuthorizationError("invalid_request", "A parameter is repeated.")
    if "request" in given:
        raise AuthorizationError("request_not_supported", "Send the parameters themselves.")
    if "request_uri" in given:
        raise AuthorizationError("request_uri_not_supported", "Send the parameters themselves.")
    if given.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "response_type must be code.")
    if given.get("response_mode", "query") != "query":
        raise AuthorizationError("invalid_request", "response_mode must be query, or left out.")
    if not back.state:
        raise AuthorizationError("invalid_request", "state must be sent: up to 512 visible ASCII characters.")
    # No method would mean plain (RFC 7636 4.3), which shows the verifier to whoever sees the request.
    if given.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise AuthorizationError("invalid_request", "code_challenge with code_challenge_method=S256 must be sent.")
    if given.get("aud", "").rstrip("/") != audience:
        raise AuthorizationError("invalid_request", f"aud must be {audience}.")
    if len(given.get("nonce", "")) > LONGEST_NONCE or not _VISIBLE.fullmatch(given.get("nonce", "")):
        raise AuthorizationError("invalid_request", "nonce must be up to 255 visible ASCII characters.")
    if "none" in given.get("prompt", "").split():
        raise AuthorizationError("interaction_required", "Nothing is allowed here without asking the person.")
    asked = granted(given.get("scope", ""), client)
    launch = given.get("launch", "")
    if len(launch) > LONGEST_LAUNCH or (launch and "launch" not in asked):
        raise AuthorizationError("invalid_request", "The parameter launch comes with the scope launch.")
    if not launch:
        # Apps that can be opened both ways ask for both; without a launch there is nothing to open with.
        asked = tuple(scope for scope in asked if scope != "launch")
    if not asked:
        raise AuthorizationError("invalid_scope", "Nothing is left of what is asked for without a launch.")
    return AuthorizationRequest(client.client_id, back, asked, given["code_challenge"], given.get("nonce", ""), launch)


def granted(scope: str, client: OAuthClient) -> tuple[str, ...]:
    """The scopes asked for, narrowed to the registration; `AuthorizationError` for unknown ones or if nothing is left."""
    words = scope.split(" ")
    if len(scope) > LONGEST_SCOPE or len(words) > MOST or not _SCOPES.fullmatch(scope):
        raise AuthorizationError("invalid_scope", "Ask for scopes like user/Patient.rs, one blank between two.")
    registered = client.scope.split()
    found: dict[str, None] = {}
    for word in words:
        if word in NAMED:
            found.update({word: None} if word in registered else {})
            continue
        known = parse(word)
        if known is None or known.context == "system":
            raise AuthorizationError("invalid_scope", "A scope is not one that people can allow here.")
        # An app may be made for other servers, too: what is not served here is left out, like what is not registered.
        found.update(dict.fromkeys(narrowed(word, registered)) if known.is_served else {})
    if not found:
        raise AuthorizationError("invalid_scope", "Nothing of what is asked for is registered for this app.")
    if found.keys() & {"fhirUser", "profile"} and "openid" not in found:
        raise AuthorizationError("invalid_scope", "fhirUser and profile come with openid.")
    return tuple(found)
