"""Slots: a cache of what the rules say, in the record, with the status that bookings give them.

Rebuilding twice changes nothing the second time. Slots that somebody else wrote or changed stay as they are. A slot that
the rules no longer want is closed, not deleted: appointments may refer to it, and its id may be wanted again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select
from sqlmodel import Session, col

from fhir.bulk import Item, load
from fhir.codec import parse
from infra.among import among
from infra.problems import Gone, NotFound
from infra.statements import Statement
from telemed.schedules.calendar import Calendar, platform, resources_of
from telemed.schedules.models import ManagedSchedule, Origin, ScheduleResource, SlotStatus, SlotTime
from telemed.schedules.occupancy import Busy, busy, lock
from telemed.schedules.resource import Resource, changed, covered, encode, rules_of, slot_resource
from telemed.schedules.rules import Interval, slot_id, slots

# Which managed schedules occupy one of some resources.
SCHEDULES_OF: Final = Statement(
    select(col(ScheduleResource.schedule_id)).where(among(col(ScheduleResource.resource), "resources")).distinct()
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many slots a rebuild made, closed and opened again."""

    made: int = 0
    closed: int = 0
    reopened: int = 0


def rebuild(session: Session, calendar: Calendar, schedule_id: str) -> Rebuilt:
    """What changed so that the slots from now to the horizon are those that the rules want."""
    managed = session.get(ManagedSchedule, schedule_id)
    if managed is None or managed.role_id is None:
        return Rebuilt()
    try:
        schedule = calendar.record.read(session, platform(managed.tenant), "Schedule", schedule_id).data
        role = calendar.record.read(session, platform(managed.tenant), "PractitionerRole", managed.role_id).data
    except (NotFound, Gone):
        return Rebuilt()
    # Locked as for a booking: one that is being made at this moment is either seen here or sees the new slots.
    lock(session, resources_of(session, [schedule_id]).get(schedule_id, ()))
    window = _window(calendar, schedule, calendar.clock.now())
    rules = rules_of(role, minutes=managed.minutes, region=calendar.region)
    wanted = {slot_id(schedule_id, slot): slot for slot in slots(rules, window)}
    statement = select(SlotTime).where(
        col(SlotTime.schedule_id) == schedule_id, col(SlotTime.start) >= window.start, col(SlotTime.start) < window.end
    )
    present = {slot.slot_id: slot for slot in session.execute(statement).scalars()}
    made = [slot for id, slot in wanted.items() if id not in present]
    _make(session, calendar, schedule, managed, made)
    mine = [slot for slot in present.values() if slot.origin == Origin.RULE]
    closing = [slot for slot in mine if slot.offered and slot.slot_id not in wanted]
    opening = [slot for slot in mine if not slot.offered and slot.slot_id in wanted]
    for slot in closing + opening:
        slot.offered = slot.slot_id in wanted
    _show(session, calendar, closing + opening)
    return Rebuilt(len(made), len(closing), len(opening))


def refresh(session: Session, calendar: Calendar, resources: Iterable[str], times: Sequence[Interval]) -> None:
    """Nothing; every slot of these resources that touches one of the times shows whether it is free."""
    schedules = {id for (id,) in SCHEDULES_OF.rows(session, {"resources": sorted(resources)})}
    found: dict[str, SlotTime] = {}
    for time in times:
        touching = select(SlotTime).where(
            col(SlotTime.schedule_id).in_(schedules),
            col(SlotTime.start) < time.end,
            col(SlotTime.end) > time.start,
            col(SlotTime.offered),
        )
        found |= {slot.slot_id: slot for slot in session.execute(touching).scalars()}
    _show(session, calendar, list(found.values()))


def _window(calendar: Calendar, schedule: Resource, now: datetime) -> Interval:
    planned = covered(schedule.get("planningHorizon", {}))
    start, end = max(now, planned.start), min(now + calendar.horizon, planned.end)
    return Interval(start, max(start, end))


def _make(
    session: Session, calendar: Calendar, schedule: Resource, managed: ManagedSchedule, made: Sequence[Interval]
) -> None:
    if not made:
        return
    record = calendar.record
    resources = resources_of(session, [managed.schedule_id]).get(managed.schedule_id, [])
    states = busy(session, resources, made, now=calendar.clock.now())
    bodies = [slot_resource(schedule, slot, state.status) for slot, state in zip(made, states, strict=True)]
    items = [Item(parse(encode(body), type="Slot"), id=str(body["id"])) for body in bodies]
    load(record, session, platform(managed.tenant), items)
    rows = [
        {
            "slot_id": body["id"],
            "schedule_id": managed.schedule_id,
            "tenant": managed.tenant,
            "start": slot.start,
            "end": slot.end,
            "origin": Origin.RULE,
            "offered": True,
            "status": state.status,
            "hold_until": state.hold_until,
        }
        for body, slot, state in zip(bodies, made, states, strict=True)
    ]
    session.execute(insert(SlotTime), rows)


def _show(session: Session, calendar: Calendar, found: Sequence[SlotTime]) -> None:
    by_schedule: dict[str, list[SlotTime]] = {}
    for slot in sorted(found, key=lambda slot: slot.slot_id):
        by_schedule.setdefault(slot.schedule_id, []).append(slot)
    resources = resources_of(session, sorted(by_schedule))
    for schedule_id, slots_of_one in sorted(by_schedule.items()):
        times = [Interval(slot.start, slot.end) for slot in slots_of_one]
        states = busy(session, resources.get(schedule_id, []), times, now=calendar.clock.now())
        for slot, state in zip(slots_of_one, states, strict=True):
            _set(session, calendar, slot, state)
    session.flush()


def _set(session: Session, calendar: Calendar, slot: SlotTime, state: Busy) -> None:
    free = state.status is SlotStatus.FREE
    status = SlotStatus.CLOSED if free and not slot.offered else state.status
    slot.hold_until = state.hold_until
    if slot.status == status:
        return
    slot.status = status
    caller = platform(slot.tenant)
    body = calendar.record.read(session, caller, "Slot", slot.slot_id).body
    changed_body = changed(body, status=str(status))
    calendar.record.update(session, caller, "Slot", slot.slot_id, changed_body, if_match=None)
