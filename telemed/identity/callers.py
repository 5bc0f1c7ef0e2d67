"""Who is calling: the one place where a `Caller` is made, from a bearer token or a console session."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.requests import HTTPConnection

from infra import log
from infra.caller import Caller
from infra.problems import BadRequest, Forbidden
from telemed.identity import refusals
from telemed.identity.sessions import SignedIn, cookie_name, note_use, signed_in
from telemed.services import Services, services_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The most that a signed-in person's role can use; the access table cuts it down.
CONSOLE_SCOPES = frozenset({"user/*.cruds"})


class TwoTokens(BadRequest):
    """Send one Authorization header: a proxy may have looked at another one than we would."""


class ForeignOrigin(Forbidden):
    """A signed-in browser may only change things from our own pages."""


async def caller_of(connection: HTTPConnection) -> Caller:
    """The caller of this request: a system by its token, else a clinician by the console's cookie, else a 401."""
    sent = connection.headers.getlist("authorization")
    if len(sent) > 1:
        raise TwoTokens
    # A token that does not hold is never made up for by a cookie that came along.
    caller = await _by_token(connection, sent[0]) if any(sent) else await clinician_of(connection)
    log.note(tenant=caller.tenant, role=caller.role.value)
    await services_of(connection).gate.admit_caller(caller)
    return caller


async def clinician_of(connection: HTTPConnection) -> Caller:
    """The clinician of this browser by the console's cookie alone, else a 401."""
    services = services_of(connection)
    secret = connection.cookies.get(cookie_name(services.settings), "")
    found = await _signed_in(services, secret) if secret else None
    if found is None:
        raise refusals.nothing_sent(services.settings)
    require_own_origin(connection)
    connection.scope["signed_in"] = found
    return Caller(
        tenant=found.clinician.tenant,
        subject=found.clinician.practitioner_id,
        role=found.role,
        scopes=CONSOLE_SCOPES,
        request_id=_request_id(connection),
    )


CurrentCaller = Annotated[Caller, Depends(caller_of)]
SignedInClinician = Annotated[Caller, Depends(clinician_of)]


def require_own_origin(connection: HTTPConnection) -> None:
    """Nothing; refuses a change that a browser sends with its cookie from a page that is not ours.

    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    A socket counts as a change: browsers open one to any host, with cookies, and without asking.
    """
    if connection.scope["type"] == "http" and connection.scope["method"] in SAFE_METHODS:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignOrigin
        return
    # Older browsers: no Sec-Fetch-Site, but an Origin with every unsafe request.
    origin = connection.headers.get("origin", "")
    if not origin or urlsplit(origin).netloc != connection.headers.get("host"):
        raise ForeignOrigin


async def _by_token(connection: HTTPConnection, authorization: str) -> Caller:
    services = services_of(connection)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise refusals.other_scheme(services.settings)
    caller = services.token_check.known(token) or await services.token_check.find(services.database, token)
    if caller is None:
        raise refusals.invalid_token(services.settings)
    return caller._replace(request_id=_request_id(connection))


async def _signed_in(services: Services, secret: str) -> SignedIn | None:
    now, vault = services.system_clock.now(), services.vault
    found = await services.database.read(lambda session: signed_in(session, vault, secret=secret, now=now))
    if found is not None and found.stale:
        await services.database.write(lambda session: note_use(session, vault, secret=secret, now=now))
    return found


def _request_id(connection: HTTPConnection) -> str:
    return str(connection.scope.get("state", {}).get("request_id", ""))
