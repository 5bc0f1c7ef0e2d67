"""The pages a patient sees, and the start page."""

from fastapi import APIRouter, Request, Response

from telemed.pages.doors import doors, offered_in
from telemed.pages.rendering import page, reading_of
from telemed.pages.visit_routes import CODE_PAGE
from telemed.services import services_of
from telemed.visits.codes import closed

router = APIRouter()


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
