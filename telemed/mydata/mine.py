"""Whose record this browser has opened in My data: the guard of its routes."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from infra import log
from telemed.identity.callers import require_own_origin
from telemed.mydata.sessions import MyPatient, NotSignedIn, cookie_name, note_use, opened
from telemed.services import services_of


async def patient_of(connection: HTTPConnection) -> MyPatient | None:
    """Which Patient this browser's My-data session belongs to; None without a session that is open now."""
    try:
        return await _found(connection)
    except NotSignedIn:
        return None


async def my_patient(connection: HTTPConnection) -> MyPatient:
    """The same as a guard of routes: a 401 that says why, and no change from a page that is not ours."""
    found = await _found(connection)
    require_own_origin(connection)
    log.note(tenant=found.tenant, role="patient")
    return found


Mine = Annotated[MyPatient, Depends(my_patient)]


async def _found(connection: HTTPConnection) -> MyPatient:
    services = services_of(connection)
    token = connection.cookies.get(cookie_name(services.settings), "")
    if not token:
        raise NotSignedIn
    now = services.system_clock.now()
    patient, stale = await services.database.read(lambda session: opened(session, services.vault, token, now=now))
    if stale:
        await services.database.write(lambda session: note_use(session, services.vault, token, now=now))
    return patient
