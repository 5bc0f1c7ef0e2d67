"""The hook behind every written Appointment: claims, moves and frees time, in the same atomic unit as the write.

POST, PUT, DELETE, transaction Bundles and the operations all write through the store, so all come through here. An
appointment that touches no managed schedule passes untouched.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from fhir import compartments
from fhir.policy import Policy
from fhir.store import Change, Hook
from infra.caller import Caller
from infra.clock import Clock, SystemClock
from infra.queue import enqueue
from infra.vault import Vault
from telemed.booking import states
from telemed.booking.busy import Met, person_of
from telemed.booking.models import Booking
from telemed.booking.plan import (
    PatientHere,
    Plan,
    check_offer,
    patient_here,
    patient_resource,
    patients_of,
    plan_of,
    same_person,
)
from telemed.booking.problems import HoldExpired, HoldFixed, HoldTooLong, PatientMissing, SlotNotOffered, StillBooked
from telemed.booking.resource import Resource, hold_until
from telemed.booking.states import OCCUPYING
from telemed.notices.service import Office, Visit, invite, withdraw
from telemed.schedules import occupancy
from telemed.schedules.calendar import Calendar
from telemed.schedules.occupancy import Claim, TimeTaken
from telemed.schedules.rules import Interval
from telemed.schedules.slots import refresh
from telemed.visits.resource import is_moved

HOLD = timedelta(minutes=5)
EXPIRE = "hold.expire"
INVITED = frozenset({"booked", "arrived", "checked-in"})


@dataclass(frozen=True, slots=True)
class Desk:
    """What booking works with."""

    calendar: Calendar
    policy: Policy
    vault: Vault
    office: Office
    met: Met = field(default_factory=Met)

    @property
    def clock(self) -> Clock:
        """The clock that appointments go by."""
        return self.calendar.clock


def booking_hook(desk: Desk) -> Hook:
    """The hook that no way of writing an Appointment can avoid."""

    def written(session: Session, caller: Caller, change: Change) -> None:
        if change.type == "Appointment":
            _decide(session, desk, caller, change)

    return written


def _decide(session: Session, desk: Desk, caller: Caller, change: Change) -> None:
    known = session.get(Booking, change.id)
    plan = _planned(session, desk, change)
    if known is None and plan is None:
        return
    before = Booking(appointment_id=change.id, tenant=change.stored.tenant, status="")
    if known is not None:
        before = Booking.model_validate(known.model_dump())
    # A deleted appointment does not take place, whatever it was.
    after = change.after or {"status": "cancelled"}
    now = desk.clock.now()
    if change.after is not None:
        states.check(before.status or None, str(after.get("status")), now=now, end=before.end)
    patients: list[PatientHere] = []
    if after.get("status") in OCCUPYING:
        if plan is None:
            raise StillBooked
        _check_hold(before, after, now=now)
        patients = _occupy(session, desk, caller, change=change, before=before, plan=plan)
    else:
        _free(session, desk, change.id, before=before)
    kept = _remember(session, known, before, after, plan=plan)
    _tell(session, desk, change, before=before, kept=kept, patients=patients)
    session.flush()


def _planned(session: Session, desk: Desk, change: Change) -> Plan | None:
    if change.after is None:
        return None
    return plan_of(session, desk.calendar, change.after, tenant=change.stored.tenant)


def _check_hold(before: Booking, after: Resource, *, now: datetime) -> None:
    until = hold_until(after)
    if before.hold_until is not None and before.hold_until <= now:
        raise HoldExpired
    if until == before.hold_until or after.get("status") != "pending":
        return
    if until is None or before.status:
        raise HoldFixed
    if not now < until <= now + HOLD:
        raise HoldTooLong


def _occupy(
    session: Session, desk: Desk, caller: Caller, *, change: Change, before: Booking, plan: Plan
) -> list[PatientHere]:
    after = change.after or {}
    patients = patients_of(session, desk.policy, caller, appointment=after)
    if plan.tenants - {change.stored.tenant} and len(patients) != 1:
        # Whose patient it is says who may see it; without one, another clinic's day would be filled unseen.
        raise PatientMissing
    resources = plan.resources | {patient_resource(desk.vault, patient.compartment) for patient in patients}
    earlier = frozenset(occupancy.occupied(session, change.id))
    if plan.foreign - earlier:
        raise SlotNotOffered
    moved = plan.time != _time(before) or before.status not in OCCUPYING
    time = check_offer(plan, caller, now=desk.clock.now()) if moved or plan.time is None else plan.time
    until = hold_until(after)
    if not moved and earlier == resources and before.hold_until == until:
        return patients
    # Old and new resources in one go, sorted: two that swap their times must not wait for each other.
    beside = _locked(session, desk, patients, resources=resources, earlier=earlier)
    if not moved:
        # Who is there already has been asked for, or was there before anybody knew that these are one person.
        coming = [each for each in patients if patient_resource(desk.vault, each.compartment) not in earlier]
        beside = same_person(session, desk.vault, coming)
    claimed = Claim(change.id, resources, time, until, beside - resources)
    person = person_of(desk.vault, beside | {patient_resource(desk.vault, each.compartment) for each in patients})
    if patients:
        desk.met.refuse_more(session, caller, person)
    try:
        occupancy.claim(session, claimed, now=desk.clock.now())
    except TimeTaken as refused:
        if refused.elsewhere:
            desk.met.note(caller, person, key=(caller.request_id, change.id, occupancy.ticks(time).start))
        raise
    refresh(session, desk.calendar, resources | earlier, [time, *_times(before)])
    if until is not None and not before.status:
        # Due by the machine's clock, which is what the queue goes by.
        enqueue(session, EXPIRE, ref=change.id, due=SystemClock().now() + (until - desk.clock.now()))
    return patients


def _locked(
    session: Session, desk: Desk, patients: list[PatientHere], *, resources: frozenset[str], earlier: frozenset[str]
) -> frozenset[str]:
    """Where the same persons may be busy elsewhere; nobody else books them, under any of their Patients, until we end."""
    beside = same_person(session, desk.vault, patients)
    while True:
        occupancy.lock(session, resources | earlier | beside)
        # Somebody may have joined them with another Patient while we waited.
        now = same_person(session, desk.vault, patients)
        if now <= beside | resources:
            return now
        beside |= now


def _free(session: Session, desk: Desk, appointment_id: str, *, before: Booking) -> None:
    earlier = occupancy.occupied(session, appointment_id)
    if earlier:
        occupancy.lock(session, earlier)
        occupancy.release(session, appointment_id)
        refresh(session, desk.calendar, earlier, _times(before))


def _remember(
    session: Session, known: Booking | None, before: Booking, after: Resource, *, plan: Plan | None
) -> Booking:
    kept = known or Booking(appointment_id=before.appointment_id, tenant=before.tenant, status="")
    kept.status = str(after.get("status"))
    kept.hold_until = hold_until(after)
    if plan is not None and plan.time is not None:
        kept.start, kept.end = plan.time.start, plan.time.end
    session.add(kept)
    return kept


def _tell(
    session: Session, desk: Desk, change: Change, *, before: Booking, kept: Booking, patients: list[PatientHere]
) -> None:
    compartment = change.stored.compartment
    moved = change.before is not None and change.after is not None and is_moved(change.before, change.after)
    # Whoever has opened the link already needs the new code as much as whoever has not.
    invited = kept.status in INVITED if before.status in INVITED and moved else _is_new(before, kept)
    withdrawn = before.sequence >= 0 and before.status in INVITED and kept.status in ("cancelled", "entered-in-error")
    if not (invited or withdrawn) or compartment is None:
        return
    patient = patients[0] if invited else _patient_of(session, change)
    if patient is None or kept.start is None or kept.end is None:
        return
    kept.sequence += 1
    visit = Visit(
        appointment_id=change.id,
        tenant=change.stored.tenant,
        patient_id=patient.id,
        patient_tenant=patient.tenant,
        compartment=compartment,
        start=kept.start,
        end=kept.end,
        sequence=kept.sequence,
    )
    (invite if invited else withdraw)(session, desk.office, visit)


def _is_new(before: Booking, kept: Booking) -> bool:
    return kept.status == "booked" and before.status not in INVITED


def _patient_of(session: Session, change: Change) -> PatientHere | None:
    ids = compartments.patient_ids("Appointment", change.before or {})
    return patient_here(session, next(iter(ids))) if len(ids) == 1 else None


def _time(booking: Booking) -> Interval | None:
    return Interval(booking.start, booking.end) if booking.start and booking.end else None


def _times(booking: Booking) -> list[Interval]:
    time = _time(booking)
    return [time] if time else []
