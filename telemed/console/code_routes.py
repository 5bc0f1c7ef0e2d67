"""`/console/visits/{appointment}/codes`: the front desk's page about codes, reached from today's list."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from infra.caller import Caller
from infra.database import Session
from infra.problems import BadRequest, Problem
from telemed.console import codes
from telemed.console.codes import Shown, desk
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.problems import problem_in_words
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import name_of
from telemed.pages.texts import GUESTS
from telemed.services import Services, services_of
from telemed.visits.codes import join_url
from telemed.visits.companions import MOST, ROLES, TooManyCompanions
from telemed.visits.models import Guest

ACTIONS: Final[dict[str, Callable[..., Shown]]] = {
    "renew-post": codes.renew_by_post,
    "renew-phone": codes.renew_by_phone,
    "letter-post": partial(codes.write_letter, pin_by_post=True),
    "letter-phone": partial(codes.write_letter, pin_by_post=False),
    "letter-revoke": codes.revoke_letter,
}
REASONS: Final[dict[type[Problem], str]] = {
    codes.NothingToOpen: N_("This appointment is over or was cancelled. It needs no code."),
    codes.NoBirthDate: N_("The patient's full date of birth is missing in the record. Without it there is no code."),
    TooManyCompanions: N_("Five people may come along. Revoke a code first."),
}
DONE: Final[dict[str, str]] = {
    "renewed": N_("The new code is made. The old one does not work any more."),
    "relative": N_("Code and PIN for a relative"),
    "interpreter": N_("Code and PIN for an interpreter"),
    "nurse": N_("Code and PIN for a nurse"),
    "revoked": N_("The code is revoked. Who used it is out."),
    "letter": N_("The letter “Your data at this clinic” is on its way. An older one does not work any more."),
    "letter-revoked": N_("No letter opens the patient's data any more."),
}

router = APIRouter()


@router.get("/console/visits/{appointment}/codes", include_in_schema=False)
async def show(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Codes of one appointment: a new one, one for who comes along, the letter to the own data."""
    return await _page(request, caller, appointment)


@router.post("/console/visits/{appointment}/codes", include_in_schema=False)
async def change(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """The same page with what was made, shown this once."""
    services = services_of(request)
    form = await request.form()
    action, unit = str(form.get("action", "")), None
    if action in ACTIONS:
        unit = ACTIONS[action]
    elif action == "bring" and form.get("role") in ROLES:
        unit = partial(codes.bring, role=Guest(str(form.get("role"))))
    elif action == "revoke":
        unit = partial(codes.turn_away, person=str(form.get("person", ""))[:16])
    if unit is None:
        raise BadRequest
    try:
        shown = await services.database.write(lambda session: unit(session, services, caller, appointment))
    except tuple(REASONS) as problem:
        reason = translate(reading_of(request).language, REASONS[type(problem)])
        return await _page(request, caller, appointment, reason=reason, status=problem.status)
    return await _page(request, caller, appointment, shown=shown)


@router.post("/console/visits/{appointment}/invite", include_in_schema=False)
async def invite(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Link and PIN for one more person, asked for in the middle of a call; shown this once."""
    services, language = services_of(request), reading_of(request).language
    role = (await request.form()).get("role")
    if role not in ROLES:
        raise BadRequest
    try:
        shown = await services.database.write(
            lambda session: codes.bring(session, services, caller, appointment, role=Guest(str(role)))
        )
    except tuple(REASONS) as problem:
        reason = translate(language, REASONS[type(problem)])
        return problem_in_words(problem, title=reason, detail=reason, language=language)
    link = join_url(services.settings.base_url, shown.code)
    told = {"said": translate(language, DONE[shown.kind]), "link": link, "pin": shown.pin}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


async def _page(
    request: Request,
    caller: Caller,
    appointment: str,
    *,
    shown: Shown | None = None,
    reason: str = "",
    status: int = 200,
) -> Response:
    services, language = services_of(request), reading_of(request).language
    facts = await services.database.write(lambda session: _facts(session, services, caller, appointment))
    return page(
        request,
        "codes.html",
        status=status,
        shown=shown,
        done=translate(language, DONE[shown.kind]) if shown else "",
        reason=reason,
        roles={role.value: translate(language, GUESTS[role.value]) for role in ROLES},
        most=MOST,
        appointment=appointment,
        base=services.settings.base_url.rstrip("/").partition("://")[2],
        **facts,
    )


def _facts(session: Session, services: Services, caller: Caller, appointment: str) -> dict[str, Any]:
    found = desk(session, services, caller, appointment)
    names = {
        "patient": f"Patient/{found.patient_id}",
        "clinic": f"Organization/{caller.tenant}",
        "person": f"Practitioner/{caller.subject}",
    }
    told = {key: name_of(session, services.store, caller, reference=value) for key, value in names.items()}
    return {"desk": found, **told}
