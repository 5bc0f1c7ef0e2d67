"""A visit over HTTP: come in, let in, end (DESIGN 9)."""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter, Request

from infra.caller import Caller
from infra.database import Session
from telemed.identity.callers import SignedInClinician
from telemed.services import Services, services_of
from telemed.signin.stepup import signed_in_of
from telemed.visits.attending import Attending
from telemed.visits.models import Guest, Visit
from telemed.visits.service import VisitEnded, Visits
from telemed.visits.sessions import Attendance
from telemed.visits.standing import bond, of_console
from video.room import NobodyWaits, Role, Seat, Stage

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a room: the tickets open one socket and one pre-call check."""

    room: str
    role: str
    ticket: str
    check: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a visit has come, and the Encounter that documents it."""

    stage: str
    room: str
    encounter: str | None


@router.post("/visits/{appointment}/join")
async def join(request: Request, appointment: str, who: Attending) -> Place:
    """A place in the room of this appointment, for its patient or for a clinician of its clinic."""
    services = services_of(request)
    if isinstance(who, Caller):
        return await clinic_place(request, who, appointment)
    visit = await services.database.write(lambda session: _entered(services, session, who=who, request=request))
    bound = bond(appointment, who.session)
    return _place(services, visit, role=Role(who.role), participant=who.participant, bound=bound)


@router.post("/visits/{appointment}/admit")
async def admit(request: Request, appointment: str, caller: SignedInClinician) -> Progress:
    """The visit, begun: everybody who waits is let in and an Encounter is in progress."""
    services, visits = services_of(request), visits_of(services_of(request))
    visit = await services.database.write(lambda session: visits.open(session, caller, appointment))
    waiting = guests(services, visit)
    if not waiting:
        raise NobodyWaits
    begun = await services.database.write(lambda session: visits.admit(session, caller, appointment))
    for seat in waiting:
        if not seat.admitted:
            services.rooms.admit(begun.room, seat.participant)
    return Progress(begun.stage, begun.room, begun.encounter_id)


@router.post("/visits/{appointment}/end")
async def end(request: Request, appointment: str, caller: SignedInClinician) -> Progress:
    """The visit, ended for everybody; its Encounter is finished and its Appointment fulfilled."""
    services, visits = services_of(request), visits_of(services_of(request))
    visit = await services.database.write(lambda session: visits.end(session, caller, appointment))
    services.rooms.end(visit.room)
    return Progress(visit.stage, visit.room, visit.encounter_id)


async def clinic_place(request: Request, caller: Caller, appointment: str) -> Place:
    """The clinic's place in the room, for as long as the clinician is signed in.

    A clinic has one seat: a colleague who comes takes it over.
    """
    services, signed_in = services_of(request), signed_in_of(request)
    visits = visits_of(services)
    visit = await services.database.write(lambda session: visits.open(session, caller, appointment))
    if services.rooms.view(visit.room).stage is Stage.ENDED:
        raise VisitEnded
    participant = services.vault.pseudonym("clinic-seat", caller.tenant, appointment)
    return _place(
        services, visit, role=Role.PHYSICIAN, participant=participant, bound=bond(appointment, of_console(signed_in))
    )


def visits_of(services: Services) -> Visits:
    """The rules of visits over this process's record."""
    return Visits(services.store, services.clock)


def guests(services: Services, visit: Visit) -> list[Seat]:
    """Who is connected in the visit's room, apart from the clinic."""
    seats = services.rooms.view(visit.room).seats
    return [seat for seat in seats if seat.connected and not seat.role.admits]


def _entered(services: Services, session: Session, *, who: Attendance, request: Request) -> Visit:
    if who.role is not Guest.PATIENT:
        return visits_of(services).accompany(session, appointment_id=who.appointment_id, tenant=who.tenant)
    return visits_of(services).enter(
        session,
        appointment_id=who.appointment_id,
        tenant=who.tenant,
        request_id=str(request.scope.get("state", {}).get("request_id", "")),
        rooms=services.rooms,
    )


def _place(services: Services, visit: Visit, *, role: Role, participant: str, bound: str) -> Place:
    ticket = services.tickets.mint(visit.room, participant, role=role, bound=bound)
    check = services.tickets.mint(f"check-{secrets.token_urlsafe(12)}", participant, role=role)
    return Place(visit.room, role, ticket, check)
