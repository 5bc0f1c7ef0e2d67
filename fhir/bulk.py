"""Many new resources in one atomic unit: the same sealing, index, history and log as any write, in few statements.

Validation is the caller's: a generator may check a sample of what it makes. Hooks run only if they are handed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session

from fhir import audit, compartments, rows
from fhir.audit import Access
from fhir.codec import Parsed
from fhir.drafts import Draft
from fhir.erasure import refuse_erased
from fhir.policy import Action, Permit
from fhir.rows import COMPARTMENT, Stored
from fhir.store import Change, Hook, Store
from infra.caller import Caller
from infra.vault import Binding

AT_ONCE: Final = 500
# The driver's own form: a token is bytes and a number on both databases, so nothing has to be converted per row.
_TOKENS_SQLITE: Final = "INSERT INTO token (t, rid) VALUES (?, ?)"
_TOKENS_POSTGRES: Final = "INSERT INTO token (t, rid) SELECT * FROM unnest($1::bytea[], $2::bigint[])"


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
    _index(session, drafts)
    return stored


def _own_patients(session: Session, caller: Caller, drafts: Sequence[Draft]) -> dict[str, bool]:
    """Which of the named compartments are of the caller's own patients: always open to it (DESIGN 5)."""
    named = sorted({draft.compartment for draft in drafts if draft.compartment})
    own: dict[str, bool] = {}
    for start in range(0, len(named), AT_ONCE):
        part = named[start : start + AT_ONCE]
        statement = select(COMPARTMENT.c.id).where(COMPARTMENT.c.id.in_(part), COMPARTMENT.c.tenant == caller.tenant)
        own.update(dict.fromkeys(session.connection().execute(statement).scalars(), True))
    return own


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


def _index(session: Session, drafts: Sequence[Draft]) -> None:
    # Sorted, so that neighbours in the index are written one after the other.
    tokens = sorted((token, draft.rid) for draft in drafts for token in draft.tokens)
    if not tokens:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        values, holders = map(list, zip(*tokens, strict=True))
        connection.exec_driver_sql(_TOKENS_POSTGRES, (values, holders))
    else:
        connection.exec_driver_sql(_TOKENS_SQLITE, tokens)
