"""Routes of identity: tokens, published keys, one-click sign-in of the demo, sign-out."""

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from infra.problems import Problem, TooMany, Unavailable
from telemed.identity.asking import Asked, answer, as_json
from telemed.identity.browsers import described
from telemed.identity.callers import SignedInClinician
from telemed.identity.refusals import NoSuchSignIn, StaleSignIn
from telemed.identity.server import Answer
from telemed.identity.sessions import (
    Proof,
    clear_cookie,
    clinician_of_link,
    cookie_name,
    end_session,
    open_session,
    set_cookie,
)
from telemed.services import services_of

router = APIRouter()


@router.post("/oauth/token")
async def token(request: Request) -> Response:
    """An access token: for a system itself, for a code that a person's consent led to, or for a refresh token."""

    def answered(session: Session, asked: Asked) -> Answer:
        return asked.endpoint.answer(session, asked.form)

    return await answer(request, answered, path="/oauth/token")


@router.get("/oauth/jwks.json")
async def jwks(request: Request) -> Response:
    """The keys that verify our access tokens, for everybody."""
    services = services_of(request)
    # Another process may have made one that has signed already: the first of its kind signs at once.
    await services.issuer.look_again(services.database)
    body = msgspec.json.encode(services.issuer.public())
    return Response(body, media_type="application/json", headers={"Cache-Control": "public, max-age=300"})


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


def as_oauth(_request: Request, problem: Problem) -> Response:
    """The problem in the words of OAuth (RFC 6749 5.2), which a client's library reads."""
    error = "invalid_request" if problem.status < 500 else "server_error"
    if problem.status in (TooMany.status, Unavailable.status):
        error = "temporarily_unavailable"
    told = as_json(Answer(problem.status, {"error": error, "error_description": problem.text}, ()))
    told.headers.update(problem.headers)
    return told
