"""A small region for access tests: clinics that write into one record, with the policy and the grants in force."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fhir import codec
from fhir.store import Store
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Database
from infra.problems import NotFound
from infra.vault import FileKeyProvider, Vault
from telemed.access.grants import grants_hook
from telemed.access.owners import refuse_foreign_owner
from telemed.access.policy import CarePolicy

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Data = dict[str, Any]


@dataclass(frozen=True)
class World:
    """The record of the region, seen from a test."""

    database: Database
    store: Store
    clock: FixedClock

    @classmethod
    def make(cls, database: Database, folder: Path, *, clock: FixedClock | None = None) -> "World":
        """An empty region."""
        clock = clock or FixedClock(NOW)
        vault = Vault(FileKeyProvider(folder / "keys.json"))
        policy = CarePolicy(clock, vault)
        hooks = (refuse_foreign_owner, grants_hook(clock, Store(vault, policy, clock)))
        return cls(database, Store(vault, policy, clock, hooks), clock)

    async def write(self, tenant: str, data: Data) -> str:
        """The reference of a resource that the clinic has created."""
        parsed = codec.parse(json.dumps(data).encode(), type=None)
        stored = await self.database.write(lambda session: self.store.create(session, system(tenant), parsed))
        return stored.reference

    async def change(self, tenant: str, reference: str, data: Data) -> None:
        """The clinic replaces its resource."""
        type, id = reference.split("/")
        parsed = codec.parse(json.dumps(data | {"id": id}).encode(), type=type)
        caller = system(tenant)
        await self.database.write(lambda session: self.store.update(session, caller, type, id, parsed, if_match=None))

    async def delete(self, tenant: str, reference: str) -> None:
        """The clinic deletes its resource."""
        type, id = reference.split("/")
        await self.database.write(lambda session: self.store.delete(session, system(tenant), type, id))

    async def sees(self, tenant: str, reference: str) -> bool:
        """True if the clinic's system can read the resource now."""
        type, id = reference.split("/")
        try:
            await self.database.write(lambda session: self.store.read(session, system(tenant), type, id))
        except NotFound:
            return False
        return True


def system(tenant: str) -> Caller:
    """A clinic's system with all scopes."""
    return Caller(tenant, f"{tenant}-system", Role.SYSTEM, frozenset({"system/*.cruds"}))


async def clinic(world: World, tenant: str) -> str:
    """The reference of a clinic's Organization, which it keeps itself."""
    return await world.write(tenant, {"resourceType": "Organization", "name": tenant})


async def patient(world: World, tenant: str) -> str:
    """The reference of a clinic's patient."""
    return await world.write(tenant, {"resourceType": "Patient", "name": [{"family": "Probe"}]})


def care_team(subject: str, *members: str, status: str = "active", **more: Any) -> Data:
    """A CareTeam about the subject."""
    participants = [{"member": {"reference": member}} for member in members]
    return {
        "resourceType": "CareTeam",
        "status": status,
        "subject": {"reference": subject},
        "participant": participants,
    } | more


def appointment(subject: str, *actors: str, status: str = "booked", at: datetime = NOW) -> Data:
    """An Appointment of the subject with the actors, half an hour long."""
    participants = [{"actor": {"reference": actor}, "status": "accepted"} for actor in (subject, *actors)]
    return {
        "resourceType": "Appointment",
        "status": status,
        "start": at.isoformat(),
        "end": (at + timedelta(minutes=30)).isoformat(),
        "participant": participants,
    }


def referral(subject: str, *performers: str, status: str = "active") -> Data:
    """A ServiceRequest about the subject to the performers."""
    return {
        "resourceType": "ServiceRequest",
        "status": status,
        "intent": "order",
        "subject": {"reference": subject},
        "performer": [{"reference": performer} for performer in performers],
    }


def consent(
    subject: str, *actors: str, status: str = "active", scope: str = "patient-privacy", **provision: Any
) -> Data:
    """A Consent of the subject that permits the actors to look."""
    entries = [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": actor}} for actor in actors]
    said = {"type": "permit", "actor": entries} | provision
    return {
        "resourceType": "Consent",
        "status": status,
        "scope": {"coding": [{"code": scope}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": subject},
        "policyRule": {"text": "Made up"},
        "provision": {key: value for key, value in said.items() if value != []},
    }
