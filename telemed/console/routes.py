"""The console over HTTP: today, the consultation, its documentation, and who looked."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from fhir import transactions
from fhir.policy import Action
from infra.caller import Caller, Role
from infra.database import Session
from infra.problems import Problem
from telemed.console import documentation, drafts
from telemed.console.chart import Chart, chart, person
from telemed.console.diagnoses import TEXTS
from telemed.console.documentation import OTHER_REASON, Closing, Documentation
from telemed.console.documented import Documented, documented
from telemed.console.looks import looks
from telemed.console.texts import CONSOLE
from telemed.console.today import presence, presences, rows
from telemed.emergency.rules import MAY_BREAK, MAY_REVIEW
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import translate
from telemed.pages.problems import problem_in_words
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import name_of
from telemed.pages.texts import GUESTS, HERE, in_language
from telemed.pages.times import REGION
from telemed.releases.routes import MAY_DECIDE
from telemed.services import Services, services_of
from telemed.visits import call_back, here, service
from telemed.visits.companions import ROLES
from telemed.visits.models import Stage
from telemed.visits.routes import Place, clinic_place, visits_of

# How often an open console asks who waits.
PAUSE_MILLISECONDS: Final = 2000
# What the page of a consultation asks for, below its own address.
STEPS: Final = ("join", "late", "here", "called", "draft", "invite")
LATE_MINUTES: Final = 10
# What a person can put right in the form or by sending it again: conflict, stale version, not valid.
CORRECTABLE: Final = frozenset({409, 412, 422})

router = APIRouter()


@router.get("/console", include_in_schema=False)
async def today(request: Request, caller: SignedInClinician) -> Response:
    """Today's list of the clinic."""
    if caller.role in MAY_REVIEW:
        return RedirectResponse("/console/emergency/reviews", 303)
    if caller.role in MAY_DECIDE:
        return RedirectResponse("/console/releases", 303)
    services, now = services_of(request), services_of(request).clock.now()
    found, names = await services.database.write(
        lambda session: (
            rows(session, services.store, caller, rooms=services.rooms, now=now),
            _names(session, services, caller),
        )
    )
    data = {
        "texts": in_language(CONSOLE, reading_of(request).language),
        "guests": in_language(GUESTS, reading_of(request).language),
        "urls": {"waiting": "/console/waiting"},
        "pause": PAUSE_MILLISECONDS,
    }
    waiting = sum(row.state == Stage.WAITING for row in found)
    at_the_desk = caller.role is Role.RECEPTIONIST  # who opens no record
    names |= {"guests": in_language(GUESTS, reading_of(request).language), "at_the_desk": at_the_desk}
    emergency = caller.role in MAY_BREAK
    return page(request, "today.html", rows=found, waiting=waiting, now=now, data=data, emergency=emergency, **names)


@router.get("/console/waiting", include_in_schema=False)
async def waiting(request: Request, caller: SignedInClinician) -> Response:
    """Who waits, by appointment; 304 while nothing has changed."""
    services = services_of(request)
    # The list opens no resource, so nothing else asks whether this person may see whom the clinic expects.
    services.store.policy.permit(caller, Action.SEARCH, "Appointment")
    now, rooms = services.clock.now(), services.rooms
    found = await services.database.read(lambda session: presences(session, caller.tenant, rooms=rooms, now=now))
    body = msgspec.json.encode({"visits": found}, order="sorted")
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, headers={"ETag": etag, "Cache-Control": "no-store"}, media_type="application/json")


@router.get("/console/visits/{appointment}", include_in_schema=False)
async def consultation(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """The call beside the patient's summary and the documentation."""
    services, language = services_of(request), reading_of(request).language
    summary, state, told, names = await services.database.write(
        lambda session: _shown(session, services, caller, appointment=appointment)
    )
    shown = {
        "appointment": appointment,
        "patient": summary.person,
        "start": summary.start,
        "allergies": summary.allergies,
        "medication": summary.medication,
        "conditions": summary.conditions,
        "encounters": summary.encounters,
        "tasks": summary.tasks,
        "same": summary.same,
        **names,
    }
    if state == Stage.ENDED:
        return page(request, "documented.html", documented=told, **shown)
    data = {
        "texts": in_language(CONSOLE, language, other=summary.person.name),
        "demo": services.settings.is_demo,
        "appointment": appointment,
        "patient": summary.person.name,
        "pause": PAUSE_MILLISECONDS,
        "urls": {name: f"/console/visits/{appointment}/{name}" for name in STEPS}
        | {"admit": f"/visits/{appointment}/admit", "waiting": "/console/waiting"},
        "guests": in_language(GUESTS, language),
    }
    roles = {role.value: translate(language, GUESTS[role.value]) for role in ROLES}
    return page(
        request, "consultation.html", diagnoses=sorted(TEXTS.items()), state=state, data=data, roles=roles, **shown
    )


@router.post("/console/visits/{appointment}/join", include_in_schema=False)
async def join(request: Request, appointment: str, caller: SignedInClinician) -> Place:
    """The clinic's place in the room; a path of its own, as one browser may hold a patient's cookie too."""
    return await clinic_place(request, caller, appointment)


@router.get("/console/visits/{appointment}/here", include_in_schema=False)
async def who_is_here(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Who sits at the patient's device and where that is, while the visit goes on; for who may open the record."""
    services, language = services_of(request), reading_of(request).language

    def unit(session: Session) -> here.Here | None:
        person(session, services.store, caller, appointment_id=appointment)
        return here.said(session, services.vault, visits_of(services).open(session, caller, appointment))

    said = await services.database.write(unit) or here.Here(())
    people = [translate(language, HERE[role]) for role in said.people]
    return JSONResponse({"people": people, "place": said.place}, headers={"Cache-Control": "no-store"})


@router.post("/console/visits/{appointment}/called", include_in_schema=False)
async def called(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Nothing; the clinic has phoned, so the Task that asked for it is completed."""
    services, visits = services_of(request), visits_of(services_of(request))

    def unit(session: Session) -> None:
        visit = visits.open(session, caller, appointment)
        call_back.done(session, services.store, visit, caller=caller)

    await services.database.write(unit)
    return Response(status_code=204)


@router.post("/console/visits/{appointment}/late", include_in_schema=False)
async def late(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Nothing; whoever waits reads that it takes ten minutes more."""
    services = services_of(request)
    visits = visits_of(services)
    visit = await services.database.write(lambda session: visits.open(session, caller, appointment))
    services.rooms.late(visit.room, LATE_MINUTES)
    return Response(status_code=204)


@router.post("/console/visits/{appointment}/document", include_in_schema=False)
async def document(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """The visit, documented by one transaction and ended for everybody."""
    services = services_of(request)
    as_json = "application/json" in request.headers.get("accept", "")
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    try:
        entered = documentation.read_form(fields, today=services.clock.now().astimezone(REGION).date())
        room, encounter = await _close(services, caller, appointment, entered=entered)
    except Problem as problem:
        if problem.status not in CORRECTABLE:
            raise
        language = reading_of(request).language
        reason = translate(language, documentation.REASONS.get(type(problem), OTHER_REASON))
        if as_json:
            title = translate(language, documentation.REFUSED)
            return problem_in_words(problem, title=title, detail=reason, language=language)
        return await _refused(request, caller, appointment, fields=fields, reason=reason, status=problem.status)
    services.rooms.end(room)
    if as_json:
        return JSONResponse({"encounter": encounter})
    names = await services.database.write(lambda session: _names(session, services, caller))
    return page(request, "saved.html", **names)


@router.get("/console/visits/{appointment}/looks", include_in_schema=False)
async def who_looked(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Who looked at the patient's record in this clinic."""
    services, language = services_of(request), reading_of(request).language

    def unit(session: Session) -> dict[str, Any]:
        patient, _ = person(session, services.store, caller, appointment_id=appointment)
        found = looks(session, services.store, caller, patient_id=patient.id, language=language)
        names = _names(session, services, caller)
        return {"patient": patient.name, "looks": found, "appointment": appointment, **names}

    return page(request, "looks.html", **await services.database.write(unit))


def _shown(
    session: Session, services: Services, caller: Caller, *, appointment: str
) -> tuple[Chart, str, Documented | None, dict[str, Any]]:
    """The patient's summary, how far the visit has come, and once it has ended, what was documented."""
    store = services.store
    summary = chart(session, store, caller, appointment_id=appointment)
    visit = visits_of(services).open(session, caller, appointment)
    state, told = presence(visit, rooms=services.rooms, now=services.clock.now()).state, None
    if state == Stage.ENDED and visit.encounter_id is not None:
        told = documented(session, store, caller, encounter_id=visit.encounter_id, patient_id=summary.person.id)
    return summary, state, told, _names(session, services, caller)


async def _refused(
    request: Request, caller: Caller, appointment: str, *, fields: Mapping[str, str], reason: str, status: int
) -> Response:
    """The form again, with what was entered and why it was not taken."""
    services = services_of(request)
    return page(
        request,
        "refused.html",
        status=status,
        reason=reason,
        appointment=appointment,
        diagnoses=sorted(TEXTS.items()),
        entered=fields,
        **await services.database.write(lambda session: _names(session, services, caller)),
    )


async def _close(
    services: Services, caller: Caller, appointment: str, *, entered: Documentation
) -> tuple[str, str | None]:
    visits, store = visits_of(services), services.store

    def begun(session: Session) -> Closing:
        # A visit that went by phone has no Encounter yet.
        visit = visits.admit(session, caller, appointment)
        return Closing(
            encounter=store.read(session, caller, "Encounter", str(visit.encounter_id)),
            appointment=store.read(session, caller, "Appointment", appointment),
            practitioner=caller.subject,
            company=service.present(session, visit),
            now=services.clock.now(),
        )

    closing = await services.database.write(begun)
    plan = transactions.plan(documentation.bundle(entered, closing))

    def closed(session: Session) -> tuple[str, str | None]:
        visit = visits.open(session, caller, appointment)
        transactions.run(store, session, caller, plan=plan)
        if not closing.is_own:
            visits.fulfil(session, appointment, request_id=caller.request_id)
        service.close(session, visit)
        drafts.discard(session, appointment)
        return visit.room, visit.encounter_id

    return await services.database.write(closed)


def _names(session: Session, services: Services, caller: Caller) -> dict[str, Any]:
    names = {"clinic": f"Organization/{caller.tenant}", "person": f"Practitioner/{caller.subject}"}
    return {key: name_of(session, services.store, caller, reference=value) for key, value in names.items()}
