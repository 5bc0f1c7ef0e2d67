"""A tenant's log as AuditEvents, each with the place of its leaf: what an auditor takes away."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session

from fhir import codec
from fhir.audit_event import Log
from fhir.ledger.models import LEAF
from fhir.rows import Stored
from fhir.search.asking import Effort
from fhir.search.parsing import parse
from infra.vault import Vault

# The number of an event's leaf in its log, counted from 0; missing where it is not signed yet.
PLACE: Final = "https://telemed.example/fhir/StructureDefinition/log-place"
AT_ONCE: Final = 500
EVERY: Final = 1 << 62


def exported(session: Session, vault: Vault, *, tenant: str, since: datetime | None) -> Iterator[dict[str, Any]]:
    """The events of a tenant's log, oldest first."""
    pairs = [] if since is None else [("_lastUpdated", f"ge{codec.instant(since)}")]
    found = Log(vault, session, tenant).matches(
        parse("AuditEvent", pairs), newest_first=False, after=None, effort=Effort(EVERY)
    )
    group = list[Stored]()
    for stored in found:
        group.append(stored)
        if len(group) == AT_ONCE:
            yield from _placed(session, group)
            group = []
    yield from _placed(session, group)


def _placed(session: Session, group: Sequence[Stored]) -> Iterator[dict[str, Any]]:
    wanted = select(LEAF.c.event, LEAF.c.place).where(LEAF.c.event.in_([stored.rid for stored in group]))
    places = {row.event: row.place for row in session.connection().execute(wanted)}
    for stored in group:
        place = places.get(stored.rid)
        there = {} if place is None else {"extension": [{"url": PLACE, "valueUnsignedInt": place}]}
        event = stored.data
        # Where R4 has it: behind id and meta, before the event's own elements.
        yield (
            {"resourceType": event.pop("resourceType"), "id": event.pop("id"), "meta": event.pop("meta")}
            | there
            | event
        )
