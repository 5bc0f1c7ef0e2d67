"""The console's page about who else the patient is: proposals to confirm or refuse, and what is joined to take apart."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from infra.caller import Caller
from infra.database import Session
from infra.problems import Conflict, NotFound, Problem, Unprocessable
from telemed.console.chart import person
from telemed.console.proposals import clinics, proposals
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.pages.summary import name_of
from telemed.persons import kept, linking, merging, questions
from telemed.persons.problems import NotEnoughKnown, OtherNumbers, StillMerged
from telemed.schedules.resource import local_id
from telemed.services import Services, services_of

router = APIRouter()

REASONS: Final[Mapping[type[Problem], str]] = {
    NotEnoughKnown: N_("Please complete the patient's name and date of birth first."),
    OtherNumbers: N_("The two have different insurance numbers. Please correct them first."),
    StillMerged: N_("One of the two is joined with another already. Please take that apart first."),
}
OTHER_REASON: Final = N_("This has changed in the meantime. Please look again.")


@router.get("/console/visits/{appointment}/person", include_in_schema=False)
async def same_person(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """Who else the patient could be, and is."""
    return await _page(request, caller, appointment)


@router.post("/console/visits/{appointment}/person", include_in_schema=False)
async def decide(request: Request, appointment: str, caller: SignedInClinician) -> Response:
    """The page again, once what was chosen is done; what is refused says why."""
    form = await request.form()
    action, other = str(form.get("action", "")), str(form.get("other", ""))
    services = services_of(request)
    kind, _, id = other.partition("/")
    done = DECISIONS.get((action, kind))
    if done is None or local_id(f"Patient/{id}", "Patient") is None:
        raise NotFound

    def unit(session: Session) -> None:
        patient, _ = person(session, services.store, caller, appointment_id=appointment)
        done(session, services, caller, patient.id, id)

    try:
        await services.database.write(unit)
    except (Conflict, Unprocessable) as problem:
        reason = translate(reading_of(request).language, REASONS.get(type(problem), OTHER_REASON))
        return await _page(request, caller, appointment, reason=reason, status=problem.status)
    return RedirectResponse(f"/console/visits/{appointment}/person", status_code=303)


def _merge(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    kept.require_person(caller)
    merging.merge(session, services.store, caller, source_id=other, target_id=patient)


def _unmerge(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    kept.require_person(caller)
    _, here = kept.own(session, services.store, caller, patient)
    # The page shows a merge from both of its ends.
    replaced = any(
        link.one == here.compartment and end.id == other for link, end in kept.joined(session, here.compartment)
    )
    source, target = (patient, other) if replaced else (other, patient)
    merging.unmerge(session, services.store, caller, source_id=source, target_id=target)


def _not_the_same(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    kept.require_person(caller)
    _, here = kept.own(session, services.store, caller, patient)
    _, there = kept.own(session, services.store, caller, other)
    questions.refuse(session, here.compartment, [there.compartment])
    questions.refuse(session, there.compartment, [here.compartment])


def _link(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    linking.link(session, services.store, caller, patient_id=patient, organization=other)


def _refuse(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    linking.refuse(session, services.store, caller, patient_id=patient, organization=other)


def _unlink(session: Session, services: Services, caller: Caller, patient: str, other: str) -> None:
    linking.unlink(session, services.store, caller, patient_id=patient, organization=other)


# What is said about whom: another Patient of the own clinic, or another clinic.
DECISIONS: Final = {
    ("same", "patient"): _merge,
    ("different", "patient"): _not_the_same,
    ("apart", "patient"): _unmerge,
    ("same", "clinic"): _link,
    ("different", "clinic"): _refuse,
    ("apart", "clinic"): _unlink,
}


async def _page(request: Request, caller: Caller, appointment: str, *, reason: str = "", status: int = 200) -> Response:
    services = services_of(request)
    kept.require_person(caller)

    def unit(session: Session) -> dict[str, Any]:
        store = services.store
        patient, _ = person(session, store, caller, appointment_id=appointment)
        found = proposals(session, store, caller, patient_id=patient.id)
        names = {"clinic": f"Organization/{caller.tenant}", "person": f"Practitioner/{caller.subject}"}
        return {
            "patient": patient,
            "same": found,
            "clinics": clinics(session, store, caller, besides=found),
            **{key: name_of(session, store, caller, reference=value) for key, value in names.items()},
        }

    shown = await services.database.write(unit)
    return page(request, "person.html", status=status, reason=reason, appointment=appointment, **shown)
