"""`/console/looks`: who looked at a patient's record, for the clinic's privacy officer, whom "My data" tells people to ask.

The officer reads no record: of an entry of the treatment is said that it is one, and not of which kind.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from fhir import compartments, history
from fhir.audit import Access
from fhir.policy import Action
from fhir.search import parsing
from fhir.tables import Compartment
from infra.caller import Caller
from infra.problems import Gone, NotFound, Problem
from telemed.access.table import MEMBERS, Group
from telemed.console.looks import KINDS, Look, lines
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import clinic_of
from telemed.rights.roles import fields, require_officer
from telemed.schedules.calendar import platform
from telemed.services import Services, services_of
from telemed.visits import resource

router = APIRouter(include_in_schema=False)

PATH: Final = "/console/looks"
TREATMENT: Final = N_("entry of the treatment")
# Types that tell of health by being there.
_HIDDEN: Final = (Group.CLINICAL, Group.COORDINATION, Group.TASK, Group.FORMS, Group.DEVICES)
OFFICERS_KINDS: Final[Mapping[str, str]] = dict(KINDS) | dict.fromkeys(
    (type for group in _HIDDEN for type in MEMBERS[group]), TREATMENT
)
NOT_FOUND: Final = N_("Your clinic has no patient like this. Check the spelling, or give the id.")
SEVERAL: Final = N_("Several patients are called so and were born on this day. Please give the id: %s")


class Several(Problem):
    """More than one patient fits; the text names their ids."""

    status = 422


@router.get(PATH)
async def ask(request: Request, caller: SignedInClinician) -> Response:
    """Asks about whom: by name and birth date as people say them, or by the id of the Patient."""
    require_officer(caller)
    return await _form(request, caller)


@router.post(PATH)
async def show(request: Request, caller: SignedInClinician) -> Response:
    """Who looked at the record of a patient of the officer's clinic; this look is in the log, too."""
    require_officer(caller)
    services, language, asked = services_of(request), reading_of(request).language, await fields(request)

    def unit(session: Session) -> dict[str, Any]:
        patient_id = _patient(session, services, caller, asked)
        found = _looks(session, services, caller, patient_id=patient_id, language=language)
        return {"looks": found, "patient": patient_id, "clinic": clinic_of(session, services.store, caller)}

    try:
        told = await services.database.write(unit)
    except (NotFound, Gone):
        return await _form(request, caller, error=translate(language, NOT_FOUND), status=404)
    except Several as several:
        return await _form(request, caller, error=translate(language, SEVERAL) % several.text, status=422)
    return page(request, "officer-looks.html", **told)


async def _form(request: Request, caller: Caller, *, error: str = "", status: int = 200) -> Response:
    store = services_of(request).store
    clinic = await services_of(request).database.write(lambda session: clinic_of(session, store, caller))
    return page(request, "officer-looks.html", status=status, looks=None, error=error, clinic=clinic)


def _patient(session: Session, services: Services, caller: Caller, asked: Mapping[str, str]) -> str:
    """The id of the Patient who is asked about. The role reads no Patients, so the platform says who it is."""
    if id := asked.get("patient", "").strip().removeprefix("Patient/"):
        return id
    family, born = asked.get("family", "").strip(), asked.get("born", "").strip()
    if not family or resource.birth_date({"birthDate": born}) is None:
        raise NotFound
    query = parsing.parse("Patient", [("family:exact", family), ("birthdate", born), ("_count", "10")])
    found = services.store.search(session, platform(caller.tenant), query).entries
    ours = sorted(each.id for each in found if each.tenant == caller.tenant)
    if len(ours) > 1:
        raise Several(", ".join(ours))
    if not ours:
        raise NotFound
    return ours[0]


def _looks(session: Session, services: Services, caller: Caller, *, patient_id: str, language: str) -> list[Look]:
    compartment = compartments.pseudonym(services.vault, patient_id)
    record = session.get(Compartment, compartment)
    if record is None or record.tenant != caller.tenant:
        raise NotFound
    store = services.store
    store.policy.permit(caller, Action.SEARCH, "AuditEvent")
    found = lines(session, store, caller, compartment=compartment, language=language, kinds=OFFICERS_KINDS)
    history.log(store, session, caller, Access(Action.SEARCH, "AuditEvent", compartment=compartment))
    return found
