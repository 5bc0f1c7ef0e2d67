"""`/console/opinions`: how patients found their visits, in numbers of whole months."""

from typing import Any

from fastapi import APIRouter, Request, Response

from infra.database import Session
from telemed.identity.callers import SignedInClinician
from telemed.pages.rendering import page
from telemed.pages.summary import name_of
from telemed.services import services_of
from telemed.visits.opinions import LEAST_ANSWERS, Opinion, months

router = APIRouter(include_in_schema=False)


@router.get("/console/opinions")
async def show(request: Request, caller: SignedInClinician) -> Response:
    """The clinic's months that are over; a month with too few answers says only that."""
    services = services_of(request)

    def unit(session: Session) -> dict[str, Any]:
        names = {"clinic": f"Organization/{caller.tenant}", "person": f"Practitioner/{caller.subject}"}
        told = {key: name_of(session, services.store, caller, reference=value) for key, value in names.items()}
        return told | {"months": months(session, caller.tenant, now=services.clock.now())}

    found = await services.database.write(unit)
    return page(request, "opinions.html", least=LEAST_ANSWERS, opinions=list(Opinion), **found)
