"""Grants follow the record: written, changed and withdrawn in the same atomic unit as the resource that causes them."""

from collections.abc import Iterable

from sqlmodel import col, delete, select

from fhir.store import Change, Hook
from fhir.tables import Compartment, Resource
from infra.caller import Caller
from infra.clock import Clock
from infra.database import Session
from telemed.access.models import CareGrant
from telemed.access.rule import is_open
from telemed.access.settle import Claim, settle
from telemed.access.sources import READERS, Opening, openings


def grants_hook(clock: Clock) -> Hook:
    """The hook that keeps `care_grant` in step with CareTeam, Appointment, ServiceRequest and Consent."""

    def written(session: Session, caller: Caller, change: Change) -> None:
        if change.type not in READERS:
            return
        now = clock.now()
        found = openings(change.type, change.after, now=now)
        source = f"{change.type}/{change.id}"
        earlier = _of_source(session, source) if change.before is not None else []
        compartment = change.stored.compartment
        if not found and not earlier:
            return
        touched = sorted({grant.compartment for grant in earlier} | ({compartment} if compartment else set()))
        _lock(session, touched)
        # Naming somebody in a resource about a stranger opens nothing: the writer must be entitled already.
        if compartment is None or not is_open(session, caller.tenant, compartment=compartment, now=now):
            found = []
        grants = _grants(session, found, compartment=compartment or "", source=source, granted_by=caller.tenant)
        if earlier:
            session.exec(delete(CareGrant).where(col(CareGrant.source) == source))
        session.add_all(grants)
        session.flush()
        for each in touched:
            resettle(session, each)

    return written


def resettle(session: Session, compartment: str) -> None:
    """Write down anew until when each grant of the compartment really holds (see settle.py)."""
    home = session.exec(select(Compartment.tenant).where(col(Compartment.id) == compartment)).one_or_none()
    # What one person opened in an emergency has an end of its own, and nobody refers on by it.
    everybodys = (col(CareGrant.compartment) == compartment, col(CareGrant.subject) == "")
    grants = session.exec(select(CareGrant).where(*everybodys)).all()
    claims = [Claim(grant.tenant, grant.granted_by, grant.asked_until) for grant in grants]
    for grant, until in zip(grants, settle(claims, home=home or ""), strict=True):
        if grant.until != until:
            grant.until = until
            session.add(grant)
    session.flush()


def _lock(session: Session, compartments: list[str]) -> None:
    """Nothing; grants about these patients are written by one unit at a time.

    Otherwise a clinic could refer on at the very moment its own access is withdrawn, and the new grant would stay.
    """
    locked = select(Compartment.id).where(col(Compartment.id).in_(compartments)).order_by(col(Compartment.id))
    session.exec(locked.with_for_update()).all()


def _of_source(session: Session, source: str) -> list[CareGrant]:
    found = list(session.exec(select(CareGrant).where(col(CareGrant.source) == source)))
    for grant in found:
        session.expunge(grant)
    return found


def _grants(
    session: Session, found: Iterable[Opening], *, compartment: str, source: str, granted_by: str
) -> list[CareGrant]:
    """One grant for each tenant that the openings name; nobody needs a grant for what is theirs."""
    openings = list(found)
    tenants = _tenants(session, {opening.actor for opening in openings})
    merged: dict[str, CareGrant] = {}
    for opening in openings:
        tenant = tenants.get(opening.actor)
        if tenant is None or tenant == granted_by:
            continue
        grant = merged.get(tenant)
        if grant is None:
            merged[tenant] = CareGrant(
                compartment=compartment,
                tenant=tenant,
                kind=source.partition("/")[0],
                source=source,
                granted_by=granted_by,
                since=opening.since,
                asked_until=opening.until,
                until=opening.until,
            )
        else:
            grant.since = min(grant.since, opening.since)
            grant.asked_until = grant.until = max(grant.until, opening.until)
    return list(merged.values())


def _tenants(session: Session, actors: set[str]) -> dict[str, str]:
    """The tenant that each actor belongs to: the one that keeps the Organization, Practitioner, role or place."""
    ids = {actor: actor.split("/")[1] for actor in actors if actor.count("/") in (1, 3) and "://" not in actor}
    kinds = {actor: actor.split("/")[0] for actor in ids}
    named = {actor for actor, kind in kinds.items() if kind in ACTORS}
    if not named:
        return {}
    statement = select(Resource.type, Resource.id, Resource.tenant).where(
        col(Resource.id).in_(sorted({ids[actor] for actor in named})), col(Resource.deleted).is_(False)
    )
    keepers = {(type, id): tenant for type, id, tenant in session.exec(statement)}
    return {actor: keepers[kinds[actor], ids[actor]] for actor in named if (kinds[actor], ids[actor]) in keepers}


ACTORS = frozenset({"Organization", "Practitioner", "PractitionerRole", "HealthcareService", "Location"})
