"""Which schedules are managed here, kept in step with the record: a hook on Schedule, PractitionerRole and Slot.

A Schedule is managed here when its owner gives it the extension `slot-minutes`. Others are stored like any resource.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlmodel import Session, col

from fhir.store import Change, Hook, Store
from fhir.tables import Resource as Row
from infra.among import among
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.problems import Conflict, Issue, Unprocessable
from infra.queue import enqueue
from infra.statements import Statement
from telemed.schedules.models import ManagedSchedule, Origin, ScheduleResource, SlotStatus, SlotTime
from telemed.schedules.occupancy import busy
from telemed.schedules.resource import Resource, actors, codes, interval, local_id, slot_minutes
from telemed.schedules.rules import SCHLESWIG_HOLSTEIN, Interval, Region

BUILD = "slots.build"
KINDS = ("Practitioner", "Location", "Device")

_RESOURCES: Final = Statement(
    select(col(ScheduleResource.schedule_id), col(ScheduleResource.resource)).where(
        among(col(ScheduleResource.schedule_id), "schedules")
    )
)
_TENANT: Final = Statement(
    select(col(Row.tenant)).where(
        col(Row.id) == bindparam("wanted_id"), col(Row.type) == bindparam("wanted_type"), col(Row.deleted).is_(False)
    )
)


class ActorUnknown(Unprocessable):
    """A managed schedule needs actors that its own clinic keeps here: a PractitionerRole, a practitioner, a room."""

    issue = "business-rule"


class SlotOccupied(Conflict):
    """The slot is booked. Cancel or move the appointment first."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What schedules work with.

    `record` is a store without hooks: the platform's own writes of slots follow from a change whose hooks have run.
    """

    record: Store
    clock: Clock
    horizon: timedelta = timedelta(weeks=4)
    region: Region = SCHLESWIG_HOLSTEIN


def platform(tenant: str) -> Caller:
    """The platform itself, acting on what belongs to a tenant."""
    return Caller(tenant, "telemed", Role.SERVICE, purpose="HOPERAT")


MANAGED = frozenset({"Schedule", "PractitionerRole", "Slot"})


def calendar_hook(calendar: Calendar) -> Hook:
    """The hook that registers managed schedules and the times of their slots, whoever writes them."""

    def written(session: Session, caller: Caller, change: Change) -> None:
        if change.type == "Schedule":
            _schedule_written(session, calendar, change)
        elif change.type == "PractitionerRole" and change.before is not None:
            _role_written(session, change.id)
        elif change.type == "Slot":
            _slot_written(session, calendar, change)

    return written


def resources_of(session: Session, schedule_ids: Sequence[str]) -> dict[str, list[str]]:
    """What each of these managed schedules occupies with a booking."""
    found: dict[str, list[str]] = {}
    for schedule_id, resource in _RESOURCES.rows(session, {"schedules": schedule_ids}):
        found.setdefault(schedule_id, []).append(resource)
    return found


def practitioner_of(session: Session, calendar: Calendar, role_id: str) -> str | None:
    """The resource name of the practitioner behind a role; None if the role is not here or names nobody."""
    tenant = tenant_of(session, "PractitionerRole", role_id)
    if tenant is None:
        return None
    role = calendar.record.read(session, platform(tenant), "PractitionerRole", role_id).data
    found = local_id(role.get("practitioner", {}).get("reference"), "Practitioner")
    return f"Practitioner/{found}" if found else None


def tenant_of(session: Session, type: str, id: str) -> str | None:
    """The tenant that keeps a resource; None if there is none."""
    found = _TENANT.first(session, {"wanted_id": id, "wanted_type": type})
    return None if found is None else str(found[0])


def _schedule_written(session: Session, calendar: Calendar, change: Change) -> None:
    after = change.after
    minutes = slot_minutes(after) if after and after.get("active", True) else None
    session.execute(delete(ScheduleResource).where(col(ScheduleResource.schedule_id) == change.id))
    session.execute(delete(ManagedSchedule).where(col(ManagedSchedule.schedule_id) == change.id))
    if after is None or minutes is None:
        return
    roles = actors(after, "PractitionerRole")
    resources = _resources(session, calendar, after, tenant=change.stored.tenant)
    session.add(
        ManagedSchedule(
            schedule_id=change.id,
            tenant=change.stored.tenant,
            role_id=roles[0] if roles else None,
            minutes=minutes,
            codes=" ".join(sorted(codes(after, "serviceType") | codes(after, "specialty"))),
        )
    )
    session.add_all(ScheduleResource(schedule_id=change.id, resource=resource) for resource in resources)
    session.flush()
    enqueue(session, BUILD, ref=change.id)


def _resources(session: Session, calendar: Calendar, schedule: Resource, *, tenant: str) -> list[str]:
    found = {f"{kind}/{id}" for kind in KINDS for id in actors(schedule, kind)}
    roles = actors(schedule, "PractitionerRole")
    behind = [practitioner_of(session, calendar, role) for role in roles]
    named = found | {name for name in behind if name}
    # A clinic that could manage another clinic's practitioner could close that practitioner's calendar.
    kept = named | {f"PractitionerRole/{role}" for role in roles}
    if not named or not all(tenant_of(session, *name.split("/")) == tenant for name in kept):
        raise ActorUnknown(issues=[Issue(ActorUnknown.issue, ActorUnknown.__doc__ or "", ("Schedule.actor",))])
    return sorted(named)


def _role_written(session: Session, role_id: str) -> None:
    statement = select(col(ManagedSchedule.schedule_id)).where(col(ManagedSchedule.role_id) == role_id)
    for schedule_id in session.execute(statement).scalars():
        enqueue(session, BUILD, ref=schedule_id)


def _slot_written(session: Session, calendar: Calendar, change: Change) -> None:
    known = session.get(SlotTime, change.id)
    taken = known is not None and _is_taken(session, calendar, known)
    schedule_id = local_id((change.after or {}).get("schedule", {}).get("reference"), "Schedule")
    managed = session.get(ManagedSchedule, schedule_id) if schedule_id else None
    when = interval(change.after or {})
    if managed is None or when is None or managed.tenant != change.stored.tenant:
        if taken:
            raise SlotOccupied
        if known is not None:
            # The row stays: a slot that its owner deleted or took elsewhere must not be built again under its id.
            known.origin, known.offered, known.status = Origin.OTHER, False, SlotStatus.CLOSED
            session.add(known)
            session.flush()
        return
    status = str((change.after or {}).get("status"))
    if known is None:
        known = SlotTime(slot_id=change.id, schedule_id=managed.schedule_id, tenant=managed.tenant, start=when.start,
                         end=when.end, origin=Origin.OTHER, offered=False, status=status)  # fmt: skip
    elif taken and (status != known.status or (when.start, when.end) != (known.start, known.end)):
        raise SlotOccupied
    elif taken:
        return  # the owner sent back what bookings made of it
    known.schedule_id, known.start, known.end = managed.schedule_id, when.start, when.end
    known.origin, known.status, known.offered = Origin.OTHER, status, status == SlotStatus.FREE
    session.add(known)
    session.flush()


def _is_taken(session: Session, calendar: Calendar, slot: SlotTime) -> bool:
    resources = resources_of(session, [slot.schedule_id]).get(slot.schedule_id, [])
    found = busy(session, resources, [Interval(slot.start, slot.end)], now=calendar.clock.now())
    return found[0].status is not SlotStatus.FREE
