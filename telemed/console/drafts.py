"""The documentation of a consultation while it is being written: kept at every pause, sealed, gone once it is saved.

A draft is no part of the record: nobody but the clinic's own people sees it, and only until the visit is documented.
Two windows that write at once notice each other: each change names the version that it is based on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, delete, select

from fhir import compartments
from fhir.policy import Action
from infra.caller import Caller
from infra.database import Session
from infra.problems import StaleVersion
from infra.vault.sealing import Binding, Sealed
from telemed.console.chart import person
from telemed.services import Services
from telemed.visits.models import NoteDraft

FIELDS: Final = ("reason", "note", "diagnosis", "task", "due")
LONGEST: Final = {"note": 20_000}
LONGEST_OTHER: Final = 300
# A visit that nobody ever documents: its draft is no substitute for a record.
FORGET_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Draft:
    """What was entered so far; version 0 is an empty one that nobody has saved."""

    version: int
    fields: Mapping[str, str]
    author: str = ""


def read(session: Session, services: Services, caller: Caller, appointment_id: str) -> Draft:
    """The draft of a visit of the caller's clinic, for who may write the note. Part of an atomic unit."""
    _compartment(session, services, caller, appointment_id)
    found = session.get(NoteDraft, appointment_id)
    # What another clinic wrote, before the slot became this one's, stays that clinic's.
    if found is None or found.tenant != caller.tenant:
        return Draft(found.version if found else 0, {})
    return _opened(session, services, found)


def write(
    session: Session,
    services: Services,
    caller: Caller,
    appointment_id: str,
    *,
    based_on: int,
    fields: Mapping[str, str],
) -> Draft:
    """The draft as it stands now; `StaleVersion` if somebody else has written since. Part of an atomic unit."""
    compartment = _compartment(session, services, caller, appointment_id)
    row = _locked(session, appointment_id, now=services.system_clock.now())
    if row.version != based_on:
        raise StaleVersion
    kept = {name: fields.get(name, "")[: LONGEST.get(name, LONGEST_OTHER)] for name in FIELDS}
    row.version, row.author, row.saved = based_on + 1, caller.subject, services.system_clock.now()
    row.tenant, row.compartment = caller.tenant, compartment
    sealed = services.vault.seal(session, msgspec.json.encode(kept), to=_binding(row))
    row.data_key, row.body = sealed.data_key, sealed.body
    session.add(row)
    return Draft(row.version, kept, row.author)


def discard(session: Session, appointment_id: str) -> None:
    """Nothing; what was entered stands in the record now, or was given up."""
    session.exec(delete(NoteDraft).where(col(NoteDraft.appointment_id) == appointment_id))


def forget_drafts(session: Session, *, now: datetime) -> None:
    """Nothing; drafts that nobody has touched for a week go."""
    session.exec(delete(NoteDraft).where(col(NoteDraft.saved) < now - FORGET_AFTER))


def _compartment(session: Session, services: Services, caller: Caller, appointment_id: str) -> str:
    services.store.policy.permit(caller, Action.CREATE, "DocumentReference")
    who, _ = person(session, services.store, caller, appointment_id=appointment_id)
    return compartments.pseudonym(services.vault, who.id)


def _locked(session: Session, appointment_id: str, *, now: datetime) -> NoteDraft:
    """The draft's row, made when there is none, and locked: of two first writers one is told of the other."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    empty = {"tenant": "", "compartment": "", "version": 0, "author": "", "data_key": 0, "body": b""}
    new = insert(NoteDraft).values(appointment_id=appointment_id, saved=now, **empty)
    session.execute(new.on_conflict_do_nothing(index_elements=["appointment_id"]))
    return session.exec(
        select(NoteDraft).where(col(NoteDraft.appointment_id) == appointment_id).with_for_update()
    ).one()


def _opened(session: Session, services: Services, row: NoteDraft) -> Draft:
    body = services.vault.open_alone(session, Sealed(row.data_key, row.body), to=_binding(row))
    return Draft(row.version, msgspec.json.decode(body, type=dict[str, str]), row.author)


def _binding(row: NoteDraft) -> Binding:
    return Binding(row.tenant, "note-draft", row.appointment_id, row.version, row.compartment)
