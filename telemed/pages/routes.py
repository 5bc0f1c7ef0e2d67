"""The pages a patient sees, and the start page."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from telemed.pages.doors import doors, offered_in
from telemed.pages.languages import translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import Summary, summary
from telemed.pages.texts import GUESTS, VISIT, in_language, told
from telemed.services import services_of
from telemed.visits.attending import PerhapsPatient
from telemed.visits.codes import closed
from telemed.visits.companions import ROLES, note_presence

router = APIRouter()

CODE_PAGE: Final = "/j"


# May be called by anybody: it shows nothing personal.
@router.get("/", include_in_schema=False)
async def start(request: Request) -> Response:
    """The start page; in the demo four doors lead into the product."""
    services, settings = services_of(request), services_of(request).settings
    made = [str(each["appointment_id"]) for each in offered_in(settings).get("appointments") or []]
    now = services.clock.now()
    used = await services.database.read(lambda session: closed(session, made, business_now=now)) if made else ()
    shown = doors(settings, language=reading_of(request).language, used=used)
    return page(request, "start.html", doors=shown, my_data=offered_in(settings).get("my_data"))


# May be called by anybody, mail scanners too: it consumes nothing and shows nothing personal.
@router.get(CODE_PAGE, include_in_schema=False)
async def code(request: Request) -> Response:
    """The page that asks for code and date of birth."""
    return page(request, "code.html", error=None, code="", birth_date="")


@router.get("/visit", include_in_schema=False)
async def visit(request: Request, who: PerhapsPatient) -> Response:
    """Check, waiting room, call and goodbye of the one appointment that the visit's cookie opens."""
    if who is None:
        return RedirectResponse(CODE_PAGE, status_code=303)
    language = reading_of(request).language
    if who.ended:
        words = told(who.ended, language)
        again = told("none", language).title if who.ended in ("elsewhere", "replaced") else ""
        return page(request, "message.html", title=words.title, advice=words.advice, again=again)
    services = services_of(request)
    facts: Summary = await services.database.write(lambda session: summary(session, services.store, who))
    if who.role in ROLES:
        # No seat in the call: it has two, and the patient's must stay free for the patient.
        now, role = services.system_clock.now(), translate(language, GUESTS[who.role])
        await services.database.write(lambda session: note_presence(session, who.participant, now=now))
        return page(
            request,
            "companion.html",
            role=role,
            start=facts.start,
            practitioner=facts.practitioner,
            clinic=facts.clinic,
        )
    texts = in_language(VISIT, language, other=facts.practitioner)
    data = {"appointment": who.appointment_id, "demo": services.settings.is_demo, "texts": texts}
    return page(
        request, "visit.html", data=data, start=facts.start, practitioner=facts.practitioner, clinic=facts.clinic
    )
