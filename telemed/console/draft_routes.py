"""`/console/visits/{appointment}/draft`: keeps what is written in a consultation, and tells of somebody else's change."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from infra.caller import Caller
from infra.database import Session
from infra.problems import StaleVersion
from telemed.console import drafts
from telemed.console.drafts import Draft
from telemed.identity.callers import SignedInClinician
from telemed.pages.summary import name_of
from telemed.services import Services, services_of

NO_STORE: Final = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


class Entered(BaseModel):
    """What a page sends at a pause: all fields of the form, and the version that they are based on."""

    version: Annotated[int, Field(ge=0)]
    fields: dict[str, str]


@router.get("/console/visits/{appointment}/draft")
async def show(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """What was entered so far, by whom."""
    services = services_of(request)
    return JSONResponse(
        await services.database.write(lambda unit: _told(unit, services, caller, appointment)), 200, NO_STORE
    )


@router.put("/console/visits/{appointment}/draft")
async def keep(request: Request, appointment: str, caller: SignedInClinician, entered: Entered) -> Response:
    """The new version; 412 with the other's text and name where somebody else has written since."""
    services = services_of(request)

    def unit(session: Session) -> Draft:
        return drafts.write(session, services, caller, appointment, based_on=entered.version, fields=entered.fields)

    try:
        written = await services.database.write(unit)
    except StaleVersion as problem:
        told = await services.database.write(lambda session: _told(session, services, caller, appointment))
        return JSONResponse(told, problem.status, NO_STORE)
    return JSONResponse({"version": written.version}, 200, NO_STORE)


def _told(session: Session, services: Services, caller: Caller, appointment: str) -> dict[str, Any]:
    found = drafts.read(session, services, caller, appointment)
    author = name_of(session, services.store, caller, reference=f"Practitioner/{found.author}") if found.author else ""
    return {"version": found.version, "fields": dict(found.fields), "author": author}
