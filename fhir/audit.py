"""The log of accesses: one lean row for each, written in the same atomic unit as what it tells of.

A row names types, ids and callers. What was searched for is sealed. Rows are rendered as AuditEvents when somebody reads
them (`fhir.audit_event`). AuditEvents that clients write are ordinary resources and never come here.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Table, bindparam, insert, select
from sqlmodel import Session

from fhir.ids import new_row_id
from fhir.policy import Action
from fhir.rows import Stored
from fhir.tables import AuditRow, Resource
from infra.caller import Caller
from infra.statements import Statement
from infra.vault import Binding, Vault

AUDIT: Final = cast(Table, AuditRow.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
RESOURCE: Final = cast(Table, Resource.__table__)  # type: ignore[attr-defined]  # as above
INSERT_AUDIT: Final = Statement(insert(AUDIT), columns=AUDIT.c.keys())

# What the log calls all types at once: the abstract type of every resource.
EVERYTHING: Final = "Resource"

# http://hl7.org/fhir/audit-event-outcome
DONE: Final = "0"
REFUSED: Final = "4"
# Between a patient and the app by which they asked; neither ids nor the names of clients have it.
BY: Final = "|"


class Access(NamedTuple):
    """What was done to what; `query` is only set for a search and is sealed."""

    action: Action
    type: str
    id: str | None = None
    version: int | None = None
    compartment: str | None = None
    outcome: str = DONE
    query: str = ""


def row(caller: Caller, access: Access, *, recorded: datetime, tenant: str | None = None) -> dict[str, Any]:
    """The row for one access; it belongs to the caller's log unless another tenant's is named."""
    return {
        "id": new_row_id(),
        "recorded": recorded,
        "tenant": tenant or caller.tenant,
        "compartment": access.compartment,
        "action": str(access.action),
        "type": access.type,
        "resource_id": access.id,
        "version": access.version,
        "agent": f"{caller.subject}{BY}{caller.app}" if caller.app else caller.subject,
        "agent_tenant": caller.tenant,
        "role": str(caller.role),
        "purpose": caller.purpose,
        "outcome": access.outcome,
        "request_id": caller.request_id,
        "data_key": None,
        "detail": None,
    }


def record(
    vault: Vault,
    session: Session,
    caller: Caller,
    *,
    access: Access,
    recorded: datetime,
    shown: Collection[str] = (),
) -> None:
    """Nothing; the access stands in the log if and only if the unit is committed, once for each patient it concerned.

    `shown` are the compartments of which its answer showed something: each has a line of its own, so that the patient can
    see it (IHE BALP: one event for each patient in a result). https://profiles.ihe.net/ITI/BALP/
    """
    others = sorted(set(shown) - {access.compartment})
    accesses = (access, *(access._replace(compartment=each) for each in others))
    lines = [_sealed(vault, session, row(caller, each, recorded=recorded), query=access.query) for each in accesses]
    INSERT_AUDIT.run_each(session, lines) if others else INSERT_AUDIT.run(session, lines[0])


def _sealed(vault: Vault, session: Session, line: dict[str, Any], *, query: str) -> dict[str, Any]:
    if not query:
        return line
    sealed = vault.seal(session, query.encode(), to=detail_binding(line["tenant"], line["id"]))
    return line | {"data_key": sealed.data_key, "detail": sealed.body}


def seen(found: Iterable[Stored]) -> frozenset[str]:
    """The compartments that an answer shows something of; what stands in none is about nobody, or about several."""
    return frozenset(stored.compartment for stored in found if stored.compartment is not None)


def sealed_row(vault: Vault, caller: Caller, access: Access, *, recorded: datetime) -> dict[str, Any] | None:
    """The row of an access with its sealed query; None if the key is not known to this process yet."""
    made = row(caller, access, recorded=recorded)
    sealed = vault.seal_known(access.query.encode(), to=detail_binding(made["tenant"], made["id"]))
    return None if sealed is None else made | {"data_key": sealed.data_key, "detail": sealed.body}


def _telling() -> Statement:
    """Writes the line into the log of whoever keeps the resource; none if nobody does, or the agent's own tenant."""
    taken = {"tenant": RESOURCE.c.tenant, "compartment": RESOURCE.c.compartment}
    values = [taken.get(each.name, bindparam(f"told_{each.name}", type_=each.type)) for each in AUDIT.c]
    kept = select(*values).where(
        RESOURCE.c.id == bindparam("told_resource_id", type_=RESOURCE.c.id.type),
        RESOURCE.c.type == bindparam("told_type", type_=RESOURCE.c.type.type),
        RESOURCE.c.tenant != bindparam("told_agent_tenant", type_=RESOURCE.c.tenant.type),
    )
    return Statement(insert(AUDIT).from_select([each.name for each in AUDIT.c], kept))


_TELL: Final = _telling()


def tell_owner(session: Session, caller: Caller, access: Access, *, recorded: datetime) -> None:
    """Nothing; an access stands in the log of whoever keeps what it was about, if that is somebody else.

    One statement whoever it is, so that the time it takes does not tell what is not there from what is not the caller's.
    """
    made = row(caller, access, recorded=recorded)
    del made["tenant"], made["compartment"]
    _TELL.run(session, {f"told_{name}": value for name, value in made.items()})


def detail_binding(tenant: str, id: int) -> Binding:
    """What the detail of a log row is sealed to."""
    return Binding(tenant, "AuditEvent", str(id))
