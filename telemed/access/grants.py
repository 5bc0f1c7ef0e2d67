"""Grants and denials follow the record: written, changed and withdrawn in the atomic unit of the resource behind them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import col, delete, select

from fhir.rows import COMPARTMENT
from fhir.store import Change, Hook, Store
from infra.among import among
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.columns import UtcDateTime
from infra.database import Session
from infra.statements import Statement
from telemed.access.actors import own_keepers
from telemed.access.closings import EVERYBODY, closings
from telemed.access.models import CareGrant, ConsentRule
from telemed.access.provisions import lines
from telemed.access.rule import is_open
from telemed.access.settle import Claim, settle
from telemed.access.sources import READERS, Opening, openings

_HOME: Final = Statement(select(COMPARTMENT.c.tenant).where(COMPARTMENT.c.id == bindparam("compartment")))
_LOCK: Final = Statement(
    select(COMPARTMENT.c.id).where(among(COMPARTMENT.c.id, "compartments")).order_by(COMPARTMENT.c.id).with_for_update()
)
_DENIED: Final = Statement(
    select(col(ConsentRule.tenant), col(ConsentRule.since)).where(
        col(ConsentRule.compartment) == bindparam("compartment"),
        col(ConsentRule.permits).is_(False),
        col(ConsentRule.tenant) != EVERYBODY,
        col(ConsentRule.until) > bindparam("now", type_=UtcDateTime()),
    )
)


def grants_hook(clock: Clock, record: Store) -> Hook:
    """The hook that keeps grants and denials in step with CareTeam, Appointment, ServiceRequest and Consent.

    `record` is a store without hooks: in it stands what those who are named belong to.
    """

    def written(session: Session, caller: Caller, change: Change) -> None:
        if change.type not in READERS:
            return
        now = clock.now()
        source, compartment = f"{change.type}/{change.id}", change.stored.compartment
        found = openings(change.type, change.after, now=now)
        said = lines(change.after, now=now) if change.type == "Consent" else []
        earlier = _of_source(session, source) if change.before is not None else set()
        if not found and not said and not earlier:
            return
        touched = sorted(earlier | ({compartment} if compartment else set()))
        _lock(session, touched)
        if earlier:
            session.exec(delete(CareGrant).where(col(CareGrant.source) == source))
            session.exec(delete(ConsentRule).where(col(ConsentRule.source) == source))
        # Naming somebody in a resource about a stranger opens and closes nothing: the writer must be entitled already.
        # A patient's own word opens a record whose processing they have had restricted, too.
        stores = caller.role in (Role.SERVICE, Role.PATIENT)
        if compartment is not None and is_open(session, caller.tenant, compartment=compartment, now=now, stores=stores):
            tenants = own_keepers(session, record, {opening.actor for opening in found})
            session.add_all(_grants(found, tenants, compartment=compartment, source=source, granted_by=caller.tenant))
            session.add_all(closings(session, said, compartment=compartment, source=source))
        session.flush()
        for each in touched:
            resettle(session, each, now=now)

    return written


def resettle(session: Session, compartment: str, *, now: datetime) -> None:
    """Write down anew until when each grant of the compartment really holds (see settle.py)."""
    kept = _HOME.first(session, {"compartment": compartment})
    # What one person opened in an emergency has an end of its own, and nobody refers on by it.
    everybodys = (col(CareGrant.compartment) == compartment, col(CareGrant.subject) == "")
    grants = session.exec(select(CareGrant).where(*everybodys)).all()
    claims = [
        Claim(grant.tenant, grant.granted_by, grant.asked_until, whole=not grant.type and not grant.item)
        for grant in grants
    ]
    denied = _denied(session, compartment, now=now)
    for grant, until in zip(grants, settle(claims, home=str(kept[0]) if kept else "", denied=denied), strict=True):
        if grant.until != until:
            grant.until = until
            session.add(grant)
    session.flush()


def _denied(session: Session, compartment: str, *, now: datetime) -> dict[str, datetime]:
    """The clinics that the patient denies something by name, and from when on."""
    first: dict[str, datetime] = {}
    for tenant, since in _DENIED.rows(session, {"compartment": compartment, "now": now}):
        first[tenant] = min(since, first.get(tenant, since))
    return first


def _lock(session: Session, compartments: list[str]) -> None:
    """Nothing; grants about these patients are written by one unit at a time.

    Otherwise a clinic could refer on at the very moment its own access is withdrawn, and the new grant would stay.
    """
    _LOCK.rows(session, {"compartments": compartments})


def _of_source(session: Session, source: str) -> set[str]:
    """The compartments in which a resource opened or closed something before."""
    found: set[str] = set()
    for table in (CareGrant, ConsentRule):
        found |= set(session.exec(select(table.compartment).where(col(table.source) == source)))
    return found


def _grants(
    found: Sequence[Opening], tenants: Mapping[str, str], *, compartment: str, source: str, granted_by: str
) -> list[CareGrant]:
    """A grant for each tenant, part and period that the openings name; nobody needs one for what is theirs."""
    # As a set: ten members of one team are one grant. Periods are never joined, there may be a gap between them.
    wanted = {
        (tenant, opening.type, opening.item, opening.since, opening.until)
        for opening in found
        if (tenant := tenants.get(opening.actor)) is not None and tenant != granted_by
    }
    return [
        CareGrant(
            compartment=compartment,
            tenant=tenant,
            kind=source.partition("/")[0],
            source=source,
            type=type,
            item=item,
            granted_by=granted_by,
            since=since,
            asked_until=until,
            until=until,
        )
        for tenant, type, item, since, until in sorted(wanted)
    ]
