"""A SMART App Launch 2.2 client of our own: it begins with the FHIR base alone and finds everything else by discovery."""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.telemed.identity.signing import Client

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class SmartApp:
    """An app: its registration, its memory of the running launch, and its way to the server without any cookie."""

    http: httpx.AsyncClient
    fhir: str
    client_id: str
    redirect_uri: str
    keys: Client | None = None
    found: dict[str, Any] = field(default_factory=dict)
    verifier: str = ""
    state: str = ""
    nonce: str = ""

    async def discover(self) -> dict[str, Any]:
        """What the server says about itself."""
        answer = await self.http.get(f"{self.fhir}/.well-known/smart-configuration")
        self.found = answer.raise_for_status().json()
        assert {"S256"} == set(self.found["code_challenge_methods_supported"])
        return self.found

    def asked(self, scope: str, **changed: str | None) -> dict[str, str]:
        """The parameters of an authorisation request, except for what is changed; None leaves one out."""
        self.verifier, self.state, self.nonce = (secrets.token_urlsafe(n) for n in (48, 24, 16))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        given: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "aud": self.fhir,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "nonce": self.nonce,
        }
        return {name: value for name, value in (given | changed).items() if value is not None}

    def address(self, scope: str, **changed: str | None) -> str:
        """Where the app sends the browser."""
        return f"{self.found['authorization_endpoint']}?{urlencode(self.asked(scope, **changed))}"

    def code(self, location: str) -> str:
        """The code of an answer that came to the app's own address, with its own state and the right issuer."""
        given = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith(self.redirect_uri + "?"), location
        assert given.get("state") == self.state and given.get("iss") == self.found["issuer"], given
        return given.get("code", "")

    async def redeem(self, code: str, **changed: str) -> httpx.Response:
        """The answer of the token endpoint to the code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return await self.post("token_endpoint", form | {"code_verifier": self.verifier} | changed)

    async def refresh(self, token: str, **changed: str) -> httpx.Response:
        """The answer of the token endpoint to the refresh token."""
        return await self.post("token_endpoint", {"grant_type": "refresh_token", "refresh_token": token} | changed)

    async def post(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        """The answer to a form, with what the app proves itself by."""
        return await self.http.post(self.found[endpoint], data=self.proof() | form)

    def proof(self) -> dict[str, str]:
        """What goes with each request: an assertion, or of a public app its id."""
        if self.keys is None:
            return {"client_id": self.client_id}
        assertion = self.keys.assertion(aud=self.found["token_endpoint"])
        return {"client_assertion_type": BEARER, "client_assertion": assertion}

    async def identity(self, token: str) -> dict[str, Any]:
        """The claims of an identity token, verified with the published keys as OpenID Connect asks."""
        keys = KeySet.import_key_set((await self.http.get(self.found["jwks_uri"])).json())
        claims = dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (self.found["issuer"], self.client_id, self.nonce)
        return claims


def form_of(page: str) -> list[tuple[str, str]]:
    """What the consent page's form would send if nothing is changed on it: hidden fields and ticked boxes."""
    found: list[tuple[str, str]] = []
    for tag in re.findall(r"<input\b[^>]*>", page):
        named = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if named.get("type") == "hidden" or (named.get("type") in ("checkbox", "radio") and " checked" in tag):
            found.append((html.unescape(named["name"]), html.unescape(named["value"])))
    return found


def ticked(page: str) -> list[tuple[str, str]]:
    """What the form sends once every box on it is ticked."""
    boxes = [tag for tag in re.findall(r"<input\b[^>]*>", page) if 'type="checkbox"' in tag and " checked" not in tag]
    named = (dict(re.findall(r'([a-z-]+)="([^"]*)"', tag)) for tag in boxes)
    return form_of(page) + [(html.unescape(one["name"]), html.unescape(one["value"])) for one in named]
