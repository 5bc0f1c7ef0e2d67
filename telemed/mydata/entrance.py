"""`/my`: code and PIN of a letter become a session for the own record. Works as a plain form; a GET consumes nothing."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from infra.database import Session
from infra.problems import Problem, TooMany, Unauthorized, UnsupportedMediaType
from telemed.mydata import codes, sessions
from telemed.mydata.codes import Refused
from telemed.mydata.mine import Mine, my_patient
from telemed.mydata.record import own_caller, own_store
from telemed.mydata.sessions import MyPatient, NotSignedIn
from telemed.mydata.texts import TOLD, in_words
from telemed.pages.problems import for_people
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import name_of
from telemed.services import Services, services_of
from telemed.signin.browser import local_path
from telemed.visits.exchange import refuse_foreign_page

HOME: Final = "/my"
LONGEST: Final = 100
# What is bounded where it is read: what somebody writes, and where an app's question stands.
UNCUT: Final = frozenset({"text", "next"})
STATUS: Final = {
    codes.Refusal.WRONG: 401,
    codes.Refusal.LOCKED: 429,
    codes.Refusal.OVER: 409,
    codes.Refusal.REPLACED: 409,
}
CHALLENGE: Final = {"WWW-Authenticate": 'LetterCode realm="my"'}
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")

router = APIRouter()


# May be called by anybody, mail scanners too: without a session it consumes nothing and shows nothing personal.
@router.get(HOME, include_in_schema=False)
async def start(request: Request) -> Response:
    """What can be done with the own record; without a session the form for code and PIN."""
    wanted = wanted_path(request.query_params.get("next", ""))
    try:
        patient = await my_patient(request)
    except NotSignedIn as refused:
        return entrance(request, why=refused.why, wanted=wanted)
    if wanted != HOME:
        return RedirectResponse(wanted, status_code=303, headers={"Cache-Control": "no-store"})
    services = services_of(request)
    names = await services.database.write(lambda session: _names(session, services, patient, request))
    return page(request, "my_home.html", person=names["person"], clinic=names["clinic"])


# May be called by anybody: code and PIN are what it checks.
@router.post(HOME, include_in_schema=False)
async def sign_in(request: Request) -> Response:
    """A cookie for the own record, or the same page again with what happened and what to do."""
    refuse_foreign_page(request)
    services, fields = services_of(request), await form_of(request)
    code, pin = fields.get("code", ""), "".join(fields.get("pin", "").split())
    address, wanted = address_of(request), wanted_path(fields.get("next", ""))
    try:
        await services.guessing.admit(address)
    except TooMany as problem:
        response = entrance(request, why="busy", code=code, status=problem.status, wanted=wanted)
        response.headers.update(problem.headers)
        return response
    outcome = await services.database.write(lambda session: _redeem(session, services, code, pin=pin))
    if isinstance(outcome, Refused):
        if outcome.reason in (codes.Refusal.WRONG, codes.Refusal.LOCKED):
            await services.guessing.note_failure(address)
        response = entrance(
            request,
            why=outcome.reason.value,
            code=code,
            status=STATUS[outcome.reason],
            left=outcome.tries_left,
            wanted=wanted,
        )
        response.headers.update(CHALLENGE if response.status_code == Unauthorized.status else {})
        return response
    opened = RedirectResponse(wanted, status_code=303, headers={"Cache-Control": "no-store"})
    sessions.set_cookie(opened, services.settings, token=outcome)
    return opened


@router.post("/my/leave", include_in_schema=False)
async def leave(request: Request, patient: Mine) -> Response:
    """The form again, and nobody in the record on this device."""
    services = services_of(request)
    token = request.cookies.get(sessions.cookie_name(services.settings), "")
    await services.database.write(lambda session: sessions.leave(session, services.vault, token))
    response = entrance(request, why=sessions.LEFT)
    sessions.clear_cookie(response, services.settings)
    return response


def wanted_path(asked: str) -> str:
    """Where to go after signing in: back to an app's question if one asks, else to the own data; nowhere else."""
    path = local_path(asked)
    return path if path.startswith("/oauth/authorize?") else HOME


def entrance(
    request: Request, *, why: str = "", code: str = "", status: int = 200, left: int = 0, wanted: str = HOME
) -> Response:
    """The form for code and PIN, with what happened before."""
    error = in_words(TOLD[why], reading_of(request).language, number=left) if why else None
    return page(
        request, "my_code.html", status=status, error=error, code=code, calm=why == sessions.LEFT, wanted=wanted
    )


def in_my_data(request: Request, problem: Problem) -> Response:
    """A problem at `/my` as a page: who is not signed in gets the form, and why."""
    if isinstance(problem, NotSignedIn):
        response = entrance(request, why=problem.why, status=problem.status)
        response.headers.update(problem.headers)
        return response
    return for_people(request, problem)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that are text, each of bounded length where it is a code, PIN or choice."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORMS:
        raise UnsupportedMediaType
    found = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    return {key: value if key in UNCUT else value[:LONGEST] for key, value in found.items()}


def address_of(request: Request) -> str:
    """The address that attempts are counted by."""
    return request.client.host if request.client else ""


def request_id_of(request: Request) -> str:
    """What joins the log of accesses and the log of requests."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _redeem(session: Session, services: Services, code: str, *, pin: str) -> str | Refused:
    now = services.system_clock.now()
    outcome = codes.check(session, services.vault, code=code, pin=pin, now=now)
    if isinstance(outcome, Refused):
        return outcome
    return sessions.open_session(session, services.vault, outcome, now=now)


def _names(session: Session, services: Services, patient: MyPatient, request: Request) -> dict[str, str]:
    store, caller = own_store(services, patient), own_caller(patient, request_id=request_id_of(request))
    references = {"person": f"Patient/{patient.patient_id}", "clinic": f"Organization/{patient.tenant}"}
    return {key: name_of(session, store, caller, reference=value) for key, value in references.items()}
