"""Whose time an appointment takes: the clinics that manage the schedules of whom and what it occupies.

Another clinic may book a free slot for its own patient. The Appointment is then kept by the clinic that booked, and held
by the one whose slot it is.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from telemed.schedules.models import ManagedSchedule, Occupancy, ScheduleResource


def keepers(session: Session, appointments: Iterable[str]) -> dict[str, frozenset[str]]:
    """The tenants whose time each appointment takes; none for one that takes nobody's managed here."""
    wanted = (
        select(col(Occupancy.appointment_id), col(ManagedSchedule.tenant))
        .join(ScheduleResource, col(ScheduleResource.resource) == col(Occupancy.resource))
        .join(ManagedSchedule, col(ManagedSchedule.schedule_id) == col(ScheduleResource.schedule_id))
        .where(col(Occupancy.appointment_id).in_(sorted(appointments)))
        .distinct()
    )
    found: dict[str, set[str]] = {}
    for appointment, tenant in session.execute(wanted):
        found.setdefault(appointment, set()).add(tenant)
    return {appointment: frozenset(tenants) for appointment, tenants in found.items()}


def holders(session: Session, appointments: Mapping[str, str]) -> dict[str, str]:
    """The tenant that holds each visit: who keeps the Appointment, unless its time is that of others alone.

    `appointments` are the tenants that keep them, by id.
    """
    taken = keepers(session, appointments)
    return {id: tenant if tenant in (of := taken.get(id, {tenant})) else min(of) for id, tenant in appointments.items()}


def holder(session: Session, appointment: str, *, tenant: str) -> str:
    """The same for one appointment that this tenant keeps."""
    return holders(session, {appointment: tenant})[appointment]
