"""With whom an appointment is. What a client sent is kept as it was sent, so a booked slot may be all that says it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from telemed.schedules.models import ScheduleResource, SlotTime
from telemed.schedules.resource import local_id
from telemed.visits.resource import participant

KIND = "Practitioner/"


def practitioners(session: Session, appointments: Iterable[dict[str, Any]]) -> dict[str, str]:
    """By the id of each appointment the practitioner taking part, else the one of the schedule its slot belongs to."""
    found: dict[str, str] = {}
    slots: dict[str, str] = {}
    for data in appointments:
        if named := participant(data, "Practitioner"):
            found[data["id"]] = named
        elif slot := _first_slot(data):
            slots[data["id"]] = slot
    offered = _by_slot(session, set(slots.values())) if slots else {}
    return found | {id: offered[slot] for id, slot in slots.items() if slot in offered}


def practitioner(session: Session, appointment: dict[str, Any]) -> str | None:
    """The same for one appointment; None where nothing says it."""
    return practitioners(session, [appointment]).get(appointment["id"])


def _first_slot(appointment: dict[str, Any]) -> str | None:
    ids = (local_id(slot.get("reference"), "Slot") for slot in appointment.get("slot", ()))
    return next((id for id in ids if id), None)


def _by_slot(session: Session, slots: set[str]) -> dict[str, str]:
    wanted = (
        select(col(SlotTime.slot_id), col(ScheduleResource.resource))
        .join(ScheduleResource, col(ScheduleResource.schedule_id) == col(SlotTime.schedule_id))
        .where(col(SlotTime.slot_id).in_(sorted(slots)), col(ScheduleResource.resource).startswith(KIND))
        .order_by(col(ScheduleResource.resource).desc())
    )
    return {slot: resource.removeprefix(KIND) for slot, resource in session.execute(wanted)}
