"""The operations on Appointment: `$find`, `$hold`, `$book`, `$cancel`. They stand before the record's own routes."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from fhir.audit import Access
from fhir.interactions.record import Record, body_of, bundle, written
from fhir.policy import Action
from fhir.rows import Stored
from fhir.rules import validate
from infra.caller import Caller
from telemed.booking import finding, operations
from telemed.booking.finding import find, wish_of
from telemed.booking.parameters import CODE, read
from telemed.booking.resource import Resource
from telemed.booking.retries import once, request_key
from telemed.identity.callers import CurrentCaller
from telemed.schedules.resource import encode
from telemed.services import Services, services_here

router = APIRouter(prefix="/fhir/Appointment", include_in_schema=False)

KEY: Final = "idempotency-key"
CREATE: Final = Access(Action.CREATE, "Appointment")
Here = Annotated[Services, Depends(services_here)]


@router.post("/$find")
async def find_appointments(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with a Bundle of proposed Appointments; for everybody who may search appointments."""
    record = _record(services)
    given = read(await body_of(request, limit=record.body_limit), known=finding.KNOWN)
    wish = wish_of(given, now=services.clock.now())
    services.store.policy.permit(caller, Action.SEARCH, "Appointment")
    access = Access(Action.SEARCH, "Appointment")
    found = await record.run(caller, access, lambda session: find(session, services.desk, caller, wish=wish))
    return bundle(_searchset(found, base=record.base_url))


@router.post("/$hold")
async def hold_appointment(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """201 with a pending Appointment; for everybody who may create one for the patient."""
    given = read(await body_of(request, limit=services.settings.body_limit), known=operations.HOLDING)

    def unit(session: Session) -> Stored:
        return operations.hold(session, services.desk, caller, store=services.store, given=given)

    return await _answer(request, services, caller, access=CREATE, unit=unit, status=201)


@router.post("/$book")
async def book_appointment(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """201 with the booked Appointment; for everybody who may create one for the patient."""
    body = await body_of(request, limit=services.settings.body_limit)
    given = read(body, known=operations.BOOKING, bare="appt-resource")
    for name in ("appt-resource", "appointment-resource"):
        if (resource := given.resource(name)) is not None:
            validate(resource)

    def unit(session: Session) -> Stored:
        return operations.book(session, services.desk, caller, store=services.store, given=given)

    return await _answer(request, services, caller, access=CREATE, unit=unit, status=201)


@router.post("/$cancel")
async def cancel_appointment(request: Request, services: Here, caller: CurrentCaller) -> Response:
    """200 with the cancelled Appointment; for everybody who may change it."""
    given = read(await body_of(request, limit=services.settings.body_limit), known=operations.CANCELLING)
    return await _cancel(request, services, caller, id=operations.cancel_reference(given), reason=given.one("reason"))


@router.post("/{id}/$cancel")
async def cancel_this_appointment(request: Request, services: Here, caller: CurrentCaller, id: str) -> Response:
    """200 with the cancelled Appointment; for everybody who may change it. The body may be empty."""
    reason = None
    if await request.body():
        body = await body_of(request, limit=services.settings.body_limit)
        reason = read(body, known={"reason": CODE}).one("reason")
    return await _cancel(request, services, caller, id=id, reason=reason)


async def _cancel(request: Request, services: Services, caller: Caller, *, id: str, reason: str | None) -> Response:
    access = Access(Action.UPDATE, "Appointment", id)

    def unit(session: Session) -> Stored:
        return operations.cancel(session, caller, services.store, id=id, reason=reason)

    return await _answer(request, services, caller, access=access, unit=unit, status=200)


async def _answer(
    request: Request,
    services: Services,
    caller: Caller,
    *,
    access: Access,
    unit: Callable[[Session], Stored],
    status: int,
) -> Response:
    record = _record(services)
    key = request_key(
        services.vault,
        caller,
        header=request.headers.get(KEY),
        operation=request.url.path,
        body=await request.body(),
    )
    store = services.store
    stored = await record.run(
        caller, access, lambda session: once(session, store, caller, key=key, do=lambda: unit(session))
    )
    return written(request, record, stored, status=status)


def _record(services: Services) -> Record:
    settings = services.settings
    return Record(services.database, services.store, f"{settings.base_url.rstrip('/')}/fhir", settings.body_limit)


def _searchset(found: list[Resource], *, base: str) -> bytes:
    entries = [
        {"fullUrl": f"{base}/Appointment/{each['id']}", "resource": each, "search": {"mode": "match"}} for each in found
    ]
    listed: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return encode(listed | {"entry": entries} if entries else listed)
