"""The operations on Patient: `$match`, `$merge`, `$unmerge`, `$link`, `$unlink`. They stand before the record's own routes."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from fhir import outcome
from fhir.audit import Access
from fhir.interactions.record import Record, body_of, bundle
from fhir.policy import Action
from fhir.rules import validate
from infra.caller import Caller
from telemed.booking.parameters import FLAG, REFERENCE, Parameters, read
from telemed.booking.problems import ParameterWrong
from telemed.identity.callers import CurrentCaller
from telemed.persons import linking, match, merging
from telemed.persons.linking import Said
from telemed.schedules.resource import local_id
from telemed.services import Services, services_here

router = APIRouter(prefix="/fhir/Patient", include_in_schema=False)

MERGING: Final = {"source-patient": REFERENCE, "target-patient": REFERENCE, "preview": FLAG}
UNMERGING: Final = {"source-patient": REFERENCE, "target-patient": REFERENCE}
LINKING: Final = {"patient": REFERENCE, "organization": REFERENCE}
Here = Annotated[Services, Depends(services_here)]


@router.post("/$match")
async def match_patient(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with a Bundle of graded candidates; for everybody who may search patients."""
    record = _record(services)
    given = read(await body_of(request, limit=record.body_limit), known=match.KNOWN)
    patient, count, certain = match.wanted(given)
    if (resource := given.resource("resource")) is not None:
        validate(resource)
    access = Access(Action.OPERATION, "Patient")
    found = await record.run(
        caller,
        access,
        lambda s: match.match(s, services.store, caller, patient=patient, count=count, certain=certain),
    )
    return bundle(match.searchset(found, base=record.base_url))


@router.post("/$merge")
async def merge_patients(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with the Patient that replaces the other; for everybody who may change both. `preview` changes nothing."""
    record = _record(services)
    given = read(await body_of(request, limit=record.body_limit), known=MERGING)
    source, target = _id(given, "source-patient", "Patient"), _id(given, "target-patient", "Patient")
    do = merging.preview if given.one("preview") else merging.merge

    def unit(session: Session) -> bytes:
        made = do(session, services.store, caller, source_id=source, target_id=target)
        return made if isinstance(made, bytes) else made.body

    body = await record.run(caller, Access(Action.OPERATION, "Patient", source), unit)
    words = "Nothing is changed yet." if do is merging.preview else "The Patient replaces the other."
    return bundle(_parameters(words, _result(body)))


@router.post("/$unmerge")
async def unmerge_patients(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with the Patient that had been replaced, as it was; for everybody who may change both."""
    record = _record(services)
    given = read(await body_of(request, limit=record.body_limit), known=UNMERGING)
    source, target = _id(given, "source-patient", "Patient"), _id(given, "target-patient", "Patient")

    def unit(session: Session) -> bytes:
        return merging.unmerge(session, services.store, caller, source_id=source, target_id=target).body

    body = await record.run(caller, Access(Action.OPERATION, "Patient", source), unit)
    return bundle(_parameters("The merge is taken back.", _result(body)))


@router.post("/$link")
async def link_patient(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with `asked` or `linked`; for signed-in physicians and receptionists."""
    return await _said(request, services, caller, apart=False)


@router.post("/$unlink")
async def unlink_patient(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with `apart`; for signed-in physicians and receptionists."""
    return await _said(request, services, caller, apart=True)


async def _said(request: Request, services: Services, caller: Caller, *, apart: bool) -> Response:
    record, store = _record(services), services.store
    given = read(await body_of(request, limit=record.body_limit), known=LINKING)
    patient = _id(given, "patient", "Patient")
    organization = _id(given, "organization", "Organization") if given.one("organization") is not None else None

    def unit(session: Session) -> Said:
        if organization is None:
            return linking.believe(session, store, caller, patient_id=patient, apart=apart)
        do = linking.unlink if apart else linking.link
        return do(session, store, caller, patient_id=patient, organization=organization)

    said = await record.run(caller, Access(Action.OPERATION, "Patient", patient), unit)
    return bundle(_parameters(_WORDS[said], f'{{"name":"status","valueCode":"{said}"}}'.encode()))


_WORDS: Final = {
    Said.ASKED: "The clinic is asked. It joins the Patients if it knows this patient and says so, too.",
    Said.LINKED: "The Patients are one person's.",
    Said.APART: "The Patient stands for itself.",
}


def _id(given: Parameters, name: str, type: str) -> str:
    found = local_id(given.one(name), type)
    if found is None:
        raise ParameterWrong(f"The parameter {name} must refer to a {type} here.")
    return found


def _result(body: bytes) -> bytes:
    """The output parameter with a resource, byte for byte as it is stored."""
    return b'{"name":"result","resource":' + body + b"}"


def _parameters(words: str, more: bytes) -> bytes:
    told = b'{"name":"outcome","resource":' + outcome.done(words) + b"}"
    return b'{"resourceType":"Parameters","parameter":[' + told + b"," + more + b"]}"


def _record(services: Services) -> Record:
    settings = services.settings
    return Record(services.database, services.store, f"{settings.base_url.rstrip('/')}/fhir", settings.body_limit)
