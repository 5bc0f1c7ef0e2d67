"""Opening an app from a patient's chart (SMART App Launch 2.2, EHR launch)."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session, col, select

from infra.problems import NotFound, Unauthorized
from telemed.console.chart import person
from telemed.identity import grants
from telemed.identity.addresses import origin
from telemed.identity.callers import SignedInClinician
from telemed.identity.models import OAuthClient
from telemed.pages.rendering import let_forms_lead_to, page
from telemed.pages.summary import name_of
from telemed.services import services_of

router = APIRouter()


@router.get("/console/visits/{appointment}/apps", include_in_schema=False)
async def apps(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """The clinic's apps that can be opened for the patient of a visit."""
    services = services_of(request)

    def unit(session: Session) -> tuple[str, list[OAuthClient], dict[str, Any]]:
        who, _ = person(session, services.store, caller, appointment_id=appointment)
        names = {"clinic": f"Organization/{caller.tenant}", "person": f"Practitioner/{caller.subject}"}
        said = {key: name_of(session, services.store, caller, reference=value) for key, value in names.items()}
        return who.name, _launchable(session, caller.tenant), said

    patient, found, names = await services.database.write(unit)
    response = page(request, "apps.html", patient=patient, apps=found, appointment=appointment, **names)
    for address in sorted({origin(app.launch_url) for app in found}):
        let_forms_lead_to(response, address)
    return response


@router.post("/console/visits/{appointment}/apps/{client_id}", include_in_schema=False)
async def open_app(request: Request, appointment: str, client_id: str, caller: SignedInClinician) -> Response:
    """To the app, with a value by which it can ask for this patient once, within five minutes."""
    services, now = services_of(request), services_of(request).system_clock.now()

    def unit(session: Session) -> tuple[str, str]:
        who, _ = person(session, services.store, caller, appointment_id=appointment)
        app = next((one for one in _launchable(session, caller.tenant) if one.client_id == client_id), None)
        if app is None:
            raise NotFound
        user = next(filter(None, (one.signed_in(session, request, now=now) for one in services.users)), None)
        if user is None or user.subject != caller.subject:
            raise Unauthorized
        value = grants.launch(session, services.vault, client_id=client_id, user=user, patient=who.id, now=now)
        return app.launch_url, value

    address, value = await services.database.write(unit)
    iss = f"{services.settings.base_url.rstrip('/')}/fhir"
    mark = "&" if urlsplit(address).query else "?"
    return RedirectResponse(f"{address}{mark}{urlencode({'iss': iss, 'launch': value})}", 303)


def _launchable(session: Session, tenant: str) -> list[OAuthClient]:
    theirs = select(OAuthClient).where(
        col(OAuthClient.tenant) == tenant, col(OAuthClient.active), col(OAuthClient.launch_url) != ""
    )
    found = [one for one in session.exec(theirs) if one.redirect_uris]
    return sorted(found, key=lambda one: one.name.casefold())
