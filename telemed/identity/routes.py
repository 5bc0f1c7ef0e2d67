"""Routes of identity: tokens for systems, published keys, discovery, one-click sign-in of the demo, sign-out."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jws
from joserfc.errors import JoseError
from sqlmodel import Session

from infra.problems import Problem, TooMany, Unavailable, UnsupportedMediaType
from telemed.identity.assertion import LONGEST_ASSERTION, METHOD
from telemed.identity.browsers import described
from telemed.identity.callers import SignedInClinician
from telemed.identity.clients import ALGORITHMS
from telemed.identity.refusals import NoSuchSignIn, StaleSignIn
from telemed.identity.server import Answer, TokenEndpoint
from telemed.identity.sessions import (
    Proof,
    clear_cookie,
    clinician_of_link,
    cookie_name,
    end_session,
    open_session,
    set_cookie,
)
from telemed.services import Services, services_of

log = structlog.get_logger()
router = APIRouter()

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20


@router.post("/oauth/token")
async def token(request: Request) -> Response:
    """An access token for a registered system that proves itself by a signed assertion (RFC 6749 4.4, RFC 7523)."""
    services = services_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaType(f"Send the parameters as {FORM}.")
    async with request.form(max_fields=MOST_FIELDS, max_files=0) as sent:
        fields = [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]
    address = request.client.host if request.client else ""
    name = claimed_client(dict(fields))
    services.failures.check(address, name)
    if len(dict(fields)) != len(fields):
        answer = Answer(400, {"error": "invalid_request", "error_description": "A parameter is repeated."}, ())
    else:
        endpoint = _endpoint(services)
        answer = await services.database.write(lambda session: endpoint.answer(session, dict(fields)))
    if answer.status != 200:
        log.info("token_refused", error=str(answer.body["error"]))
    if answer.body.get("error") == "invalid_client":
        # A proof that does not hold is an attempt; a scope too wide is a mistake of somebody who is who they say.
        services.failures.failed(address, name)
    return _json(answer)


@router.get("/oauth/jwks.json")
async def jwks(request: Request) -> Response:
    """The keys that verify our access tokens, for everybody."""
    body = msgspec.json.encode(services_of(request).issuer.public())
    return Response(body, media_type="application/json", headers={"Cache-Control": "public, max-age=300"})


@router.get("/fhir/.well-known/smart-configuration")
async def smart_configuration(request: Request) -> Response:
    """What of SMART App Launch 2.2 is there: backend services with signed assertions, nothing else yet."""
    base = services_of(request).settings.base_url.rstrip("/")
    body = {
        "issuer": base,
        "jwks_uri": f"{base}/oauth/jwks.json",
        "token_endpoint": f"{base}/oauth/token",
        "token_endpoint_auth_methods_supported": [METHOD],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.cruds", "system/*.rs"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/console/sign-in/{token}")
async def sign_in(request: Request, token: str) -> Response:
    """The demo's one-click sign-in: anybody who holds the link. In production there is no such page."""
    services = services_of(request)
    if not services.settings.is_demo:
        raise NoSuchSignIn
    now, vault = services.system_clock.now(), services.vault

    def unit(session: Session) -> str | None:
        clinician = clinician_of_link(session, vault, token)
        if clinician is None:
            return None
        known_as = described(request.headers.get("user-agent", ""))
        return open_session(
            session, vault, clinician_id=clinician.id, now=now, proof=Proof.DEMO, verified=now, browser=known_as
        )

    secret = await services.database.write(unit)
    if secret is None:
        raise StaleSignIn
    answer = RedirectResponse("/console", 303)
    set_cookie(answer, services.settings, secret=secret)
    return answer


@router.post("/console/sign-out")
async def sign_out(request: Request, caller: SignedInClinician) -> Response:
    """The end of this browser's session, for whoever is signed in."""
    services = services_of(request)
    secret = request.cookies[cookie_name(services.settings)]
    await services.database.write(lambda session: end_session(session, services.vault, secret=secret))
    answer = RedirectResponse("/", 303)
    clear_cookie(answer, services.settings)
    return answer


def claimed_client(form: Mapping[str, str]) -> str:
    """The client that a request says it is from, unverified; only for counting failures."""
    try:
        claims = msgspec.json.decode(jws.extract_compact(form["client_assertion"][:LONGEST_ASSERTION].encode()).payload)
    except (KeyError, JoseError, ValueError, TypeError, RecursionError):
        return ""
    return str(claims.get("sub", "")) if isinstance(claims, dict) else ""


def as_oauth(_request: Request, problem: Problem) -> Response:
    """The problem in the words of OAuth (RFC 6749 5.2), which a client's library reads."""
    error = "invalid_request" if problem.status < 500 else "server_error"
    if problem.status in (TooMany.status, Unavailable.status):
        error = "temporarily_unavailable"
    told = _json(Answer(problem.status, {"error": error, "error_description": problem.text}, ()))
    told.headers.update(problem.headers)
    return told


def _endpoint(services: Services) -> TokenEndpoint:
    base = services.settings.base_url.rstrip("/")
    url = f"{base}/oauth/token"
    return TokenEndpoint(services.issuer, frozenset({url, base}), url, services.system_clock.now)


def _json(answer: Answer) -> Response:
    # RFC 6749 5.2 lets invalid_client be a 401; the statuses of this service say 401 for a proof that does not hold.
    status = 401 if answer.body.get("error") == "invalid_client" else answer.status
    body: dict[str, Any] = dict(answer.body)
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(body), status, headers=headers, media_type="application/json")
