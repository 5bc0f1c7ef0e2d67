"""Registering clinics, clinicians and systems, and switching them off; each is one atomic unit."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from sqlmodel import Session, SQLModel, col, select

from fhir import rules
from fhir.codec import Parsed
from fhir.rows import RESOURCE
from fhir.store import IdTaken
from infra.caller import Role
from infra.problems import Conflict, NotFound, Unprocessable
from infra.settings import Settings
from telemed.identity.clients import App, register
from telemed.identity.models import Clinician, OAuthClient
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.startup import preflight
from telemed.wiring import open_services

# As R4 writes an id, so that a tenant can be the id of its Organization.
ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
Resource = dict[str, Any]
T = TypeVar("T")


class RegisteredAlready(Conflict):
    """This id is taken. Choose another."""


class NotRegistered(NotFound):
    """Nothing is registered under this id. `list` shows what is."""


class UnknownTenant(NotFound):
    """There is no such clinic. Register it first: telemed organization add."""


class UnusableId(Unprocessable):
    """An id has 1 to 64 ASCII letters, digits, hyphens or dots."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One line of a list."""

    id: str
    tenant: str
    about: str
    active: bool = True


async def add_organization(settings: Settings, *, id: str, name: str) -> None:
    """Nothing; the clinic is a tenant, and its Organization stands in the record."""
    body = {"resourceType": "Organization", "id": id, "active": True, "name": name}
    await _write(settings, lambda services, session: _create(services, session, body, tenant=id))


async def organizations(settings: Settings) -> Sequence[Registered]:
    """The clinics, by their ids."""

    def unit(services: Services, session: Session) -> list[Registered]:
        statement = (
            select(RESOURCE.c.id)
            .where(RESOURCE.c.type == "Organization", RESOURCE.c.id == RESOURCE.c.tenant, ~RESOURCE.c.deleted)
            .order_by(RESOURCE.c.id)
        )
        found = [str(id) for (id,) in session.connection().execute(statement).fetchall()]
        read = (services.record.read(session, platform(id), "Organization", id).data for id in found)
        return [Registered(data["id"], data["id"], str(data.get("name", ""))) for data in read]

    return await _write(settings, unit)


async def add_clinician(settings: Settings, *, id: str, tenant: str, name: tuple[str, str], role: Role) -> None:
    """Nothing; the clinician's Practitioner stands in the record, and the console knows their clinic and role."""
    family, given = name
    body = {
        "resourceType": "Practitioner",
        "id": id,
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given]}],
    }

    def unit(services: Services, session: Session) -> None:
        _require_tenant(services, session, tenant)
        if session.get(Clinician, id) is not None:
            raise RegisteredAlready
        _create(services, session, body, tenant=tenant)
        session.add(Clinician(id=id, tenant=tenant, practitioner_id=id, role=role.value))
        session.flush()

    await _write(settings, unit)


async def clinicians(settings: Settings) -> Sequence[Registered]:
    """The clinicians by their ids; names stay sealed in the record."""
    return await _listed(settings, Clinician, key="id", about="role")


async def add_client(
    settings: Settings,
    *,
    id: str,
    tenant: str,
    scope: str,
    jwks: Mapping[str, Any] | None = None,
    jwks_uri: str = "",
    app: App | None = None,
) -> None:
    """Nothing; the clinic's system or app may ask for tokens. The same id again is registered anew, and is on again."""

    def unit(services: Services, session: Session) -> None:
        _require_tenant(services, session, tenant)
        known = session.get(OAuthClient, id)
        if known is not None and known.tenant != tenant:
            raise RegisteredAlready
        now = services.system_clock.now()
        register(session, client_id=id, tenant=tenant, scope=scope, now=now, jwks=jwks, jwks_uri=jwks_uri, app=app)
        session.flush()

    await _write(settings, unit)


async def clients(settings: Settings) -> Sequence[Registered]:
    """The systems by their ids, with their scopes."""
    return await _listed(settings, OAuthClient, key="client_id", about="scope")


async def switch_off(settings: Settings, *, kind: type[Clinician] | type[OAuthClient], id: str) -> None:
    """Nothing; the clinician's sessions end at once, tokens of clinician or client within ten seconds."""

    def unit(services: Services, session: Session) -> None:
        found = session.get(kind, id)
        if found is None:
            raise NotRegistered
        found.active = False
        session.add(found)
        session.flush()

    await _write(settings, unit)


async def _listed(
    settings: Settings, table: type[Clinician] | type[OAuthClient], *, key: str, about: str
) -> Sequence[Registered]:
    def unit(services: Services, session: Session) -> list[Registered]:
        rows: Sequence[SQLModel] = session.exec(select(table).order_by(col(getattr(table, key)))).all()
        told = ({name: getattr(row, name) for name in (key, "tenant", about, "active")} for row in rows)
        return [Registered(row[key], row["tenant"], row[about], row["active"]) for row in told]

    return await _write(settings, unit)


def _create(services: Services, session: Session, body: Resource, *, tenant: str) -> None:
    if not ID.fullmatch(body["id"]):
        raise UnusableId
    parsed = Parsed(body["resourceType"], body, msgspec.json.encode(body))
    rules.validate(parsed)
    try:
        services.store.create(session, platform(tenant), parsed, id=body["id"])
    except IdTaken:
        raise RegisteredAlready from None


def _require_tenant(services: Services, session: Session, tenant: str) -> None:
    try:
        services.record.read(session, platform(tenant), "Organization", tenant)
    except NotFound:
        raise UnknownTenant from None


async def _write(settings: Settings, unit: Callable[[Services, Session], T]) -> T:
    async with _opened(settings) as services:
        return await services.database.write(lambda session: unit(services, session))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    await preflight(settings)
    async with open_services(settings) as services:
        yield services
