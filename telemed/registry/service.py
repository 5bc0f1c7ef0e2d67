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
from telemed.notices.addresses import is_mail
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.signin import external, invitations
from telemed.signin.external import House
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


class NoProvider(Unprocessable):
    """An account needs its provider: set TELEMED_OIDC_ISSUER first."""


class NoPasskeysHere(Unprocessable):
    """TELEMED_OIDC_ISSUER is set, so clinicians sign in there. Connect their account: telemed clinician link."""


class SubjectTaken(Conflict):
    """This account is somebody else's already."""


class UnusableId(Unprocessable):
    """An id has 1 to 64 ASCII letters, digits, hyphens or dots."""


class UnusableMail(Unprocessable):
    """--mail is no mail address. Give one like datenschutz@praxis.example."""


class MailNeeded(Unprocessable):
    """A privacy officer is told of emergency accesses by mail. Add --mail."""


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


async def add_clinician(
    settings: Settings,
    *,
    id: str,
    tenant: str,
    name: tuple[str, str],
    role: Role,
    subject: str = "",
    mail: str = "",
) -> None:
    """Nothing; the clinician's Practitioner stands in the record, and the console knows their clinic and role."""
    if mail and not is_mail(mail):
        raise UnusableMail
    if role is Role.PRIVACY_OFFICER and not mail:
        raise MailNeeded
    family, given = name
    body = {
        "resourceType": "Practitioner",
        "id": id,
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given]}],
    } | ({"telecom": [{"system": "email", "use": "work", "value": mail}]} if mail else {})

    def unit(services: Services, session: Session) -> None:
        _require_tenant(services, session, tenant)
        if session.get(Clinician, id) is not None:
            raise RegisteredAlready
        _create(services, session, body, tenant=tenant)
        session.add(Clinician(id=id, tenant=tenant, practitioner_id=id, role=role.value))
        session.flush()
        if subject:
            _link(services, session, id=id, subject=subject)

    await _write(settings, unit)


async def link(settings: Settings, *, id: str, subject: str) -> None:
    """Nothing; the account of the external provider with this value of its claim is the clinician's."""

    def unit(services: Services, session: Session) -> None:
        if session.get(Clinician, id) is None:
            raise NotRegistered
        _link(services, session, id=id, subject=subject)

    await _write(settings, unit)


async def invite(settings: Settings, *, id: str) -> str:
    """The address under which the clinician makes a passkey, once and within a day; older ones stop working."""
    if settings.oidc_issuer:
        raise NoPasskeysHere

    def unit(services: Services, session: Session) -> str:
        found = session.get(Clinician, id)
        if found is None or not found.active:
            raise NotRegistered
        return invitations.invite(session, services.vault, clinician_id=id, now=services.system_clock.now())

    return invitations.url(settings.base_url, await _write(settings, unit))


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
        if jwks_uri:
            services.outgoing.require_askable(jwks_uri)
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


def _link(services: Services, session: Session, *, id: str, subject: str) -> None:
    if not services.settings.oidc_issuer:
        raise NoProvider
    house = House.of(services.settings)
    if external.owner_of(session, services.vault, house=house, subject=subject) not in (None, id):
        raise SubjectTaken
    external.connect(session, services.vault, house=house, clinician_id=id, subject=subject)


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
