"""Who comes to a visit: a patient by the visit's cookie, or a clinician by the console's."""

from typing import Annotated

from fastapi import Depends, Request, Response

from infra.caller import Caller
from infra.problems import Unauthorized
from infra.settings import Settings
from telemed.identity.callers import clinician_of, require_own_origin
from telemed.services import services_of
from telemed.visits.sessions import Attendance, attendance


class NoVisit(Unauthorized):
    """This browser has not shown code and date of birth for this appointment."""


def cookie_name(settings: Settings) -> str:
    """The name of the patient's cookie; `__Host-` where TLS makes browsers accept it."""
    return "__Host-telemed_visit" if settings.is_tls else "telemed_visit"


def set_cookie(response: Response, settings: Settings, *, token: str) -> None:
    """Nothing; the browser keeps the visit's cookie until it closes and never shows it to a script."""
    response.set_cookie(
        cookie_name(settings), token, path="/", httponly=True, samesite="strict", secure=settings.is_tls
    )


async def attendance_of(request: Request) -> Attendance | None:
    """Whom this browser's visit cookie stands for, ended or not."""
    services = services_of(request)
    token = request.cookies.get(cookie_name(services.settings), "")
    if not token:
        return None
    now = services.system_clock.now()
    return await services.database.read(lambda session: attendance(session, token, now=now))


async def attending_of(request: Request, appointment: str) -> Attendance | Caller:
    """The patient of this appointment, or a clinician, else a 401."""
    found = await attendance_of(request)
    if found is None or found.appointment_id != appointment:
        return await clinician_of(request)
    require_own_origin(request)
    if found.ended:
        raise NoVisit
    return found


PerhapsPatient = Annotated[Attendance | None, Depends(attendance_of)]
Attending = Annotated[Attendance | Caller, Depends(attending_of)]
