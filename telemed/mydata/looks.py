"""Who looked at the patient's record, in every clinic, and why: the log of accesses in plain words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import and_, col, select, true

from fhir.audit import BY, REFUSED
from fhir.audit_event import found_unnamed
from fhir.policy import Action
from fhir.store import Store
from fhir.tables import AuditRow
from infra.caller import Caller, Role
from infra.database import Session
from infra.row_security import EVERY, act
from telemed.console.directory import by_id
from telemed.console.looks import words
from telemed.identity.models import OAuthClient
from telemed.mydata.sessions import MyPatient
from telemed.pages.languages import translate
from telemed.pages.texts import (
    AUDIT_ACTIONS,
    BY_APP,
    FOUND_IN_SEARCH,
    LOOKERS,
    PURPOSES,
    RECORD_TYPES,
    REFUSED_LOOK,
    YOURSELF,
)
from telemed.visits import resource

ON_A_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class MyLook:
    """One line: when, who of which clinic, did what with which kind of entry, and why."""

    moment: datetime
    who: str
    clinic: str
    action: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Asking:
    """How the lines are to be read: language, page from 0, and whether people at clinics are named."""

    language: str
    page: int
    with_names: bool
    with_own: bool = False


def looks(
    session: Session, store: Store, caller: Caller, patient: MyPatient, *, asking: Asking
) -> tuple[list[MyLook], bool]:
    """A page of accesses, newest first, and whether there are older ones; repeats within a minute are one line.

    Part of an atomic unit. Reading the log is itself an access in it.
    """
    store.read(session, caller, "Patient", patient.patient_id)
    own = and_(col(AuditRow.role) == Role.PATIENT, col(AuditRow.agent) == patient.patient_id)
    wanted = (
        select(AuditRow)
        .where(AuditRow.compartment == patient.compartment)
        .where(true() if asking.with_own else ~own)
        .order_by(col(AuditRow.recorded).desc(), col(AuditRow.id).desc())
        .offset(asking.page * ON_A_PAGE)
        .limit(ON_A_PAGE + 1)
    )
    act(session, EVERY)  # the patient's own compartment alone, in the logs of all who looked
    found = session.exec(wanted).all()
    # Others' searches stand sealed in the log; only whether they named this patient is read off.
    unnamed = found_unnamed(store.vault, session, [row.id for row in found if row.action == Action.SEARCH])
    clinics = by_id(session, store, caller, type="Organization", ids={row.agent_tenant for row in found})
    people = (
        by_id(session, store, caller, type="Practitioner", ids={row.agent for row in found if BY not in row.agent})
        if asking.with_names
        else {}
    )
    apps = _apps(session, {row.agent for row in found})
    lines = []
    for row in found[:ON_A_PAGE]:
        is_own = row.role == Role.PATIENT and row.agent == patient.patient_id
        person = "" if is_own else resource.name(people.get(row.agent, {}))
        role = translate(asking.language, YOURSELF) if is_own else words(LOOKERS, row.role, language=asking.language)
        if app := apps.get(row.agent):
            role = translate(asking.language, BY_APP) % {"app": app}
        done = translate(asking.language, FOUND_IN_SEARCH) if row.id in unnamed else ""
        action = done or words(AUDIT_ACTIONS, row.action, language=asking.language)
        refused = translate(asking.language, REFUSED_LOOK) if row.outcome == REFUSED else ""
        lines.append(
            MyLook(
                row.recorded.replace(second=0, microsecond=0),
                ", ".join(filter(None, (person, role))),
                "" if is_own else resource.name(clinics.get(row.agent_tenant, {})),
                " ".join(filter(None, (action, refused))),
                words(RECORD_TYPES, row.type, language=asking.language),
                words(PURPOSES, row.purpose, language=asking.language),
            )
        )
    return list(dict.fromkeys(lines)), len(found) > ON_A_PAGE


def _apps(session: Session, agents: set[str]) -> dict[str, str]:
    """The names of the apps among these agents of the log, by agent."""
    ids = {agent: agent.partition(BY)[2] for agent in agents if BY in agent}
    wanted = select(OAuthClient).where(col(OAuthClient.client_id).in_(sorted(ids.values())))
    named = {client.client_id: client.name for client in session.exec(wanted)} if ids else {}
    return {agent: named.get(id) or id for agent, id in ids.items()}
