"""What happens to the record when a visit begins and ends. Every function is part of an atomic unit.

The patient's side has no rights in the record. What it causes (the appointment has arrived) is written by the platform
itself, by a caller that exists for this one purpose and this one tenant.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, select

from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.database import Session
from infra.problems import Conflict, NotFound
from telemed.schedules.calendar import tenant_of
from telemed.schedules.keepers import holder
from telemed.schedules.practitioners import practitioner
from telemed.visits import codes, here, resource
from telemed.visits.models import ROOM_BYTES, Guest, Stage, Visit, VisitSession
from video.rooms import Rooms

# Appointment statuses out of which a patient may enter the waiting room, or a clinic may begin.
OPEN = frozenset({"booked", "arrived", "checked-in"})


class VisitEnded(Conflict):
    """This consultation has ended."""


class NotBegun(Conflict):
    """This consultation has not begun: nobody was let in yet. Cancel the appointment if it does not take place."""


class NotOpen(Conflict):
    """This appointment is not open: it was cancelled, moved or is over."""


@dataclass(frozen=True, slots=True)
class Visits:
    """The rules of visits over the record."""

    store: Store
    clock: Clock

    def enter(self, session: Session, *, appointment_id: str, tenant: str, request_id: str, rooms: Rooms) -> Visit:
        """The visit that a patient with a valid session has come to; the Appointment has arrived."""
        visit = found(session, appointment_id, tenant=holder(session, appointment_id, tenant=tenant))
        if visit.stage == Stage.ENDED:
            raise VisitEnded
        if visit.stage == Stage.EXPECTED:
            self._arrived(session, request_id, appointment_id)
            visit.stage = Stage.WAITING
            visit.waiting_since = self.clock.now()
            session.add(visit)
        elif visit.stage == Stage.ADMITTED and all(seat.role.admits for seat in rooms.view(visit.room).seats):
            # Came back after hanging up: waits anew. Whose page is loaded again still has the seat.
            visit.waiting_since = self.clock.now()
            session.add(visit)
        return visit

    def accompany(self, session: Session, *, appointment_id: str, tenant: str) -> Visit:
        """The visit that somebody with a code of their own has come to. The clinic sees that they wait.

        The appointment itself has arrived only when the patient has.
        """
        visit = found(session, appointment_id, tenant=holder(session, appointment_id, tenant=tenant))
        if visit.stage == Stage.ENDED:
            raise VisitEnded
        visit.waiting_since = visit.waiting_since or self.clock.now()
        session.add(visit)
        return visit

    def open(self, session: Session, caller: Caller, appointment_id: str) -> Visit:
        """The visit of an appointment that the caller's own clinic holds."""
        self.held(session, caller, appointment_id)
        return found(session, appointment_id, tenant=caller.tenant)

    def held(self, session: Session, caller: Caller, appointment_id: str) -> Stored:
        """An appointment that the caller's own clinic holds: its own, or another's in a slot of its own."""
        appointment = self.store.read(session, caller, "Appointment", appointment_id)
        if holder(session, appointment_id, tenant=appointment.tenant) != caller.tenant:
            raise NotFound
        return appointment

    def admit(self, session: Session, caller: Caller, appointment_id: str) -> Visit:
        """The visit, begun: its Encounter is in progress. Repeating it changes nothing."""
        visit = self.open(session, caller, appointment_id)
        if visit.stage == Stage.ENDED:
            raise VisitEnded
        if visit.encounter_id is None:
            # Also where nobody came through the door: a visit by phone has taken place, too.
            appointment = self._arrived(session, caller.request_id, appointment_id)
            started = resource.started_encounter(
                appointment,
                practitioner=practitioner(session, appointment),
                tenant=caller.tenant,
                company=present(session, visit),
                now=self.clock.now(),
            )
            visit.encounter_id = self.store.create(session, caller, resource.parsed(started)).id
        visit.stage = Stage.ADMITTED
        session.add(visit)
        return visit

    def end(self, session: Session, caller: Caller, appointment_id: str) -> Visit:
        """The visit, ended: Encounter finished, Appointment fulfilled, no session and no code opens it again."""
        visit = self.open(session, caller, appointment_id)
        if visit.stage == Stage.ENDED:
            return visit
        if visit.encounter_id is None:
            raise NotBegun
        platform = _platform(caller.tenant, caller.request_id)
        self._finish_encounter(session, platform, visit.encounter_id, company=present(session, visit))
        self.fulfil(session, appointment_id, request_id=caller.request_id)
        return close(session, visit)

    def _arrived(self, session: Session, request_id: str, appointment_id: str) -> dict[str, Any]:
        platform = _keeper(session, appointment_id, request_id)
        appointment = self.store.read(session, platform, "Appointment", appointment_id)
        data = appointment.data
        if data["status"] not in OPEN:
            raise NotOpen
        if data["status"] == "booked":
            changed = resource.with_status(data, "arrived")
            self.store.update(session, platform, "Appointment", appointment_id, changed, if_match=appointment.version)
        return data

    def _finish_encounter(
        self, session: Session, platform: Caller, encounter_id: str, *, company: frozenset[Guest]
    ) -> None:
        encounter = self.store.read(session, platform, "Encounter", encounter_id)
        if encounter.data["status"] != "finished":
            finished = resource.finished_encounter(encounter.data, company=company, now=self.clock.now())
            done = resource.parsed(finished)
            self.store.update(session, platform, "Encounter", encounter_id, done, if_match=encounter.version)

    def fulfil(self, session: Session, appointment_id: str, *, request_id: str) -> None:
        """Nothing; the Appointment has taken place, whichever clinic keeps it."""
        platform = _keeper(session, appointment_id, request_id)
        appointment = self.store.read(session, platform, "Appointment", appointment_id)
        if appointment.data["status"] in OPEN:
            changed = resource.with_status(appointment.data, "fulfilled")
            self.store.update(session, platform, "Appointment", appointment_id, changed, if_match=appointment.version)


def found(session: Session, appointment_id: str, *, tenant: str) -> Visit:
    """The visit of an appointment, with its random room; made when somebody first asks."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    new = insert(Visit).values(
        appointment_id=appointment_id, tenant=tenant, room=secrets.token_urlsafe(ROOM_BYTES), stage=Stage.EXPECTED
    )
    session.execute(new.on_conflict_do_nothing(index_elements=["appointment_id"]))
    visit = session.exec(select(Visit).where(col(Visit.appointment_id) == appointment_id).with_for_update()).one()
    if visit.tenant != tenant and visit.stage in (Stage.ADMITTED, Stage.ENDED):
        raise NotFound
    # Until it begins it goes with its slot, which may be another clinic's by now.
    if visit.tenant != tenant:
        here.forget(visit)
    visit.tenant = tenant
    session.add(visit)
    return visit


def present(session: Session, visit: Visit) -> frozenset[Guest]:
    """Who took part beside patient and clinic: who was said to sit at the device, and who came by a code of their own."""
    came = select(VisitSession.role).where(
        col(VisitSession.appointment_id) == visit.appointment_id, col(VisitSession.seen).is_not(None)
    )
    roles = {*here.people(visit), *(Guest(role) for role in session.exec(came))}
    return frozenset(roles - {Guest.PATIENT})


def close(session: Session, visit: Visit) -> Visit:
    """The visit, closed for everybody who came by a code."""
    visit.stage = Stage.ENDED
    here.forget(visit)
    session.add(visit)
    codes.finish(session, visit.appointment_id)
    return visit


def minutes_waiting(visit: Visit, now: datetime) -> int:
    """For how many whole minutes the patient has been there."""
    return int((now - visit.waiting_since).total_seconds() // 60) if visit.waiting_since else 0


def _keeper(session: Session, appointment_id: str, request_id: str) -> Caller:
    """The platform in the name of the clinic that keeps the appointment: nobody else changes it."""
    tenant = tenant_of(session, "Appointment", appointment_id)
    if tenant is None:
        raise NotFound
    return _platform(tenant, request_id)


def _platform(tenant: str, request_id: str) -> Caller:
    return Caller(tenant=tenant, subject="visit", role=Role.SERVICE, request_id=request_id)
