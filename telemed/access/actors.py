"""The clinics behind the actors that a resource names."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from fhir.here import named
from fhir.rows import RESOURCE
from fhir.store import Store
from infra.among import among
from infra.database import Session
from infra.statements import Statement
from telemed.access.owners import OWNING, TENANTS_OF_ALL, problem
from telemed.schedules.calendar import platform

ACTORS = frozenset({"Organization", "Practitioner", "PractitionerRole", "HealthcareService", "Location", "Slot"})
_TENANTS: Final = Statement(
    select(RESOURCE.c.type, RESOURCE.c.id, RESOURCE.c.tenant).where(
        among(RESOURCE.c.id, "ids"), RESOURCE.c.deleted.is_(False)
    )
)


def keepers(session: Session, actors: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
    """The tenant of each actor: who keeps the Organization, Practitioner, role or place; `deleted` ones only if asked."""
    meant = {actor: target for actor in actors if (target := named(actor)) and target[0] in ACTORS}
    if not meant:
        return {}
    ids = sorted({id for _, id in meant.values()})
    statement = TENANTS_OF_ALL if deleted else _TENANTS
    found = {(type, id): tenant for type, id, tenant in statement.rows(session, {"ids": ids})}
    return {actor: found[target] for actor, target in meant.items() if target in found}


def own_keepers(session: Session, record: Store, actors: Iterable[str]) -> dict[str, str]:
    """The same without those that stand under what another tenant keeps: they would be let in under its name."""
    found = keepers(session, actors)
    return {actor: tenant for actor, tenant in found.items() if _is_own(session, record, actor, tenant=tenant)}


def _is_own(session: Session, record: Store, actor: str, *, tenant: str) -> bool:
    # The entry may be older than its owner, which nobody knew when it was written.
    target = named(actor)
    if target is None or target[0] not in OWNING:
        return True
    data = record.read(session, platform(tenant), *target).data
    return problem(session, target[0], data, tenant=tenant) is None
