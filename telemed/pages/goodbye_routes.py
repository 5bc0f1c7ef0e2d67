"""After the conversation: what happens next, the next appointment for the calendar, and one question with three faces."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from infra.database import Session
from telemed.pages.rendering import page, reading_of
from telemed.pages.visit_routes import VISIT_PAGE
from telemed.schedules.keepers import holder
from telemed.services import Services, services_of
from telemed.visits import opinions, service
from telemed.visits.attending import PerhapsPatient
from telemed.visits.exchange import refuse_foreign_page
from telemed.visits.following import Following, following
from telemed.visits.models import CodeState, Guest, Stage, Visit
from telemed.visits.opinions import Opinion
from telemed.visits.sessions import Attendance

router = APIRouter(include_in_schema=False)

GOODBYE_PAGE: Final = "/visit/bye"
# A visit that the clinic has ended ends the session, too; its patient may still read this page with it.
READS: Final = frozenset({"", CodeState.OVER})


@router.get(GOODBYE_PAGE)
async def goodbye(request: Request, who: PerhapsPatient) -> Response:
    """What happens next; for the patient the next appointment and the question how it was."""
    if who is None or who.ended not in READS:
        return RedirectResponse(VISIT_PAGE, status_code=303)
    services = services_of(request)
    visit, coming = await services.database.write(lambda session: _found(session, services, who))
    asked = who.role is Guest.PATIENT and visit.stage in (Stage.ADMITTED, Stage.ENDED)
    ended = visit.stage == Stage.ENDED
    return page(request, "bye.html", coming=coming, asked=asked, answered=visit.answered, ended=ended)


@router.get("/visit/next.ics")
async def next_appointment(request: Request, who: PerhapsPatient) -> Response:
    """The patient's next appointment as an entry of a calendar; it says nothing but that and when it is."""
    if who is None or who.ended not in READS:
        return RedirectResponse(VISIT_PAGE, status_code=303)
    # Imported here, as drawing and calendars cost a start half a second (telemed/README.md, decision 4).
    from telemed.notices.invitation import entry

    services, language = services_of(request), reading_of(request).language
    _, coming = await services.database.write(lambda session: _found(session, services, who))
    if coming is None:
        return RedirectResponse(GOODBYE_PAGE, status_code=303)
    body = entry(coming, made=services.clock.now(), sender=services.settings.mail_sender, language=language)
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"', "Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type="text/calendar")


@router.post("/visit/opinion")
async def give_opinion(request: Request, who: PerhapsPatient) -> Response:
    """Back to the page, with thanks; the answer is counted once for a visit, and no answer but the three is."""
    refuse_foreign_page(request)
    answer = (await request.form()).get("opinion", "")
    if who is not None and who.ended in READS and who.role is Guest.PATIENT and answer in set(Opinion):
        services, opinion = services_of(request), Opinion(str(answer))
        await services.database.write(lambda session: _count(session, services, who, opinion=opinion))
    return RedirectResponse(GOODBYE_PAGE, status_code=303)


def _found(session: Session, services: Services, who: Attendance) -> tuple[Visit, Following | None]:
    patient = who.role is Guest.PATIENT
    coming = following(session, services.store, who, now=services.clock.now()) if patient else None
    return _visit(session, who), coming


def _count(session: Session, services: Services, who: Attendance, *, opinion: Opinion) -> None:
    visit = _visit(session, who)
    if visit.stage in (Stage.ADMITTED, Stage.ENDED):  # who was never let in has nothing to judge
        opinions.give(session, visit, opinion, now=services.clock.now())


def _visit(session: Session, who: Attendance) -> Visit:
    return service.found(session, who.appointment_id, tenant=holder(session, who.appointment_id, tenant=who.tenant))
