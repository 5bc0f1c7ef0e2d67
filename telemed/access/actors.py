"""The clinics behind the actors that a resource names."""

from collections.abc import Iterable

from sqlmodel import col, select

from fhir.tables import Resource
from infra.database import Session

ACTORS = frozenset({"Organization", "Practitioner", "PractitionerRole", "HealthcareService", "Location"})


def keepers(session: Session, actors: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
    """The tenant of each actor: who keeps the Organization, Practitioner, role or place; `deleted` ones only if asked."""
    plain = {actor for actor in actors if actor.count("/") in (1, 3) and "://" not in actor}
    named = {actor: (actor.split("/")[0], actor.split("/")[1]) for actor in plain}
    ids = sorted({id for kind, id in named.values() if kind in ACTORS})
    if not ids:
        return {}
    statement = select(Resource.type, Resource.id, Resource.tenant).where(col(Resource.id).in_(ids))
    if not deleted:
        statement = statement.where(col(Resource.deleted).is_(False))
    found = {(type, id): tenant for type, id, tenant in session.exec(statement) if type in ACTORS}
    return {actor: found[key] for actor, key in named.items() if key in found}
