"""The free slots that a demo offers to programs: one clinic's, one after the other."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from sqlmodel import Session, col, select

from telemed.demo.describe import FreeSlot
from telemed.schedules.models import ManagedSchedule, ScheduleResource, SlotStatus, SlotTime
from telemed.schedules.resource import instant

OFFERED: Final = 60


def free_slots(session: Session, tenant: str, *, after: datetime) -> tuple[FreeSlot, ...]:
    """The clinic's next free slots after a moment, no two at the same time."""
    statement = (
        select(SlotTime, ScheduleResource.resource)
        .join(ManagedSchedule, col(ManagedSchedule.schedule_id) == col(SlotTime.schedule_id))
        .join(ScheduleResource, col(ScheduleResource.schedule_id) == col(SlotTime.schedule_id))
        .where(
            col(ManagedSchedule.tenant) == tenant,
            col(ScheduleResource.resource).startswith("Practitioner/"),
            col(SlotTime.offered),
            col(SlotTime.status) == SlotStatus.FREE,
            col(SlotTime.start) > after,
        )
        .order_by(col(SlotTime.start), col(SlotTime.slot_id))
    )
    found = (
        FreeSlot(
            schedule_id=slot.schedule_id,
            slot_id=slot.slot_id,
            start=instant(slot.start),
            end=instant(slot.end),
            practitioner_id=resource.removeprefix("Practitioner/"),
            organization_id=tenant,
        )
        for slot, resource in session.exec(statement)
    )
    return tuple(islice(one_at_a_time(found), OFFERED))


def one_at_a_time(slots: Iterable[FreeSlot]) -> Iterator[FreeSlot]:
    """Of slots in the order of their starts those that begin when the one before is over.

    A patient is busy, too: whoever books several for one patient must not meet two doctors at once.
    """
    over = ""
    for slot in slots:
        # Instants in UTC, all written alike, so their order is that of the times.
        if slot.start >= over:
            over = slot.end
            yield slot
