"""A clinic with one practitioner, a managed schedule and patients, for tests of booking."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from fhir.codec import parse
from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Database
from infra.vault import FileKeyProvider, Vault
from telemed.access.grants import grants_hook
from telemed.access.owners import refuse_foreign_owner
from telemed.access.policy import CarePolicy
from telemed.booking.busy import Met
from telemed.booking.engine import Desk, booking_hook
from telemed.booking.parameters import Given, Parameters
from telemed.notices.service import Office
from telemed.persons.hook import merged_hook
from telemed.schedules.calendar import Calendar, calendar_hook
from telemed.schedules.models import SlotTime
from telemed.schedules.resource import SLOT_MINUTES
from telemed.schedules.slots import Rebuilt, rebuild
from telemed.visits.hooks import appointment_changed

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
CLINIC, OTHER = "clinic-a", "clinic-b"
Resource = dict[str, Any]
T = TypeVar("T")


def system(tenant: str = CLINIC) -> Caller:
    return Caller(tenant, f"{tenant}-system", Role.SYSTEM, frozenset({"system/*.cruds"}))


@dataclass(frozen=True)
class Clinic:
    """The parts of a service that booking needs, on one database."""

    database: Database
    clock: FixedClock
    desk: Desk
    store: Store

    async def write(self, resource: Resource, *, caller: Caller | None = None, id: str | None = None) -> Stored:
        """A new resource."""
        parsed = parse(json.dumps(resource).encode(), type=None)
        return await self.run(lambda session: self.store.create(session, caller or system(), parsed, id=id))

    async def update(self, stored: Stored, *, caller: Caller | None = None, **changes: Any) -> Stored:
        """The next version of a resource."""
        parsed = parse(json.dumps(json.loads(stored.body) | changes).encode(), type=None)
        return await self.run(
            lambda s: self.store.update(s, caller or system(), stored.type, stored.id, parsed, if_match=None)
        )

    async def replace(self, stored: Stored, resource: Resource) -> Stored:
        """The next version of a resource, all of it new."""
        parsed = parse(json.dumps(resource).encode(), type=None)
        return await self.run(lambda s: self.store.update(s, system(), stored.type, stored.id, parsed, if_match=None))

    async def read(self, type: str, id: str) -> Resource:
        """A resource as its clinic sees it."""
        return (await self.run(lambda session: self.store.read(session, system(), type, id))).data

    async def run(self, unit: Callable[[Session], T]) -> T:
        """What the unit returns."""
        return await self.database.write(unit)

    async def rebuild(self) -> Rebuilt:
        """The slots of the schedule, built."""
        built: Rebuilt = await self.run(lambda session: rebuild(session, self.desk.calendar, "schedule"))
        return built

    async def slots(self) -> list[SlotTime]:
        """The offered slots, earliest first."""
        statement = select(SlotTime).where(col(SlotTime.offered)).order_by(col(SlotTime.start))
        return await self.rows(statement)

    async def rows(self, statement: Any) -> list[Any]:
        """Copies of the rows that a statement finds."""

        def unit(session: Session) -> list[Any]:
            found = session.execute(statement).scalars().all()
            return [row.model_copy() if isinstance(row, SQLModel) else row for row in found]

        rows: list[Any] = await self.database.read(unit)
        return rows


def make_desk(database: Database, folder: Path, clock: FixedClock) -> Clinic:
    """Store, hooks and desk as the service wires them."""
    vault = Vault(FileKeyProvider(folder / "keys.json"))
    policy = CarePolicy(clock)
    record = Store(vault, policy, clock)
    calendar = Calendar(record, clock, timedelta(days=7))
    desk = Desk(calendar, policy, vault, Office(vault, record, clock), Met(clock))
    followers = (appointment_changed, calendar_hook(calendar), booking_hook(desk), grants_hook(clock, record))
    hooks = (refuse_foreign_owner, *followers, merged_hook())
    database.on_lost.append(vault.forget)
    return Clinic(database, clock, desk, Store(vault, policy, clock, hooks))


async def open_clinic(database: Database, folder: Path, *, moment: datetime = MONDAY) -> Clinic:
    """A clinic whose practitioner sees people on weekdays from 8 to 12, 20 minutes each."""
    clinic = make_desk(database, folder, FixedClock(moment))
    await clinic.write({"resourceType": "Organization", "name": "Praxis Musterhof"}, id=CLINIC)
    await clinic.write({"resourceType": "Organization", "name": "Praxis Nebenan"}, id=OTHER, caller=system(OTHER))
    await clinic.write({"resourceType": "Practitioner", "active": True}, id="doctor")
    await clinic.write(role(), id="role")
    await clinic.write(schedule(), id="schedule")
    await clinic.write(patient(), id="patient")
    await clinic.rebuild()
    return clinic


def role(*, start: str = "08:00:00", end: str = "12:00:00", **more: Any) -> Resource:
    days = ["mon", "tue", "wed", "thu", "fri"]
    opening = {"daysOfWeek": days, "availableStartTime": start, "availableEndTime": end}
    return {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": {"reference": "Practitioner/doctor"},
        "availableTime": [opening],
    } | more


def schedule(*, minutes: int = 20) -> Resource:
    return {
        "resourceType": "Schedule",
        "extension": [{"url": SLOT_MINUTES, "valuePositiveInt": minutes}],
        "active": True,
        "specialty": [{"coding": [{"system": "urn:specialty", "code": "derma"}]}],
        "actor": [{"reference": "PractitionerRole/role"}],
    }


def patient(*, mail: str = "erika@musterfrau.example", **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "name": [{"family": "Musterfrau", "given": ["Erika"]}],
        "birthDate": "1964-08-12",
        "telecom": [{"system": "email", "value": mail}] if mail else [{"system": "phone", "value": "04346 1"}],
        "address": [{"line": ["Dorfstraße 1"], "city": "Gettorf", "postalCode": "24214"}],
    } | more


def appointment(slot: SlotTime, *, status: str = "booked", patient: str = "patient", **more: Any) -> Resource:
    return {
        "resourceType": "Appointment",
        "status": status,
        "start": slot.start.isoformat(),
        "end": slot.end.isoformat(),
        "slot": [{"reference": f"Slot/{slot.slot_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    } | more


def given(**values: Any) -> Parameters:
    """Parameters of an operation; underscores stand for hyphens."""
    return Parameters(tuple(Given(name[0] + name[1:].replace("_", "-"), value) for name, value in values.items()))
