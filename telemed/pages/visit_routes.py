"""The pages of one visit: who is here, check, waiting room, call and goodbye; all that needs no script goes without."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from infra.database import Session
from telemed.pages.assets import asset_url
from telemed.pages.languages import translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import Summary, summary
from telemed.pages.texts import CALL_BACK, GUESTS, HERE, OTHER, VISIT, in_language, told
from telemed.schedules.keepers import holder
from telemed.services import Services, services_of
from telemed.visits import call_back, here, service
from telemed.visits.attending import PerhapsPatient
from telemed.visits.companions import ROLES, note_presence
from telemed.visits.exchange import refuse_foreign_page
from telemed.visits.models import Guest, Stage, Visit
from telemed.visits.sessions import Attendance

router = APIRouter(include_in_schema=False)

CODE_PAGE: Final = "/j"
VISIT_PAGE: Final = "/visit"
HERE_PAGE: Final = "/visit/here"
# The same 256 check words, by their sound, for readers of other scripts; all others read the ones of video/web/sas.js.
CHECK_WORDS: Final = {language: f"pages/words-{language}.json" for language in ("ru", "uk", "ar")}


@router.get(VISIT_PAGE)
async def visit(request: Request, who: PerhapsPatient) -> Response:
    """Check, waiting room, call and goodbye of the one appointment that the visit's cookie opens."""
    if who is None:
        return RedirectResponse(CODE_PAGE, status_code=303)
    if who.ended:
        return _ended(request, who)
    services, language = services_of(request), reading_of(request).language
    if who.role not in ROLES and not await services.database.read(lambda session: _has_said(session, who)):
        return RedirectResponse(HERE_PAGE, status_code=303)
    facts = await _facts(services, who)
    role = translate(language, GUESTS[who.role]) if who.role in ROLES else ""
    texts = in_language(VISIT, language, other=facts.practitioner)
    join = f"/visits/{who.appointment_id}/join"
    data: dict[str, Any] = {"join": join, "demo": services.settings.is_demo, "texts": texts}
    data |= words_of_call(language, other=facts.practitioner)
    return page(request, "visit.html", data=data, role=role, practice=False, **_shown(facts))


@router.get(HERE_PAGE)
async def ask_who_is_here(request: Request, who: PerhapsPatient) -> Response:
    """The form that asks who is at the device and where; for the patient's code alone."""
    if who is None or who.ended or who.role in ROLES:
        return RedirectResponse(VISIT_PAGE, status_code=303)
    services, language = services_of(request), reading_of(request).language
    people = [(guest.value, translate(language, HERE[guest.value])) for guest in Guest]
    said = await services.database.read(lambda session: _said(session, services, who))
    return page(request, "here.html", people=people, said=said, **_shown(await _facts(services, who)))


@router.post(HERE_PAGE)
async def say_who_is_here(request: Request, who: PerhapsPatient) -> Response:
    """On to the check; the clinic reads what was said, until the visit ends."""
    refuse_foreign_page(request)
    if who is not None and not who.ended and who.role not in ROLES:
        form = await request.form()
        people = [each for each in form.getlist("people") if isinstance(each, str)]
        place = form.get("place", "")
        said = here.read_form(people, place if isinstance(place, str) else "")
        services = services_of(request)
        note = partial(_note, services=services, who=who, said=said)
        await services.database.write(note)
    return RedirectResponse(VISIT_PAGE, status_code=303)


@router.post("/visit/call-me")
async def ask_for_a_call(request: Request, who: PerhapsPatient) -> Response:
    """A Task of the clinic to phone, and a page that says so; works at any step, and without a script."""
    refuse_foreign_page(request)
    if who is None or who.ended:
        return RedirectResponse(VISIT_PAGE, status_code=303)
    services, language = services_of(request), reading_of(request).language
    request_id = str(request.scope.get("state", {}).get("request_id", ""))

    def unit(session: Session) -> None:
        visit = _visit(session, who)
        call_back.ask(session, services.store, visit, clock=services.clock, request_id=request_id)

    await services.database.write(unit)
    title, advice, again = (translate(language, CALL_BACK[key]) for key in ("title", "advice", "again"))
    return page(request, "message.html", title=title, advice=advice, again=again, onward=VISIT_PAGE)


def words_of_call(language: str, *, other: str) -> dict[str, str]:
    """Where a page finds words and look of the call, and who is on its other side."""
    found = {"call": asset_url(f"texts/call-{language}.json"), "look": asset_url("pages/call.css")}
    if language in CHECK_WORDS:
        found["words"] = asset_url(CHECK_WORDS[language])
    return found | {"other": other or translate(language, OTHER)}


def _ended(request: Request, who: Attendance) -> Response:
    """Why the visit is not open here any more, and the way back where there is one."""
    language = reading_of(request).language
    words = told(who.ended, language)
    again = told("none", language).title if who.ended in ("elsewhere", "replaced") else ""
    return page(request, "message.html", title=words.title, advice=words.advice, again=again, onward=CODE_PAGE)


async def _facts(services: Services, who: Attendance) -> Summary:
    def unit(session: Session) -> Summary:
        if who.role in ROLES:
            note_presence(session, who.participant, now=services.system_clock.now())
        return summary(session, services.store, who)

    return await services.database.write(unit)


def _shown(facts: Summary) -> dict[str, Any]:
    return {"start": facts.start, "practitioner": facts.practitioner, "clinic": facts.clinic}


def _has_said(session: Session, who: Attendance) -> bool:
    found = session.get(Visit, who.appointment_id)
    # Whoever comes back into a call that is under way is not asked again.
    return found is not None and (found.here_since is not None or found.stage == Stage.ADMITTED)


def _said(session: Session, services: Services, who: Attendance) -> here.Here:
    found = session.get(Visit, who.appointment_id)
    return (here.said(session, services.vault, found) if found else None) or here.Here()


def _note(session: Session, *, services: Services, who: Attendance, said: here.Here) -> None:
    here.note(session, services.vault, _visit(session, who), here=said, now=services.system_clock.now())


def _visit(session: Session, who: Attendance) -> Visit:
    tenant = holder(session, who.appointment_id, tenant=who.tenant)
    return service.found(session, who.appointment_id, tenant=tenant)
