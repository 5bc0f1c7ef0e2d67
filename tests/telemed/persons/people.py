"""Patients of several clinics, and what the platform takes them for."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import select
from sqlmodel import Session

from fhir.codec import Parsed, parse
from fhir.rows import COMPARTMENT, Stored
from fhir.store import Store
from infra.caller import Caller, Role
from infra.database import Database
from telemed.persons import linking, merging
from telemed.persons.linking import Said
from tests.fhir.record import kvnr

T = TypeVar("T")
Resource = dict[str, Any]


def desk(tenant: str, role: Role = Role.RECEPTIONIST) -> Caller:
    """Somebody who is signed in at a clinic."""
    return Caller(tenant, f"{tenant}-{role}", role, frozenset({"user/*.cruds"}))


def person(*, family: str = "Beispiel", number: int | None = None, **more: Any) -> Resource:
    """A made-up Patient."""
    identifier = {} if number is None else {"identifier": [kvnr(number)]}
    name = [{"family": family, "given": ["Ada"]}]
    return {"resourceType": "Patient", "name": name, "birthDate": "1980-02-29", "gender": "female"} | identifier | more


def parsed(resource: Resource) -> Parsed:
    """The resource as it comes in."""
    return parse(json.dumps(resource).encode(), type=None)


class People:
    """The clinics' desks, on one database."""

    def __init__(self, database: Database, store: Store) -> None:
        self.database, self.store = database, store

    async def run(self, unit: Callable[..., T], **arguments: Any) -> T:
        """What one of the operations returns."""
        return await self.database.write(partial(unit, **arguments))

    async def open(self, *tenants: str) -> None:
        """The clinics are there."""
        for tenant in tenants:
            clinic = parsed({"resourceType": "Organization", "name": f"Praxis {tenant}"})
            system = Caller(tenant, "system", Role.SYSTEM, frozenset({"system/*.cruds"}))
            await self.run(partial(self.store.create, caller=system, parsed=clinic, id=tenant))

    async def come(self, tenant: str, resource: Resource | None = None, *, id: str | None = None) -> str:
        """The id of a clinic's new Patient."""
        made = partial(self.store.create, caller=desk(tenant), parsed=parsed(resource or person()), id=id)
        return (await self.database.write(made)).id

    async def change(self, tenant: str, id: str, **values: Any) -> Stored:
        """The Patient in its next version; None takes a member away."""

        def unit(session: Session) -> Stored:
            found = self.store.read(session, desk(tenant), "Patient", id)
            now = found.data | values
            kept = parsed({name: value for name, value in now.items() if value is not None})
            return self.store.update(session, desk(tenant), "Patient", id, kept, if_match=found.version)

        return await self.database.write(unit)

    async def read(self, tenant: str, id: str) -> Resource:
        """The Patient without what every version changes."""
        stored = await self.database.write(lambda s: self.store.read(s, desk(tenant), "Patient", id))
        return {name: value for name, value in stored.data.items() if name != "meta"}

    async def merge(self, tenant: str, source: str, target: str) -> Stored:
        """The target, which replaces the source."""
        return await self._do(merging.merge, tenant, source_id=source, target_id=target)

    async def unmerge(self, tenant: str, source: str, target: str) -> Stored:
        """The source, by itself again."""
        return await self._do(merging.unmerge, tenant, source_id=source, target_id=target)

    async def link(self, tenant: str, id: str, organization: str) -> Said:
        """What a clinic hears that says a patient is also another clinic's."""
        return await self._do(linking.link, tenant, patient_id=id, organization=organization)

    async def unlink(self, tenant: str, id: str, organization: str) -> Said:
        """What a clinic hears that takes it back."""
        return await self._do(linking.unlink, tenant, patient_id=id, organization=organization)

    async def believe(self, tenant: str, id: str, *, apart: bool) -> Said:
        """What a clinic hears that does not believe a number, or does again."""
        return await self._do(linking.believe, tenant, patient_id=id, apart=apart)

    async def persons(self) -> dict[str, str]:
        """The person behind each Patient."""
        wanted = select(COMPARTMENT.c.patient_id, COMPARTMENT.c.person)
        return await self.database.read(lambda s: dict(map(tuple, s.connection().execute(wanted).fetchall())))

    async def together(self) -> set[frozenset[str]]:
        """Which Patients are one person."""
        found: dict[str, set[str]] = {}
        for id, behind in (await self.persons()).items():
            found.setdefault(behind, set()).add(id)
        return {frozenset(ids) for ids in found.values()}

    async def _do(self, operation: Callable[..., T], tenant: str, **arguments: Any) -> T:
        return await self.database.write(lambda session: operation(session, self.store, desk(tenant), **arguments))
