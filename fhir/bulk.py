"""Many new resources in one atomic unit: the same sealing, index, history and log as any write, in few statements.

Validation is the caller's: a generator may check a sample of what it makes. Hooks run only if they are handed in.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from fhir import audit, compartments, rows
from fhir.audit import Access
from fhir.codec import Parsed
from fhir.drafts import Draft
from fhir.erasure import refuse_erased
from fhir.policy import Action, Permit
from fhir.rows import Stored
from fhir.store import Change, Hook, Store
from infra.caller import Caller
from infra.row_security import act
from infra.vault import Binding

# A list as one value: SQLAlchemy writes a text for each length of an IN, which costs 8 us for each of a hundred patients.
# But for those whose processing is restricted: of these the permit says who may.
_FREE: Final = " AND NOT EXISTS (SELECT 1 FROM restriction WHERE restriction.compartment = compartment.id)"
_OWN_SQLITE: Final = (
    f"SELECT id FROM compartment WHERE tenant = ? AND id IN (SELECT value FROM json_each(?)){_FREE}"  # of constants  # nosec B608
)
_OWN_POSTGRES: Final = (
    f"SELECT id FROM compartment WHERE tenant = $1 AND id = ANY($2::varchar[]){_FREE}"  # of constants  # nosec B608
)


@dataclass(frozen=True, slots=True)
class Item:
    """A resource to load, under an id of the service's choice if it has one."""

    parsed: Parsed
    id: str | None = None


def load(
    store: Store, session: Session, caller: Caller, items: Iterable[Item], *, hooks: Sequence[Hook] = ()
) -> list[str]:
    """The ids of the new resources, in the order of the items."""
    return insert(store, session, caller, [store.draft(item.parsed, id=item.id) for item in items], hooks=hooks)


def insert(
    store: Store, session: Session, caller: Caller, drafts: Sequence[Draft], *, hooks: Sequence[Hook] = ()
) -> list[str]:
    """The ids of the new resources; the drafts may come from other processes (`fhir.drafts.draft`)."""
    stored = add(store, session, caller, drafts)
    for draft, new in zip(drafts, stored, strict=True):
        for hook in hooks:
            hook(session, caller, Change(new.type, new.id, None, draft.data, new))
    return [draft.id for draft in drafts]


def add(store: Store, session: Session, caller: Caller, drafts: Sequence[Draft]) -> list[Stored]:
    """The new resources, in the order of the drafts; the hooks are still to be run."""
    permits = {type: store.policy.permit(caller, Action.CREATE, type) for type in {draft.type for draft in drafts}}
    act(session, caller.tenant)
    patients = [
        compartments.row(store.vault, draft.id, tenant=caller.tenant, patient=draft.data)
        for draft in drafts
        if draft.type == "Patient"
    ]
    if patients:
        compartments.add(session, patients, numbered=True)
    entered = _own_patients(session, caller, drafts)
    stored = [_stored(session, caller, draft, permit=permits[draft.type], entered=entered) for draft in drafts]
    _write(store, session, caller, stored=stored)
    rows.add_tokens(session, ((token, draft.rid) for draft in drafts for token in draft.tokens))
    return stored


def _own_patients(session: Session, caller: Caller, drafts: Sequence[Draft]) -> dict[str, bool]:
    """Which of the named compartments are of the caller's own patients: open to it unless restricted (DESIGN 5)."""
    named = sorted({draft.compartment for draft in drafts if draft.compartment})
    if not named:
        return {}
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(_OWN_POSTGRES, (caller.tenant, named))
    else:
        found = connection.exec_driver_sql(_OWN_SQLITE, (caller.tenant, json.dumps(named)))
    return dict.fromkeys(found.scalars(), True)


def _stored(session: Session, caller: Caller, draft: Draft, *, permit: Permit, entered: dict[str, bool]) -> Stored:
    compartment = draft.compartment
    if compartment is not None and compartment not in entered:
        entered[compartment] = permit.entitled(session, caller, compartment)
    if compartment is not None and not entered[compartment]:
        refuse_erased(session, caller, compartment)
        compartment = None
    return Stored(
        draft.rid,
        draft.type,
        draft.id,
        1,
        draft.last_updated,
        caller.tenant,
        compartment,
        deleted=False,
        body=draft.body,
    )


def _write(store: Store, session: Session, caller: Caller, *, stored: Sequence[Stored]) -> None:
    scopes = (Binding(new.tenant, new.type, new.id, 1, new.compartment or "").scope for new in stored)
    store.vault.prepare(session, scopes)
    now = store.clock.now()
    resources: list[dict[str, Any]] = []
    accesses: list[dict[str, Any]] = []
    for new in stored:
        resources.append(rows.columns(new, rows.seal(store.vault, session, new)))
        access = Access(Action.CREATE, new.type, new.id, 1, new.compartment)
        accesses.append(audit.row(caller, access, recorded=now))
    if resources:
        rows.INSERT_RESOURCE.run_each(session, resources)
        audit.INSERT_AUDIT.run_each(session, accesses)
