"""`/console/requests`: what patients ask of the clinic, answered by its privacy officer; records and keys, taken in hand.

What restricts, erases or takes out a record, or touches keys, asks who it is once more (`SteppedUp`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from fhir.outcome import MEDIA_TYPE
from infra.caller import Caller
from infra.problems import NotFound, Problem
from infra.vault.renewal import NoSuchKey, RenewedMeanwhile, renew
from telemed.access.table import letters
from telemed.console.chart import person
from telemed.identity.callers import SignedInClinician
from telemed.keys.hold import PatientExpected, RecordRetained
from telemed.mydata.record import PURPOSE
from telemed.mydata.requests import Kind
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import clinic_of
from telemed.pages.times import short_day
from telemed.rights import erasing, records, requests
from telemed.rights.erasing import NotTyped
from telemed.rights.requests import Answer, AnsweredAlready, NoReason
from telemed.rights.restriction import (
    EndNotAnnounced,
    NotRestricted,
    RestrictedAlready,
    announce_end,
    take_back_end,
)
from telemed.rights.roles import NotInYourRole, fields, require_officer
from telemed.services import services_of
from telemed.signin.stepup import SteppedUp

router = APIRouter(include_in_schema=False)

HOME: Final = "/console/requests"
KINDS: Final[Mapping[str, str]] = {
    Kind.CORRECTION.value: N_("Correction (Art. 16 GDPR)"),
    Kind.RESTRICTION.value: N_("Restriction of processing (Art. 18 GDPR)"),
    Kind.ERASURE.value: N_("Erasure (Art. 17 GDPR)"),
}
DONE: Final[Mapping[str, str]] = {
    "restrict": N_("The record is kept from now on, and nobody works with it."),
    "end": N_("The patient is told. In seven days the record can be worked with again."),
    "kept": N_("The patient is told. The record stays as it is, and nobody works with it."),
    "done": N_("The request is answered."),
    "decline": N_("The request is answered."),
    "erased": N_("The record is erased for ever."),
    "renewed": N_("The clinic has a new key. What is written within a minute from now has it."),
}
SAID: Final[Mapping[type[Problem], str]] = {
    AnsweredAlready: N_("This request has been answered, or taken back."),
    RestrictedAlready: N_("This record is restricted already."),
    NotRestricted: N_("This record is not restricted any more."),
    EndNotAnnounced: N_("No end of this restriction was announced, or it is over already."),
    NoReason: N_("Please say why: the patient has a right to know."),
    PatientExpected: N_("The patient has an appointment. Please have it cancelled first."),
    RecordRetained: N_("The law says that this record must be kept until %(day)s (BGB, Section 630f)."),
    NotTyped: N_("Nothing was erased. Please type the word as it stands on this page."),
    NotFound: N_("No patient of your clinic has this id."),
    NoSuchKey: N_("The clinic has no key yet. One is made with the first entry."),
    RenewedMeanwhile: N_("Somebody else did this at the same moment."),
}


@router.get(HOME)
async def show(request: Request, caller: SignedInClinician) -> Response:
    """The clinic's open requests, with what can be answered to each."""
    require_officer(caller)
    return await _page(request, caller)


@router.post(f"{HOME}/keys")
async def renew_key(request: Request, caller: SteppedUp) -> Response:
    """The clinic's own data key renewed: of what is about no patient, and of its log. What is there stays as it is."""
    require_officer(caller)
    services, now = services_of(request), services_of(request).system_clock.now()
    unit = partial(renew, vault=services.vault, scope=f"t:{caller.tenant}", now=now)
    try:
        await services.database.write(unit)
    except (NoSuchKey, RenewedMeanwhile) as refused:
        return await _page(request, caller, problem=refused)
    services.vault.forget_newest([f"t:{caller.tenant}"])
    return _onwards("renewed")


@router.post(f"{HOME}/record")
async def take_out(request: Request, caller: SteppedUp) -> Response:
    """A patient's whole record for a legal claim, restricted or not, as one FHIR Bundle; the log has the reason."""
    require_officer(caller)
    services, sent = services_of(request), await fields(request)
    why = " ".join(sent.get("why", "").split())
    if not why:
        return await _page(request, caller, problem=NoReason())
    patient_id = sent.get("patient", "").strip().removeprefix("Patient/")
    try:
        found = await records.claimed(services, caller, patient_id=patient_id, why=why)
    except NotFound as refused:
        return await _page(request, caller, problem=refused)
    return _file(records.as_bundle(found, services.settings.base_url))


@router.post(f"{HOME}/restriction")
async def change_restriction(request: Request, caller: SteppedUp) -> Response:
    """The list; the end of a record's restriction announced to its patient, or an end that was announced taken back."""
    require_officer(caller)
    services, sent = services_of(request), await fields(request)
    said = "kept" if sent.get("change") == "keep" else "end"
    change: Callable[..., object] = take_back_end if said == "kept" else announce_end
    acting = caller._replace(purpose=PURPOSE)
    unit = partial(change, services=services, caller=acting, patient_id=sent.get("patient", ""))
    try:
        await services.database.write(unit)
    except (NotRestricted, EndNotAnnounced, NotFound) as refused:
        return await _page(request, caller, problem=refused)
    return _onwards(said)


@router.post(HOME + "/{id}")
async def answer(request: Request, id: str, caller: SteppedUp) -> Response:
    """The list, without what was answered; what can't be done says why."""
    require_officer(caller)
    services, sent = services_of(request), await fields(request)
    # What is done here is done because a patient asked for it, and the log says so.
    caller = caller._replace(purpose=PURPOSE)
    said, reason = sent.get("answer", ""), sent.get("reason", "")
    try:
        if said not in set(Answer):
            raise AnsweredAlready
        told = Answer(said)
        await services.database.write(
            lambda session: requests.answer(session, services, caller, id=id, said=told, reason=reason)
        )
    except tuple(SAID) as refused:
        return await _page(request, caller, problem=refused)
    return _onwards(said)


@router.get(HOME + "/{id}/erasure")
async def show_erasure(request: Request, id: str, caller: SteppedUp) -> Response:
    """What erasing would destroy for ever, and what stands against it; nothing is erased by looking."""
    require_officer(caller)
    try:
        return await _erasure(request, caller, id)
    except tuple(SAID) as refused:
        return await _page(request, caller, problem=refused)


@router.post(HOME + "/{id}/erasure")
async def erase_record(request: Request, id: str, caller: SteppedUp) -> Response:
    """The list, with the record erased for ever; only with the page's word typed, and never against the law's hold."""
    require_officer(caller)
    services, word = services_of(request), (await fields(request)).get("word", "")
    try:
        await erasing.erase_asked(services, caller, id=id, word=word, language=reading_of(request).language)
    except (NotTyped, RecordRetained, PatientExpected) as refused:
        return await _erasure(request, caller, id, problem=refused)
    except tuple(SAID) as refused:
        return await _page(request, caller, problem=refused)
    return _onwards("erased")


@router.post("/console/visits/{appointment}/record.json")
async def export(request: Request, appointment: str, caller: SteppedUp) -> Response:
    """The record of an appointment's patient as one FHIR Bundle: what this clinician may see of it, and no more."""
    # Whoever may not read findings takes none out; what they may see stands on their pages.
    if "r" not in letters(caller.role, "Observation"):
        raise NotInYourRole
    services = services_of(request)

    def whose(session: Session) -> str:
        return person(session, services.store, caller, appointment_id=appointment)[0].id

    patient_id = await services.database.write(whose)
    found = await records.whole(services, services.store, caller, patient_id=patient_id, why="export")
    return _file(records.as_bundle(found, services.settings.base_url))


async def _erasure(request: Request, caller: Caller, id: str, *, problem: Problem | None = None) -> Response:
    services, language = services_of(request), reading_of(request).language
    acting = caller._replace(purpose=PURPOSE)
    found, clinic = await services.database.write(
        lambda session: (erasing.planned(session, services, acting, id=id), clinic_of(session, services.store, acting))
    )
    return page(
        request,
        "erase-record.html",
        status=problem.status if problem else 200,
        error=_said(problem, language),
        word=translate(language, erasing.WORD),
        planned=found,
        clinic=clinic,
    )


async def _page(request: Request, caller: Caller, *, problem: Problem | None = None) -> Response:
    services, language = services_of(request), reading_of(request).language
    acting = caller._replace(purpose=PURPOSE)
    found, restricted, clinic = await services.database.write(
        lambda session: (
            requests.open_requests(session, services, acting),
            requests.restrictions(session, services, acting),
            clinic_of(session, services.store, acting),
        )
    )
    # Those with an open request have their button there.
    asked = {each.patient_id for each in found if each.restricted}
    done = DONE.get(request.query_params.get("done", ""), "")
    return page(
        request,
        "patient-requests.html",
        status=problem.status if problem else 200,
        error=_said(problem, language),
        done=translate(language, done) if done else "",
        requests=found,
        clinic=clinic,
        restricted=[each for each in restricted if each.patient_id not in asked],
        kinds={kind: translate(language, words) for kind, words in KINDS.items()},
    )


def _said(problem: Problem | None, language: str) -> str:
    if problem is None:
        return ""
    text = translate(language, SAID[type(problem)])
    return text % {"day": short_day(problem.until, language=language)} if isinstance(problem, RecordRetained) else text


def _onwards(done: str) -> Response:
    return RedirectResponse(f"{HOME}?done={done}", 303)


def _file(body: bytes) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="record.json"', "Cache-Control": "no-store"}
    return Response(body, media_type=MEDIA_TYPE, headers=headers)
