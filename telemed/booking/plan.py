"""What an Appointment needs so that it can take place: which slots, which people, rooms and devices, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from fhir import compartments, persons
from fhir.policy import Action, Policy
from fhir.tables import Compartment
from infra.among import among
from infra.caller import Caller
from infra.statements import Statement
from infra.vault import Vault
from telemed.booking.problems import PatientUnknown, SlotBlocked, SlotNotOffered, SlotUnknown, TimesMissing, WrongLength
from telemed.booking.resource import ACTORS, Resource, attending, slot_ids
from telemed.booking.states import OCCUPYING
from telemed.schedules.calendar import Calendar, platform, practitioner_of, resources_of, tenant_of
from telemed.schedules.models import SLOT_TIME, ManagedSchedule, SlotStatus
from telemed.schedules.resource import interval
from telemed.schedules.rules import Interval
from telemed.schedules.slots import SCHEDULES_OF

# Only a room, bed or vehicle can be taken; a building or site holds many visits at once.
TAKEN_PLACES = frozenset({"ro", "bd", "ve"})


class OfferedTime(NamedTuple):
    """A slot that an appointment names, as far as booking goes by it."""

    slot_id: str
    schedule_id: str
    tenant: str
    start: datetime
    end: datetime
    offered: bool
    status: str


_TENANTS: Final = Statement(
    select(col(ManagedSchedule.tenant)).where(among(col(ManagedSchedule.schedule_id), "schedules"))
)
_PATIENT: Final = Statement(
    select(col(Compartment.tenant), col(Compartment.id), col(Compartment.own)).where(
        col(Compartment.patient_id) == bindparam("wanted_patient")
    )
)
_SLOTS: Final = Statement(
    select(*(SLOT_TIME.c[name] for name in OfferedTime._fields)).where(among(SLOT_TIME.c.slot_id, "slots"))
)


@dataclass(frozen=True, slots=True)
class Plan:
    """An appointment that touches a managed schedule: its time, its slots, and what it occupies beside patients.

    `foreign` are those of the resources that another clinic manages and that no slot of the appointment offers.
    """

    time: Interval | None
    slots: tuple[OfferedTime, ...]
    tenants: frozenset[str]
    resources: frozenset[str]
    foreign: frozenset[str]


@dataclass(frozen=True, slots=True)
class PatientHere:
    """A patient in the record: who keeps them, and what they stand for by themselves."""

    id: str
    tenant: str
    compartment: str
    own: str


def plan_of(session: Session, calendar: Calendar, appointment: Resource, *, tenant: str) -> Plan | None:
    """The plan of a clinic's appointment with a managed schedule; None where all of it is managed elsewhere."""
    named = slot_ids(appointment)
    slots = _slots(session, named, must_exist=appointment.get("status") in OCCUPYING)
    own = resources_of(session, sorted({slot.schedule_id for slot in slots}))
    offered = {resource for found in own.values() for resource in found}
    beside = _attending(session, calendar, appointment) - offered
    others = {name for name in beside if tenant_of(session, *name.split("/")) not in (tenant, None)}
    # Another clinic's people and rooms are taken through their slots alone: naming them must not fill their day.
    foreign = frozenset(name for name in others if _schedules(session, [name]))
    resources = offered | (beside - others) | foreign
    schedules = set(own) or _schedules(session, resources)
    if not schedules:
        return None
    tenants = frozenset(tenant for (tenant,) in _TENANTS.rows(session, {"schedules": sorted(schedules)}))
    return Plan(interval(appointment), tuple(slots), tenants, frozenset(resources), foreign)


def check_offer(plan: Plan, caller: Caller, *, now: datetime) -> Interval:
    """The time of the plan, if this caller may book it: free slots for everybody, any time for the own clinic."""
    if plan.time is None:
        raise TimesMissing
    if not plan.slots:
        if plan.tenants != {caller.tenant}:
            raise SlotNotOffered
        return plan.time
    for slot in plan.slots:
        if slot.start <= now and slot.tenant != caller.tenant:
            raise SlotNotOffered
        if not slot.offered:
            raise SlotNotOffered if slot.status == SlotStatus.CLOSED else SlotBlocked
    in_order = sorted(plan.slots, key=lambda slot: slot.start)
    gapless = all(earlier.end >= later.start for earlier, later in pairwise(in_order))
    last = max(slot.end for slot in in_order)
    if not gapless or (plan.time.start, plan.time.end) != (in_order[0].start, last):
        raise WrongLength
    return plan.time


def patients_of(session: Session, policy: Policy, caller: Caller, *, appointment: Resource) -> list[PatientHere]:
    """The patients taking part; `PatientUnknown` for one who is not here or whom the caller does not care for."""
    permit = policy.permit(caller, Action.CREATE, "Appointment")
    found = [patient_here(session, id) for id in sorted(compartments.patient_ids("Appointment", appointment))]
    # Asked of each, also of one who is not here: how long it takes must not tell whether somebody is.
    entitled = [permit.entitled(session, caller, each.compartment if each else "") for each in found]
    if not all(entitled):
        raise PatientUnknown
    return [patient for patient in found if patient is not None]


def patient_here(session: Session, patient_id: str) -> PatientHere | None:
    """A patient of the record, or None."""
    found = _PATIENT.first(session, {"wanted_patient": patient_id})
    return None if found is None else PatientHere(patient_id, *found)


def patient_resource(vault: Vault, compartment: str) -> str:
    """The name under which a patient is busy: a pseudonym of its own, that can't be joined with compartments."""
    return f"person/{vault.pseudonym('occupancy', compartment)}"


def same_person(session: Session, vault: Vault, patients: Iterable[PatientHere]) -> frozenset[str]:
    """The names under which these patients are busy elsewhere: at every clinic that has the same person."""
    behind: dict[str, str] = {}
    for patient in patients:
        behind |= persons.same(session, patient.compartment)
    # Before Patients were busy one by one, the person was, under what a Patient stands for.
    return frozenset(patient_resource(vault, name) for pair in behind.items() for name in pair)


def known_busy(session: Session, vault: Vault, patient: PatientHere) -> frozenset[str]:
    """The same, as far as the caller may know of it: this Patient's own appointments, and those at clinics that have
    confirmed from both sides that it is one person. An equal number alone opens nobody's calendar.
    """
    own = patient_resource(vault, patient.own)
    return frozenset(patient_resource(vault, id) for id in persons.confirmed(session, patient.compartment)) | {own}


def _slots(session: Session, ids: list[str], *, must_exist: bool) -> list[OfferedTime]:
    if not ids:
        return []
    found = [OfferedTime._make(row) for row in _SLOTS.rows(session, {"slots": ids})]
    known = {slot.slot_id for slot in found}
    if must_exist and any(tenant_of(session, "Slot", id) is None for id in ids if id not in known):
        raise SlotUnknown
    return found


def _attending(session: Session, calendar: Calendar, appointment: Resource) -> set[str]:
    found = {f"{kind}/{id}" for kind in ACTORS for id in attending(appointment, kind)}
    behind = (practitioner_of(session, calendar, role) for role in attending(appointment, "PractitionerRole"))
    places = (id for id in attending(appointment, "Location") if _can_be_taken(session, calendar, id))
    return found | {name for name in behind if name} | {f"Location/{id}" for id in places}


def _can_be_taken(session: Session, calendar: Calendar, location_id: str) -> bool:
    tenant = tenant_of(session, "Location", location_id)
    if tenant is None:
        return False
    place = calendar.record.read(session, platform(tenant), "Location", location_id).data
    kinds = {coding.get("code") for coding in place.get("physicalType", {}).get("coding", ())}
    return bool(kinds & TAKEN_PLACES)


def _schedules(session: Session, resources: Iterable[str]) -> set[str]:
    return {id for (id,) in SCHEDULES_OF.rows(session, {"resources": sorted(resources)})}
