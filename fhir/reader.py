"""The record for statistics: bodies in bulk, with the person behind each and no policy in between.

Only the statistics job uses it, inside its own process, to count persons; nothing it reads may leave singly (DESIGN 8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists
from sqlmodel import Session

from fhir.rows import COMPARTMENT, HEADS, RESOURCE, RESTRICTION, SealedRow, opened
from infra.vault import Vault

STEP: Final = 2000
_OTHER: Final = COMPARTMENT.alias("other")
_RESTRICTED: Final = (
    exists()
    .where(RESTRICTION.c.compartment == _OTHER.c.id, _OTHER.c.person == COMPARTMENT.c.person)
    .correlate_except(RESTRICTION, _OTHER)
)


@dataclass(frozen=True, slots=True)
class Row:
    """One present resource of a patient's compartment, opened but not parsed."""

    person: str
    tenant: str
    id: str
    body: bytes


class Reader:
    """Reads whole types in the order of their making."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def rows(
        self, session: Session, type: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Row]:
        """All present resources of a type that belong to a patient, last written in [since, until).

        Resources outside any compartment have no person and are left out, as are deleted and erased ones, and all of a
        person who has had the processing of a record restricted, in whichever clinic (Art. 18 GDPR).
        """
        statement = (
            HEADS.add_columns(COMPARTMENT.c.person)
            .join(COMPARTMENT, COMPARTMENT.c.id == RESOURCE.c.compartment)
            .where(RESOURCE.c.type == type, RESOURCE.c.deleted.is_(False), ~_RESTRICTED)
            .order_by(RESOURCE.c.rid)
            .limit(STEP)
        )
        if since is not None:
            statement = statement.where(RESOURCE.c.last_updated >= since)
        if until is not None:
            statement = statement.where(RESOURCE.c.last_updated < until)
        last, full = 0, True
        while full:
            found = session.connection().execute(statement.where(RESOURCE.c.rid > last)).fetchall()
            full = len(found) == STEP
            for *columns, person in found:
                row = SealedRow._make(columns)
                last = row.rid
                yield Row(person, row.tenant, row.id, opened(self.vault, row).body)
