"""A clinic's system as the demo plays it: asks for a token with its own key, then calls the API."""

import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from telemed.demo.describe import BackendClient

ASSERTION: str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: int = 120


class System:
    """An authenticated client of the running demo."""

    def __init__(self, client: BackendClient, *, fhir_url: str) -> None:
        self._client = client
        self._http = httpx.Client(base_url=fhir_url, timeout=30, trust_env=False)

    def __enter__(self) -> httpx.Client:
        """The client, with a token of five minutes."""
        form = {
            "grant_type": "client_credentials",
            "scope": self._client.scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(self._client),
        }
        answer = self._http.post(self._client.token_url, data=form)
        answer.raise_for_status()
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return self._http

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


def assertion(client: BackendClient) -> str:
    """A signed statement of who asks (RFC 7523), good for one token request within two minutes."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": client.token_url,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + LIFETIME,
    }
    pem = Path(client.private_key_file).read_bytes()
    key = ECKey.import_key(pem) if client.alg == "ES384" else RSAKey.import_key(pem)
    return jwt.encode({"alg": client.alg, "kid": client.kid}, claims, key, algorithms=[client.alg])
