"""A visit that begins and ends without a call, and the appointment that follows it."""

from datetime import timedelta
from typing import Any

from infra.caller import Caller, Role
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.visits import resource
from telemed.visits.service import Visits
from tests.telemed.visits.clinic import DOCTOR, PLATFORM, TENANT, VIDEO, Clinic, appointment

NEXT = "appointment-2"


async def begun(clinic: Clinic, *, id: str = VIDEO) -> None:
    """The patient was let in."""
    visits, caller = _visits(clinic)
    await clinic.services.database.write(lambda session: visits.admit(session, caller, id))


async def ended(clinic: Clinic, *, id: str = VIDEO) -> None:
    """The clinic has let the patient in and ended the visit."""
    await begun(clinic, id=id)
    visits, caller = _visits(clinic)
    await clinic.services.database.write(lambda session: visits.end(session, caller, id))


def _visits(clinic: Clinic) -> tuple[Visits, Caller]:
    caller = Caller(TENANT, DOCTOR, Role.PHYSICIAN, CONSOLE_SCOPES)
    return Visits(clinic.services.store, clinic.services.clock), caller


async def booked(clinic: Clinic, *, days: int, id: str = NEXT, **changed: Any) -> dict[str, Any]:
    """Another appointment of the patient."""
    start = clinic.services.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    made = appointment(start=start) | changed
    await clinic.services.database.write(
        lambda session: clinic.services.store.create(session, PLATFORM, resource.parsed(made), id=id)
    )
    return made
