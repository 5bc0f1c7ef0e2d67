"""What the front desk does about codes: a new one in seconds, one for who comes along, the letter to the own data.

Each is one atomic unit within the caller's own clinic. Codes and PINs are shown once, on the answer to the button.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from fhir import audit
from fhir.audit import Access
from fhir.policy import Action
from fhir.rows import Stored
from infra.caller import Caller
from infra.problems import Conflict, NotFound, Unprocessable
from telemed.booking.models import Booking
from telemed.booking.plan import patient_here
from telemed.mydata import codes as letters
from telemed.mydata.letters import LetterFor, issue
from telemed.notices import service as notices
from telemed.notices.models import Notice
from telemed.notices.service import Visit
from telemed.services import Services
from telemed.visits import companions, models, resource
from telemed.visits.codes import Window, revoke_person
from telemed.visits.companions import Companion
from telemed.visits.models import Guest, JoinCode
from telemed.visits.service import OPEN


class NothingToOpen(Conflict):
    """This appointment is over or was cancelled. It needs no code."""


class NoBirthDate(Unprocessable):
    """The patient has no full date of birth in the record, and it is the second factor of the code. Enter it first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the desk reads out or hands over, once; `sent` where it is on its way by mail and letter."""

    kind: str
    code: str = ""
    pin: str = ""
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """One appointment as the desk sees it: who may come along, and since when a letter opens the patient's data."""

    appointment: Stored
    patient_id: str
    companions: Sequence[Companion]
    letter_since: datetime | None


def desk(session: Session, services: Services, caller: Caller, appointment_id: str) -> Desk:
    """The desk's view of an appointment of the caller's own clinic. Part of an atomic unit."""
    appointment, patient_id = _own(session, services, caller, appointment_id)
    now = services.system_clock.now()
    here = patient_here(session, patient_id)
    since = letters.active(session, here.compartment, now=now) if here else None
    along = companions.of_appointment(
        session, appointment_id, now=now, seated=_seated(session, services, appointment_id)
    )
    return Desk(appointment, patient_id, along, letter_since=since)


def renew_by_post(session: Session, services: Services, caller: Caller, appointment_id: str) -> Shown:
    """The patient's new code, on its way by mail and letter; the old one is dead at once. Part of an atomic unit."""
    visit = _visit(session, services, caller, appointment_id)
    if not notices.renew(session, services.desk.office, visit):
        raise NoBirthDate
    return Shown("renewed", sent=True)


def renew_by_phone(session: Session, services: Services, caller: Caller, appointment_id: str) -> Shown:
    """The patient's new code to read out; the old one is dead at once. Part of an atomic unit."""
    visit = _visit(session, services, caller, appointment_id)
    code = notices.read_out(session, services.desk.office, visit)
    if not code:
        raise NoBirthDate
    return Shown("renewed", code)


def bring(session: Session, services: Services, caller: Caller, appointment_id: str, *, role: Guest) -> Shown:
    """Code and PIN of one more person who comes along. Part of an atomic unit."""
    visit = _visit(session, services, caller, appointment_id)
    invited = companions.invite(
        session,
        services.vault,
        appointment_id=appointment_id,
        tenant=caller.tenant,
        window=Window.around(visit.start, visit.end),
        role=role,
    )
    return Shown(role.value, invited.code, invited.pin)


def turn_away(session: Session, services: Services, caller: Caller, appointment_id: str, *, person: str) -> Shown:
    """That one person's code is dead and their device out; the others' stay. Part of an atomic unit."""
    appointment, _ = _own(session, services, caller, appointment_id)
    services.store.policy.permit(caller, Action.UPDATE, "Appointment")
    named = select(JoinCode.role).where(col(JoinCode.appointment_id) == appointment_id, col(JoinCode.person) == person)
    role = session.exec(named).first()
    if not person or role is None:
        raise NotFound
    revoke_person(session, appointment_id, role=Guest(role), person=person)
    _log(session, services, caller, appointment, what="code revoked")
    return Shown("revoked")


def write_letter(
    session: Session, services: Services, caller: Caller, appointment_id: str, *, pin_by_post: bool
) -> Shown:
    """The patient's "my data" letter, on its way; the PIN in a second letter, or here to be told on the phone."""
    _, patient_id = _own(session, services, caller, appointment_id)
    issued = issue(session, services, LetterFor(patient_id, caller), pin_by_post=pin_by_post)
    # The desk never holds both: who tells the PIN does not see the code.
    return Shown("letter", pin="" if pin_by_post else issued.pin, sent=True)


def revoke_letter(session: Session, services: Services, caller: Caller, appointment_id: str) -> Shown:
    """That no letter opens the patient's data any more. Part of an atomic unit."""
    appointment, patient_id = _own(session, services, caller, appointment_id)
    services.store.policy.permit(caller, Action.UPDATE, "Patient")
    here = patient_here(session, patient_id)
    if here is None or here.tenant != caller.tenant:
        raise NotFound
    letters.revoke(session, here.compartment)
    _log(session, services, caller, appointment, what="my-data letter revoked")
    return Shown("letter-revoked")


def _seated(session: Session, services: Services, appointment_id: str) -> frozenset[str]:
    visit = session.get(models.Visit, appointment_id)
    seats = services.rooms.view(visit.room).seats if visit and visit.room else ()
    return frozenset(seat.participant for seat in seats if seat.connected)


def _own(session: Session, services: Services, caller: Caller, appointment_id: str) -> tuple[Stored, str]:
    appointment = services.store.read(session, caller, "Appointment", appointment_id)
    patient_id = resource.participant(appointment.data, "Patient")
    if appointment.tenant != caller.tenant or patient_id is None:
        raise NotFound
    return appointment, patient_id


def _visit(session: Session, services: Services, caller: Caller, appointment_id: str) -> Visit:
    """The appointment as notices know it, under a new sequence number; whoever may change it makes codes for it."""
    appointment, patient_id = _own(session, services, caller, appointment_id)
    services.store.policy.permit(caller, Action.UPDATE, "Appointment")
    here = patient_here(session, patient_id)
    if appointment.data.get("status") not in OPEN or here is None:
        raise NothingToOpen
    _log(session, services, caller, appointment, what="new code")
    return Visit(
        appointment_id=appointment_id,
        tenant=caller.tenant,
        patient_id=patient_id,
        patient_tenant=here.tenant,
        compartment=here.compartment,
        start=resource.moment(appointment.data["start"]),
        end=resource.moment(appointment.data["end"]),
        sequence=_sequence(session, appointment_id),
    )


def _log(session: Session, services: Services, caller: Caller, appointment: Stored, *, what: str) -> None:
    """Nothing; what the desk did stands in the log, sealed like a search, and in the patient's list."""
    access = Access(
        Action.OPERATION, "Appointment", appointment.id, appointment.version, appointment.compartment, query=what
    )
    audit.record(services.vault, session, caller, access=access, recorded=services.clock.now())


def _sequence(session: Session, appointment_id: str) -> int:
    """The number of the next invitation: calendars take a change only with a higher one (RFC 5546, 2.1.4)."""
    booking = session.exec(
        select(Booking).where(col(Booking.appointment_id) == appointment_id).with_for_update()
    ).one_or_none()
    told = session.exec(select(func.max(Notice.sequence)).where(col(Notice.appointment_id) == appointment_id)).one()
    following = max(-1 if told is None else told, booking.sequence if booking else -1) + 1
    if booking is not None:
        booking.sequence = following
        session.add(booking)
    return following
