"""Taking one patient's record out of the tables, once its keys are destroyed: nothing of it can be read before, either.

The log of accesses stays; it names the compartment's pseudonym.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final, cast

from sqlalchemy import ColumnElement, Table, delete, func, literal, or_, select, tuple_, union_all, update
from sqlmodel import Session

from fhir import persons
from fhir.audit import AUDIT
from fhir.policy import Action
from fhir.rows import COMPARTMENT, DELETE_TOKEN, HISTORY, RESOURCE, TOKEN
from fhir.tables import UniqueToken
from infra.caller import Caller, Role
from infra.database import Database
from infra.problems import Gone
from infra.vault.destroying import destruction, overwriting

UNIQUE: Final = cast(Table, UniqueToken.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
BATCH: Final = 500  # rows in one atomic unit: some milliseconds in which other writers wait


class RecordErased(Gone):
    """This patient's record was erased for good. Nothing is stored about them any more."""


def scope_of(compartment: str) -> str:
    """The scope of a compartment's data keys."""
    return f"c:{compartment}"


def compartment_of(scope: str) -> str:
    """The compartment whose data keys a scope has."""
    return scope.removeprefix("c:")


def refuse_erased(session: Session, caller: Caller, compartment: str) -> None:
    """Nothing; `RecordErased` if this was a patient of the caller's. To everybody else it is like any unknown patient."""
    found = destruction(session, scope_of(compartment))
    if found is not None and found.tenant == caller.tenant:
        raise RecordErased


def count(session: Session, compartment: str) -> int:
    """How many resources there are in the compartment, whoever wrote them."""
    own = select(func.count()).where(RESOURCE.c.compartment == compartment, RESOURCE.c.deleted.is_(False))
    return int(session.execute(own).scalar_one())


def last_written(session: Session, compartment: str, *, besides: Collection[str], not_by: Role) -> datetime | None:
    """When something was last written in the compartment, other than resources of these types; None if never.

    What this role made does not count in any version, nor do the versions that it wrote of what others made.
    """
    moments = [
        select(func.max(table.c.last_updated)).where(
            table.c.rid.in_(select(RESOURCE.c.rid).where(RESOURCE.c.compartment == compartment)),
            table.c.compartment == compartment,
            table.c.type.not_in(besides),
            ~_written_by(not_by, table, compartment),
        )
        for table in (RESOURCE, HISTORY)
    ]
    found = [moment for (moment,) in session.execute(union_all(*moments)).fetchall() if moment is not None]
    return max(found, default=None)


def _written_by(role: Role, table: Table, compartment: str) -> ColumnElement[bool]:
    """True for a version that the log of accesses says this role wrote, or whose resource it made."""
    own = (AUDIT.c.compartment == compartment, AUDIT.c.role == role.value, AUDIT.c.version.is_not(None))
    made = select(AUDIT.c.resource_id).where(*own, AUDIT.c.action == Action.CREATE.value)
    changed = select(AUDIT.c.resource_id, AUDIT.c.version).where(*own, AUDIT.c.action == Action.UPDATE.value)
    # Not correlated: asked once, not for each of the compartment's versions.
    return or_(table.c.id.in_(made), tuple_(table.c.id, table.c.version).in_(changed))


def close(session: Session, compartment: str) -> None:
    """Nothing; the compartment is nobody's any more, and no count has its resources."""
    persons.alone(session)
    persons.leave(session, compartment)
    session.execute(delete(COMPARTMENT).where(COMPARTMENT.c.id == compartment))
    session.execute(update(RESOURCE).where(RESOURCE.c.compartment == compartment).values(deleted=True))


def resource_ids(session: Session, compartment: str, type: str) -> list[str]:
    """The ids of the compartment's resources of one type."""
    statement = select(RESOURCE.c.id).where(RESOURCE.c.compartment == compartment, RESOURCE.c.type == type)
    return [str(id) for id in session.execute(statement).scalars()]


async def clear(database: Database, compartments: Sequence[str]) -> None:
    """Nothing; the compartments' index entries, versions and resources are gone. What was killed goes on from the start."""
    # Tokens lie in the order of their values: one pass through their table, which only reads, finds those of all.
    tokens = await database.read(partial(_tokens, table=TOKEN, compartments=compartments))
    for start in range(0, len(tokens), BATCH):
        await database.write(partial(_remove_tokens, pairs=tokens[start : start + BATCH]))
    claims = await database.read(partial(_tokens, table=UNIQUE, compartments=compartments))
    await database.write(partial(_remove_claims, pairs=claims))
    while await database.write(partial(_remove_resources, compartments=compartments)):
        pass


def _tokens(session: Session, *, table: Table, compartments: Sequence[str]) -> list[tuple[bytes, int]]:
    own = select(RESOURCE.c.rid).where(RESOURCE.c.compartment.in_(compartments))
    return [
        (bytes(t), int(rid)) for t, rid in session.execute(select(table.c.t, table.c.rid).where(table.c.rid.in_(own)))
    ]


def _remove_tokens(session: Session, *, pairs: Sequence[tuple[bytes, int]]) -> None:
    with overwriting(session):
        DELETE_TOKEN.run_each(session, [{"old_t": token, "old_rid": rid} for token, rid in pairs])


def _remove_claims(session: Session, *, pairs: Sequence[tuple[bytes, int]]) -> None:
    with overwriting(session):
        for token, rid in pairs:
            session.execute(delete(UNIQUE).where(UNIQUE.c.t == literal(token, UNIQUE.c.t.type), UNIQUE.c.rid == rid))


def _remove_resources(session: Session, *, compartments: Sequence[str]) -> bool:
    """True if there was something to remove, each resource with the versions that belong to these compartments."""
    own = select(RESOURCE.c.rid).where(RESOURCE.c.compartment.in_(compartments)).limit(BATCH)
    rids = list(session.execute(own).scalars())
    if not rids:
        return False
    with overwriting(session):
        session.execute(delete(HISTORY).where(HISTORY.c.rid.in_(rids), HISTORY.c.compartment.in_(compartments)))
        session.execute(delete(RESOURCE).where(RESOURCE.c.rid.in_(rids), RESOURCE.c.compartment.in_(compartments)))
    return True
