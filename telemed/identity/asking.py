"""What clients send to the token endpoint and its neighbours: a form, read and judged the same way at all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog
from authlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # Authlib ships no types
from fastapi import Request, Response
from joserfc import jws
from joserfc.errors import JoseError
from sqlmodel import Session

from infra.problems import UnsupportedMediaType
from telemed.identity.assertion import LONGEST_ASSERTION
from telemed.identity.clients import CLIENT_ID
from telemed.identity.models import OAuthClient
from telemed.identity.server import Answer, TokenEndpoint
from telemed.services import Services, services_of

log = structlog.get_logger()

FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 20
LONGEST_KID: Final = 255


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client: its form, and the endpoint that judges it."""

    form: Mapping[str, str]
    endpoint: TokenEndpoint


Unit = Callable[[Session, Asked], Answer]


async def answer(request: Request, unit: Unit, *, path: str) -> Response:
    """The answer of an atomic unit to a client's form; failed proofs are counted, refusals logged without the proof."""
    services = services_of(request)
    fields = await _form(request)
    form = dict(fields)
    address = request.client.host if request.client else ""
    name = claimed_client(form)
    await services.failures.check(address, name)
    if len(form) != len(fields):
        told = Answer(400, {"error": "invalid_request", "error_description": "A parameter is repeated."}, ())
    else:
        asked = Asked(form, await _endpoint(services, form, name=name, path=path))
        told = await services.database.write(lambda session: _judged(session, asked, unit))
    if "error" in told.body:
        log.info("token_refused", error=str(told.body["error"]), route=path)
    if told.body.get("error") == "invalid_client":
        # A proof that does not hold is an attempt; a scope too wide is a mistake of somebody who is who they say.
        await services.failures.failed(address, name)
    return as_json(told)


def claimed_client(form: Mapping[str, str]) -> str:
    """The client that a request says it is from, unverified; for counting failures and for finding its keys."""
    if "client_assertion" not in form:
        return form.get("client_id", "")[:LONGEST_KID]
    try:
        claims = msgspec.json.decode(jws.extract_compact(form["client_assertion"][:LONGEST_ASSERTION].encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return ""
    return str(claims.get("sub", "")) if isinstance(claims, dict) else ""


def as_json(answer: Answer) -> Response:
    """The answer, never to be kept."""
    # RFC 6749 5.2 lets invalid_client be a 401; the statuses of this service say 401 for a proof that does not hold.
    status = 401 if answer.body.get("error") == "invalid_client" else answer.status
    body: dict[str, Any] = dict(answer.body)
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(body), status, headers=headers, media_type="application/json")


def _judged(session: Session, asked: Asked, unit: Unit) -> Answer:
    try:
        return unit(session, asked)
    except OAuth2Error as refused:
        status, body, headers = refused()
        return Answer(status, body, headers)


async def _form(request: Request) -> list[tuple[str, str]]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaType(f"Send the parameters as {FORM}.")
    async with request.form(max_fields=MOST_FIELDS, max_files=0) as sent:
        return [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]


async def _endpoint(services: Services, form: Mapping[str, str], *, name: str, path: str) -> TokenEndpoint:
    base = services.settings.base_url.rstrip("/")
    url = f"{base}/oauth/token"
    # RFC 7523 3: the token endpoint or the issuer names this server; at its neighbours, their own address does, too.
    return TokenEndpoint(
        services.issuer,
        frozenset({url, base, f"{base}{path}"}),
        url,
        services.system_clock.now,
        services.vault,
        services.users,
        await _fetched(services, form, name=name),
    )


async def _fetched(services: Services, form: Mapping[str, str], *, name: str) -> Mapping[str, Any] | None:
    """The keys at the client's own address, where it has registered one; asked for before the unit, which can't wait."""
    if not CLIENT_ID.fullmatch(name) or "client_assertion" not in form:
        return None
    row = await services.database.read(lambda session: session.get(OAuthClient, name))
    if row is None or not row.active or not row.jwks_uri:
        return None
    try:
        header = jws.extract_compact(form["client_assertion"][:LONGEST_ASSERTION].encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return await services.jwks.keys(row.jwks_uri, kid=str(header.get("kid", ""))[:LONGEST_KID])
