"""Who looked at a patient's record in this clinic: the log of accesses in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import col, or_, select

from fhir import compartments
from fhir.audit import BY
from fhir.audit_event import details, found_unnamed
from fhir.policy import Action
from fhir.store import Store
from fhir.tables import AuditRow
from infra.caller import Caller, Role
from infra.database import Session
from infra.row_security import EVERY, act
from telemed.access.policy import EMERGENCY
from telemed.console.directory import by_id
from telemed.console.texts import AUDIT_PURPOSES, AUDIT_STEPS
from telemed.pages.languages import N_, translate
from telemed.pages.texts import AUDIT_ACTIONS, FOUND_IN_SEARCH, LOOKERS, RECORD_TYPES
from telemed.visits import resource

MOST_READ: Final = 500
PLATFORM: Final = N_("The platform, for the video visit")
KINDS: Final[Mapping[str, str]] = RECORD_TYPES
SYSTEM: Final = N_("A system of the clinic")
APP: Final = N_("An app that the patient allowed")
PATIENT: Final = N_("The patient, or somebody with their letter or link")
# Who stands in no directory; what their ids are says nothing to anybody.
OF_THE_ROLE: Final[Mapping[str, str]] = {Role.PATIENT.value: PATIENT, Role.SERVICE.value: LOOKERS["service"]}


@dataclass(frozen=True, slots=True)
class Look:
    """One line: when, who, did what, with which kind of entry, and why."""

    moment: datetime
    who: str
    action: str
    what: str
    why: str


def looks(session: Session, store: Store, caller: Caller, *, patient_id: str, language: str) -> list[Look]:
    """The latest accesses in the caller's clinic, newest first, searches about the patient too; repeats within a minute are one line.

    Part of an atomic unit. Only for a patient whom the caller may read, which is itself an access in the log.
    """
    store.read(session, caller, "Patient", patient_id)
    # Kinds of entries tell of health: only for whom the entries themselves are open.
    store.policy.permit(caller, Action.SEARCH, "Condition")
    return lines(session, store, caller, compartment=compartments.pseudonym(store.vault, patient_id), language=language)


def lines(
    session: Session, store: Store, caller: Caller, *, compartment: str, language: str, kinds: Mapping[str, str] = KINDS
) -> list[Look]:
    """The same for whoever was let in by other rules; `kinds` are the words for the types of entries."""
    wanted = (
        select(AuditRow)
        # Of other clinics what they did in an emergency: the patient's own clinic is to know who broke the glass.
        .where(
            AuditRow.compartment == compartment,
            or_(col(AuditRow.tenant) == caller.tenant, col(AuditRow.purpose) == EMERGENCY),
        )
        .order_by(col(AuditRow.recorded).desc(), col(AuditRow.id).desc())
        .limit(MOST_READ)
    )
    act(session, EVERY)  # another clinic's line about an emergency stands in that clinic's log
    found = session.exec(wanted).all()
    steps = _steps(session, store, found)
    people = by_id(session, store, caller, type="Practitioner", ids={row.agent for row in found if BY not in row.agent})
    foreign = {row.agent_tenant for row in found} - {caller.tenant}
    clinics = by_id(session, store, caller, type="Organization", ids=foreign)
    names = {
        (row.agent, row.agent_tenant, row.role): _name(row, people, language=language)
        + (f" ({resource.name(clinics.get(row.agent_tenant, {}))})" if row.agent_tenant in foreign else "")
        for row in found
    }
    told = [
        Look(
            row.recorded.replace(second=0, microsecond=0),
            names[row.agent, row.agent_tenant, row.role],
            translate(language, steps[row.id])
            if row.id in steps
            else words(AUDIT_ACTIONS, row.action, language=language),
            words(kinds, row.type, language=language),
            words(AUDIT_PURPOSES, row.purpose, language=language),
        )
        for row in found
    ]
    return list(dict.fromkeys(told))


def _steps(session: Session, store: Store, found: Sequence[AuditRow]) -> dict[int, str]:
    """What rows of the log were, where that stands sealed beside them: operations, and searches that named others."""
    operations = [row.id for row in found if row.action == Action.OPERATION]
    told = details(store.vault, session, operations).items()
    unnamed = found_unnamed(store.vault, session, [row.id for row in found if row.action == Action.SEARCH])
    return {id: AUDIT_STEPS[step] for id, step in told if step in AUDIT_STEPS} | dict.fromkeys(unnamed, FOUND_IN_SEARCH)


def _name(row: AuditRow, people: dict[str, dict[str, object]], *, language: str) -> str:
    if row.agent in people:
        return resource.name(people[row.agent])
    if app := row.agent.partition(BY)[2]:
        return f"{translate(language, APP)} ({app})"
    if row.agent == "visit":
        return translate(language, PLATFORM)
    if row.role in OF_THE_ROLE:
        return translate(language, OF_THE_ROLE[row.role])
    return f"{translate(language, SYSTEM)} ({row.agent})"


def words(texts: Mapping[str, str], key: str, *, language: str) -> str:
    """What the log's word means in a language; a word without a meaning stands as it is. The patient reads the same."""
    return translate(language, texts[key]) if key in texts else key
