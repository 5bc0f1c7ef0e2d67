"""Grants follow the record: written, changed and withdrawn in the same atomic unit as the resource that causes them."""

from collections.abc import Iterable, Mapping

from sqlmodel import col, delete, select

from fhir.here import named
from fhir.store import Change, Hook, Store
from fhir.tables import Compartment, Resource
from infra.caller import Caller
from infra.clock import Clock
from infra.database import Session
from telemed.access.models import CareGrant
from telemed.access.owners import OWNING, problem
from telemed.access.rule import is_open
from telemed.access.settle import Claim, settle
from telemed.access.sources import READERS, Opening, openings
from telemed.schedules.calendar import platform


def grants_hook(clock: Clock, record: Store) -> Hook:
    """The hook that keeps `care_grant` in step with CareTeam, Appointment, ServiceRequest and Consent.

    `record` is a store without hooks: in it stands what those who are named belong to.
    """

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
        tenants = _tenants(session, record, {opening.actor for opening in found})
        grants = _grants(found, tenants, compartment=compartment or "", source=source, granted_by=caller.tenant)
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
    grants = session.exec(select(CareGrant).where(col(CareGrant.compartment) == compartment)).all()
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
    openings: Iterable[Opening], tenants: Mapping[str, str], *, compartment: str, source: str, granted_by: str
) -> list[CareGrant]:
    """One grant for each tenant that the openings name; nobody needs a grant for what is theirs."""
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


def _tenants(session: Session, record: Store, actors: set[str]) -> dict[str, str]:
    """The tenant that each actor belongs to: the one that keeps it, if it also keeps what the actor stands under."""
    meant = {actor: target for actor in actors if (target := named(actor)) and target[0] in ACTORS}
    if not meant:
        return {}
    statement = select(Resource.type, Resource.id, Resource.tenant).where(
        col(Resource.id).in_(sorted({id for _, id in meant.values()})), col(Resource.deleted).is_(False)
    )
    keepers = {(type, id): tenant for type, id, tenant in session.exec(statement)}
    own = {target for target, tenant in keepers.items() if _is_own(session, record, target, tenant=tenant)}
    return {actor: keepers[target] for actor, target in meant.items() if target in own}


def _is_own(session: Session, record: Store, target: tuple[str, str], *, tenant: str) -> bool:
    """True unless the entry stands under another tenant's: it may be older than its owner, which nobody knew then."""
    type, id = target
    if type not in OWNING:
        return True
    return problem(session, type, record.read(session, platform(tenant), type, id).data, tenant=tenant) is None


ACTORS = frozenset({"Organization", "Practitioner", "PractitionerRole", "HealthcareService", "Location", "Slot"})
