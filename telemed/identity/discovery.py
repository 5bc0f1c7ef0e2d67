"""Discovery: what is there, and nothing else, for SMART, OAuth (RFC 8414) and OpenID Connect."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from telemed.identity.assertion import METHOD
from telemed.identity.clients import ALGORITHMS, NAMED
from telemed.identity.tokens import ID_ALGORITHM
from telemed.services import services_of

router = APIRouter()

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-standalone-patient",
    "permission-online",
    "permission-offline",
    "permission-patient",
    "permission-user",
    "permission-v2",
)


@router.get("/fhir/.well-known/smart-configuration")
async def smart_configuration(request: Request) -> Response:
    """What of SMART App Launch 2.2 is there."""
    return _told(_metadata(_base(request)) | {"capabilities": list(CAPABILITIES)})


@router.get("/.well-known/oauth-authorization-server")
async def authorization_server(request: Request) -> Response:
    """The same, as RFC 8414 has it."""
    return _told(_metadata(_base(request)))


@router.get("/.well-known/openid-configuration")
async def openid_configuration(request: Request) -> Response:
    """The same, as OpenID Connect Discovery has it."""
    more = {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ID_ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile"],
    }
    return _told(_metadata(_base(request)) | more)


def _metadata(base: str) -> dict[str, Any]:
    token = {
        "token_endpoint_auth_methods_supported": [METHOD, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
    }
    return {
        "issuer": base,
        "jwks_uri": f"{base}/oauth/jwks.json",
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [*NAMED, *(f"{context}/*.{letters}" for context in _CONTEXTS for letters in _LETTERS)],
        "introspection_endpoint_auth_methods_supported": [METHOD],
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [METHOD, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        **token,
    }


_CONTEXTS = ("patient", "user", "system")
_LETTERS = ("cruds", "rs")


def _base(request: Request) -> str:
    return services_of(request).settings.base_url.rstrip("/")


def _told(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
