"""A record to test against: a policy in memory, made-up resources, a client per clinic."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import ColumnElement, String, bindparam, or_, select
from sqlmodel import Session
from starlette.requests import Request

from fhir.codec import Parsed, parse
from fhir.here import stand_at
from fhir.insurance import KVNR, MADE_UP, check_digit
from fhir.interactions import Record, astray, router
from fhir.interactions.direct import direct
from fhir.policy import REGION_WIDE, Action, Opened, Protected
from fhir.rows import COMPARTMENT, RESOURCE
from fhir.store import Hook, Store
from infra import web
from infra.caller import Caller, Role
from infra.clock import Clock, SystemClock
from infra.database import Database
from infra.problems import Forbidden
from infra.vault import FileKeyProvider, Vault

BASE = "http://test/fhir"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class LocalPermit:
    clause: ColumnElement[bool]
    grants: set[tuple[str, str]]
    changes: bool = False

    def entitled(self, session: Session, caller: Caller, compartment: str) -> bool:
        own = select(COMPARTMENT.c.id).where(COMPARTMENT.c.id == compartment, COMPARTMENT.c.tenant == caller.tenant)
        return (compartment, caller.tenant) in self.grants or session.connection().execute(own).first() is not None

    def entry(self, caller: Caller) -> ColumnElement[bool]:
        entered = bindparam("entered", type_=String())
        own = select(COMPARTMENT.c.id).where(COMPARTMENT.c.id == entered, COMPARTMENT.c.tenant == caller.tenant)
        granted = (entered == compartment for compartment, tenant in self.grants if tenant == caller.tenant)
        return or_(own.exists(), *granted)

    @property
    def is_decided(self) -> bool:
        return True

    def shows(self, stored: Opened) -> bool:
        return True

    def admits(self, session: Session, caller: Caller, row: Protected) -> bool:
        own = row.tenant == caller.tenant or (row.type in REGION_WIDE and not self.changes)
        return own or (row.compartment is not None and self.entitled(session, caller, row.compartment))


@dataclass
class LocalPolicy:
    """Own resources, region-wide reading, and patients that a test opens by hand; the scope `none` may do nothing.

    Nobody may do anything with the `closed` types.
    """

    grants: set[tuple[str, str]] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    def permit(self, caller: Caller, action: Action, type: str) -> LocalPermit:
        if "none" in caller.scopes or type in self.closed:
            raise Forbidden
        clause: ColumnElement[bool] = RESOURCE.c.tenant == caller.tenant
        opened = [compartment for compartment, tenant in self.grants if tenant == caller.tenant]
        own_patients = select(COMPARTMENT.c.id).where(COMPARTMENT.c.tenant == caller.tenant)
        if not action.changes:
            clause = or_(clause, *(RESOURCE.c.type == type for type in sorted(REGION_WIDE)))
        clause = or_(clause, *(RESOURCE.c.compartment == each for each in opened))
        clause = or_(clause, RESOURCE.c.compartment.in_(own_patients))
        return LocalPermit(clause, self.grants, action.changes)


def caller(tenant: str = "north", **others: Any) -> Caller:
    return Caller(tenant, others.pop("subject", f"client-of-{tenant}"), Role.SYSTEM, **others)


def vault(folder: Path) -> Vault:
    return Vault(FileKeyProvider(folder / "keys.json"))


def store(
    folder: Path, *, policy: LocalPolicy | None = None, hooks: Sequence[Hook] = (), clock: Clock | None = None
) -> Store:
    return Store(vault(folder), policy or LocalPolicy(), clock or SystemClock(), hooks)


def patient(**others: Any) -> dict[str, Any]:
    """A made-up Patient; keyword arguments replace elements."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": "X123456789"}],
        "name": [{"family": "Musterfrau", "given": ["Erika"]}],
        "gender": "female",
        "birthDate": "1964-08-12",
    } | others


def observation(patient_id: str, **others: Any) -> dict[str, Any]:
    """A made-up Observation about a patient."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2026-11-23T10:00:00+01:00",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    } | others


def parsed(resource: dict[str, Any]) -> Parsed:
    return parse(json.dumps(resource).encode(), type=resource["resourceType"])


def app(database: Database, record_store: Store, **others: Any) -> FastAPI:
    """The FHIR routes alone; the header X-Tenant says who calls. `others`: see `Record`."""

    async def caller_of(request: Request) -> Caller:
        return caller(request.headers.get("x-tenant", "north"))

    stand_at(BASE)
    made = web.Application()
    record = Record(database, record_store, BASE, **others)
    routes = router(record_of=lambda _: record, caller_of=caller_of)
    web.install(
        made,
        limits={"": 11_000_000},
        renders={"/fhir": astray.response},
        direct=direct(routes.routes),
    )
    made.include_router(routes)
    return made


def client(made: FastAPI, tenant: str = "north") -> httpx.AsyncClient:
    """A clinic's client."""
    headers = {"x-tenant": tenant, "content-type": "application/fhir+json"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(made), base_url=BASE, headers=headers)


async def created(http: httpx.AsyncClient, resource: dict[str, Any]) -> str:
    """The id of a resource that was created over HTTP."""
    answer = await http.post(f"/{resource['resourceType']}", content=json.dumps(resource))
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def kvnr(number: int) -> dict[str, str]:
    """A made-up insurance number, whose check digit can't be anybody's."""
    body = f"X{number:08}"
    return {"system": KVNR, "value": f"{body}{(check_digit(body) + MADE_UP) % 10}"}
