"""`$hold`, `$book` and `$cancel`: each one atomic unit that writes Appointments through the store.

The hook of `engine.py` decides; these functions only turn the dialects of ISiK, IHE and Argonaut into a write.
"""

from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from fhir import compartments
from fhir.audit import INSERT_AUDIT, Access, row
from fhir.codec import Parsed, parse
from fhir.policy import Action
from fhir.rows import Stored
from fhir.rules import validate
from fhir.store import Store
from infra.caller import Caller
from infra.problems import Gone, NotFound
from telemed.booking.engine import HOLD, Desk
from telemed.booking.parameters import CODE, REFERENCE, RESOURCE, TEXT, Parameters
from telemed.booking.problems import (
    AppointmentUnknown,
    NotProposed,
    ParameterWrong,
    PatientMissing,
    ProposedWithoutTimes,
    SlotNotOffered,
    SlotUnknown,
)
from telemed.booking.proposals import looks_like_proposal, read_proposal
from telemed.booking.resource import REPLACES, Resource, accepted, hold_extension, proposal, slot_ids, without_hold
from telemed.booking.states import WrongState
from telemed.schedules.calendar import platform, resources_of, tenant_of
from telemed.schedules.keepers import keepers
from telemed.schedules.models import ManagedSchedule, SlotTime
from telemed.schedules.resource import changed, encode, interval, local_id, without
from telemed.schedules.rules import Interval

HOLDING: Final = {"appointment-reference": REFERENCE, "patient-reference": REFERENCE}
BOOKING: Final = {
    "appt-resource": RESOURCE,
    "appointment-resource": RESOURCE,
    "appointment-reference": REFERENCE,
    "patient-reference": REFERENCE,
    "cancelled-appt-id": REFERENCE,
    "schedule": REFERENCE,
    "comment": TEXT,
}
CANCELLING: Final = {"appointment-reference": REFERENCE, "reason": CODE}
CANCELLABLE: Final = frozenset({"proposed", "pending", "booked", "waitlist", "arrived", "checked-in"})
REASONS: Final = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"


def hold(session: Session, desk: Desk, caller: Caller, *, store: Store, given: Parameters) -> Stored:
    """The pending Appointment that keeps a proposal's time for five minutes."""
    offered = _proposed(session, desk, caller, given)
    until = desk.clock.now() + HOLD
    body = offered | {"status": "pending", "extension": [hold_extension(until)]}
    return _create(session, store, caller, parse(encode(body), type="Appointment"))


def book(session: Session, desk: Desk, caller: Caller, *, store: Store, given: Parameters) -> Stored:
    """The booked Appointment: from a proposal, a hold, or an Appointment of the client's own."""
    resource = given.resource("appt-resource") or given.resource("appointment-resource")
    reference = given.one("appointment-reference")
    if (resource is None) == (reference is None):
        raise ParameterWrong("Name the appointment once: as appt-resource or as appointment-reference.")
    replaced = _replaced(session, caller, store, given)
    comment = given.one("comment")
    extra: dict[str, Any] = {"comment": comment} if comment else {}
    if resource is not None:
        return _book_resource(
            session, caller, store, resource=_with_slots(session, resource, given), extra=extra | replaced
        )
    if looks_like_proposal(_appointment_id(str(reference))):
        offered = _proposed(session, desk, caller, given)
        body = offered | extra | replaced | {"status": "booked", "participant": accepted(offered)}
        return _create(session, store, caller, parse(encode(body), type="Appointment"))
    return _confirm(session, caller, store, id=_appointment_id(str(reference)), extra=extra | replaced)


def cancel(session: Session, caller: Caller, store: Store, *, id: str, reason: str | None) -> Stored:
    """The cancelled Appointment; its time is free again. Only what has not begun can be cancelled.

    Who keeps an appointment may do it, and whose time it takes.
    """
    found, agent = _cancellable(session, caller, store, id=id)
    status = found.data.get("status")
    if status not in CANCELLABLE:
        raise WrongState(f"An appointment that is {status} can't be cancelled.")
    system, _, code = (reason or "").rpartition("|")
    why = {"cancelationReason": {"coding": [{"system": system or REASONS, "code": code}]}} if code else {}
    parsed = changed(_unheld(found), status="cancelled", **why)
    validate(parsed)
    cancelled = store.update(session, agent, "Appointment", id, parsed, if_match=found.version)
    if agent is not caller:
        # The log of the clinic that booked says who it was.
        access = Access(Action.UPDATE, "Appointment", id, cancelled.version, cancelled.compartment)
        INSERT_AUDIT.run(session, row(caller, access, recorded=store.clock.now(), tenant=agent.tenant))
    return cancelled


def _cancellable(session: Session, caller: Caller, store: Store, *, id: str) -> tuple[Stored, Caller]:
    """The appointment, and as whom to change it: for whose time it takes, in the name of the clinic that keeps it."""
    store.policy.permit(caller, Action.UPDATE, "Appointment")
    tenant = tenant_of(session, "Appointment", id)
    if tenant in (None, caller.tenant) or caller.tenant not in keepers(session, [id]).get(id, ()):
        return store.read(session, caller, "Appointment", id), caller
    # Whatever the patient's record shows them by now: their time is theirs.
    agent = platform(str(tenant))._replace(request_id=caller.request_id)
    return store.read(session, agent, "Appointment", id), agent


def cancel_reference(given: Parameters) -> str:
    """The id of the appointment that `$cancel` is about."""
    reference = given.one("appointment-reference")
    if reference is None:
        raise ParameterWrong("The parameter appointment-reference is missing.")
    return _appointment_id(str(reference))


def _book_resource(
    session: Session, caller: Caller, store: Store, *, resource: Parsed, extra: dict[str, Any]
) -> Stored:
    if resource.data.get("status") != "proposed":
        raise NotProposed
    if len(compartments.patient_ids("Appointment", resource.data)) != 1:
        raise PatientMissing
    if not {"start", "end"} <= resource.data.keys():
        # Stored as proposed it may do without; app-3 of the booked one would tell somebody who sent a proposal so.
        raise ProposedWithoutTimes
    extensions = [*resource.data.get("extension", ()), *extra.pop("extension", ())]
    extra |= {"extension": extensions} if extensions else {}
    booked = changed(resource.raw, status="booked", **extra)
    validate(booked)
    known = resource.data.get("id")
    if isinstance(known, str) and _is_known(session, caller, store, known):
        # ISiK: an appointment that is known under its id is changed in place, which moves it.
        return store.update(session, caller, "Appointment", known, booked, if_match=None)
    return _create(session, store, caller, booked)


def _confirm(session: Session, caller: Caller, store: Store, *, id: str, extra: dict[str, Any]) -> Stored:
    held = store.read(session, caller, "Appointment", id)
    if held.data.get("status") not in ("pending", "proposed", "waitlist"):
        raise WrongState(f"An appointment that is {held.data.get('status')} can't be booked.")
    booked = changed(_unheld(held), status="booked", participant=accepted(held.data), **extra)
    validate(booked)
    return store.update(session, caller, "Appointment", id, booked, if_match=held.version)


def _proposed(session: Session, desk: Desk, caller: Caller, given: Parameters) -> Resource:
    """The Appointment that a proposal's id stands for, without the id."""
    reference = given.one("appointment-reference")
    if reference is None:
        raise ParameterWrong("The parameter appointment-reference is missing.")
    found = read_proposal(session, desk.vault, _appointment_id(str(reference)), tenant=caller.tenant)
    named = given.one("patient-reference")
    patient = local_id(named, "Patient") if named else found.patient_id
    if patient is None or (found.patient_id and patient != found.patient_id):
        raise PatientMissing
    slot = session.get(SlotTime, found.slot_id)
    if slot is None:
        raise SlotUnknown
    managed = session.get(ManagedSchedule, slot.schedule_id)
    if managed is None:
        raise SlotNotOffered
    schedule = desk.calendar.record.read(session, platform(managed.tenant), "Schedule", slot.schedule_id).data
    return proposal(
        time=Interval(slot.start, slot.end),
        slot_id=slot.slot_id,
        patient=patient,
        resources=resources_of(session, [slot.schedule_id]).get(slot.schedule_id, ()),
        offer={name: schedule[name] for name in ("serviceCategory", "serviceType", "specialty") if name in schedule},
    )


def _with_slots(session: Session, resource: Parsed, given: Parameters) -> Parsed:
    """The Appointment with the slots that its times and the parameter `schedule` stand for (ISiK)."""
    named = given.one("schedule")
    if named is None or slot_ids(resource.data):
        return resource
    time = interval(resource.data)
    schedule_id = local_id(named, "Schedule")
    if schedule_id is None or time is None:
        raise ParameterWrong("The parameter schedule needs a Schedule here, and the Appointment a start and an end.")
    within = select(col(SlotTime.slot_id)).where(
        col(SlotTime.schedule_id) == schedule_id,
        col(SlotTime.start) >= time.start,
        col(SlotTime.end) <= time.end,
        col(SlotTime.offered),
    )
    found = session.execute(within.order_by(col(SlotTime.start))).scalars().all()
    if not found:
        raise SlotNotOffered
    return changed(resource.raw, slot=[{"reference": f"Slot/{id}"} for id in found])


def _replaced(session: Session, caller: Caller, store: Store, given: Parameters) -> dict[str, Any]:
    """The extension that names the appointment which this one replaces and which is cancelled with it."""
    reference = given.one("cancelled-appt-id")
    if reference is None:
        return {}
    id = _appointment_id(str(reference))
    cancel(session, caller, store, id=id, reason=None)
    return {"extension": [{"url": REPLACES, "valueReference": {"reference": f"Appointment/{id}"}}]}


def _create(session: Session, store: Store, caller: Caller, parsed: Parsed) -> Stored:
    return store.create(session, caller, parsed)


def _is_known(session: Session, caller: Caller, store: Store, id: str) -> bool:
    try:
        store.read(session, caller, "Appointment", id)
    except (NotFound, Gone):
        return False
    return True


def _unheld(held: Stored) -> bytes:
    """The body without what makes it a hold."""
    extensions = held.data.get("extension", [])
    left = without_hold(extensions)
    if len(left) == len(extensions):
        return held.body
    return changed(held.body, extension=left).raw if left else without(held.body, "extension")


def _appointment_id(reference: str) -> str:
    """The id in a reference to an Appointment here, or the bare id."""
    id = local_id(reference, "Appointment") or reference
    if "/" in id:
        raise AppointmentUnknown
    return id
