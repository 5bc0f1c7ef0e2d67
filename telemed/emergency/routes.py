"""Breaking the glass over HTTP: the form, the record while it is open, and the review by somebody else."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from infra.caller import Caller
from infra.problems import Forbidden, Problem, Unprocessable
from telemed.emergency import rules, service, showing
from telemed.emergency.rules import MAY_BREAK, MAY_REVIEW, Reason, Verdict
from telemed.emergency.service import Breaking, NobodyFound, OpenAlready, OwnAccess, ReviewedAlready, TooManyTries
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import clinic_of
from telemed.pages.times import REGION
from telemed.services import services_of
from telemed.signin.stepup import SteppedUp, signed_in_of
from telemed.visits.birth_dates import read_date

router = APIRouter(prefix="/console/emergency", include_in_schema=False)

REASONS: Final[Mapping[str, str]] = {
    Reason.EMERGENCY.value: N_("Emergency treatment"),
    Reason.OVERRIDE.value: N_("Another danger that can not wait"),
}
VERDICTS: Final[Mapping[str, str]] = {
    Verdict.JUSTIFIED.value: N_("It was right"),
    Verdict.NOT_JUSTIFIED.value: N_("It was not right"),
}
SAID: Final[Mapping[type[Problem], str]] = {
    NobodyFound: N_("Nobody is registered with this number and this date of birth. Please check both."),
    OpenAlready: N_("This record is open to your clinic already. Find the patient as you always do."),
    TooManyTries: N_("This was tried five times in an hour. Please call the clinic where the patient is registered."),
    OwnAccess: N_("Whoever opened a record can not review that. Somebody else has to."),
    ReviewedAlready: N_("This access has been reviewed already."),
}
INCOMPLETE: Final = N_("Please fill in everything; the reason needs a sentence, the date day, month and year.")
LONGEST: Final = 2000


class NotInYourRole(Forbidden):
    """Your role does not do this."""


class Incomplete(Unprocessable):
    """The form lacks the number, the birth date or the reason."""


@router.get("")
async def form(request: Request, caller: SteppedUp) -> Response:
    """The form, and what the caller has opened and not closed yet."""
    _require(caller, MAY_BREAK)
    return await _form(request, caller)


@router.post("")
async def break_glass(request: Request, caller: SteppedUp) -> Response:
    """The record of one patient, opened to this clinician for an hour; the patient and the privacy officer hear of it."""
    _require(caller, MAY_BREAK)
    services, sent = services_of(request), await request.form()
    entered = {name: str(sent.get(name, ""))[:LONGEST] for name in ("who", "birth_date", "reason", "text")}
    today = services.clock.now().astimezone(REGION).date()
    born = read_date(entered["birth_date"], today=today)
    asked = rules.read(who=entered["who"], birth_date=born, reason=entered["reason"], text=entered["text"])
    if asked is None:
        return await _form(request, caller, problem=Incomplete(), entered=entered)
    who = Breaking(caller, signed_in_of(request).clinician.id)
    try:
        outcome = await services.database.write(lambda session: service.try_to_open(session, services, who, asked))
    except TooManyTries as refused:
        return await _form(request, caller, problem=refused, entered=entered)
    if isinstance(outcome, Problem):
        return await _form(request, caller, problem=outcome, entered=entered)
    return RedirectResponse(f"/console/emergency/{outcome}", 303)


@router.get("/reviews")
async def reviews(request: Request, caller: SignedInClinician) -> Response:
    """What was opened in an emergency in this clinic, for who reviews it."""
    _require(caller, MAY_REVIEW)
    return await _reviews(request, caller)


@router.get("/{id}")
async def record(request: Request, id: str, caller: SignedInClinician) -> Response:
    """What the opened record says, while it is open; looked at for emergency treatment, and logged so."""
    _require(caller, MAY_BREAK)
    services, language = services_of(request), reading_of(request).language
    in_emergency = Breaking(caller, "").in_emergency

    def unit(session: Session) -> dict[str, Any]:
        access = service.running_access(session, services, caller, id)
        found = showing.seen(session, services, in_emergency, access, language=language)
        return {"seen": found, "until": access.until, "id": access.id}

    return page(request, "emergency-record.html", **await services.database.write(unit))


@router.post("/{id}/end")
async def end(request: Request, id: str, caller: SignedInClinician) -> Response:
    """The record shut again, before the hour is over."""
    services = services_of(request)

    def unit(session: Session) -> None:
        service.ended(session, services, service.running_access(session, services, caller, id))

    await services.database.write(unit)
    return RedirectResponse("/console", 303)


@router.post("/{id}/review")
async def review(request: Request, id: str, caller: SignedInClinician) -> Response:
    """The access reviewed, by somebody else than who opened the record."""
    _require(caller, MAY_REVIEW)
    services, verdict = services_of(request), str((await request.form()).get("verdict", ""))
    if verdict not in set(Verdict):
        raise Incomplete
    reviewer = signed_in_of(request).clinician.id

    def unit(session: Session) -> None:
        service.review(session, services, caller, id=id, clinician_id=reviewer, verdict=Verdict(verdict))

    try:
        await services.database.write(unit)
    except (OwnAccess, ReviewedAlready) as refused:
        return await _reviews(request, caller, problem=refused)
    return RedirectResponse("/console/emergency/reviews", 303)


def _require(caller: Caller, roles: frozenset[object]) -> None:
    if caller.role not in roles:
        raise NotInYourRole


async def _form(
    request: Request, caller: Caller, *, problem: Problem | None = None, entered: Mapping[str, str] | None = None
) -> Response:
    services, language = services_of(request), reading_of(request).language
    now = services.clock.now()
    running = await services.database.read(lambda session: service.opened_by(session, caller, now=now))
    said = SAID.get(type(problem), INCOMPLETE) if problem else ""
    shown = page(
        request,
        "emergency.html",
        status=problem.status if problem else 200,
        error=translate(language, said) if said else "",
        entered=entered or {},
        reasons={code: translate(language, words) for code, words in REASONS.items()},
        running=[(each.id, each.until) for each in running],
    )
    shown.headers.update(problem.headers if problem else {})
    return shown


async def _reviews(request: Request, caller: Caller, *, problem: Problem | None = None) -> Response:
    services, language = services_of(request), reading_of(request).language
    found, clinic = await services.database.write(
        lambda session: (
            showing.reviews(session, services, caller, language=language),
            clinic_of(session, services.store, caller),
        )
    )
    return page(
        request,
        "emergency-reviews.html",
        status=problem.status if problem else 200,
        error=translate(language, SAID[type(problem)]) if problem else "",
        accesses=found,
        clinic=clinic,
        reasons={code: translate(language, words) for code, words in REASONS.items()},
        verdicts={code: translate(language, words) for code, words in VERDICTS.items()},
    )
