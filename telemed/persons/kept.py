"""The caller's own Patients, and what they are joined with."""

from typing import Final

from sqlmodel import Session, col, or_, select

from fhir.policy import Action
from fhir.rows import Stored
from fhir.store import Store
from fhir.tables import Compartment, PersonLink
from infra.caller import Caller, Role
from infra.problems import NotFound
from telemed.persons.log import Kept
from telemed.persons.problems import PatientNotYours, PersonMustConfirm

# Who sees the patient, or the patient's papers, and may say who that is.
CONFIRMING: Final = frozenset({Role.PHYSICIAN, Role.RECEPTIONIST})
LINK, MERGE = "link", "merge"


def own(session: Session, store: Store, caller: Caller, id: str) -> tuple[Stored, Kept]:
    """A Patient that the caller's clinic keeps and the caller may change; else it is like one that does not exist."""
    try:
        found = store.present(session, caller, Action.UPDATE, type="Patient", id=id)
    except NotFound as absent:
        raise PatientNotYours from absent
    assert found.compartment is not None  # every Patient has one
    return found, Kept(found.id, found.compartment, found.tenant)


def require_person(caller: Caller) -> None:
    """Nothing; `PersonMustConfirm` for whoever is not a person with the role for it."""
    if caller.role not in CONFIRMING:
        raise PersonMustConfirm


def joined(session: Session, compartment: str) -> list[tuple[PersonLink, Kept]]:
    """What this Patient is joined with by people, one step away, with the Patient at the other end."""
    named = or_(col(PersonLink.one) == compartment, col(PersonLink.other) == compartment)
    links = session.exec(select(PersonLink).where(named).order_by(col(PersonLink.one), col(PersonLink.other))).all()
    if not links:
        return []
    ends = {link.other if link.one == compartment else link.one: link for link in links}
    rows = session.exec(select(Compartment).where(col(Compartment.id).in_(sorted(ends))).order_by(col(Compartment.id)))
    return [(ends[row.id], Kept(row.patient_id, row.id, row.tenant)) for row in rows]


def replaced(session: Session, compartment: str) -> list[str]:
    """The ids of the Patients that this one has replaced, by one merge or several in a row."""
    known: dict[str, str] = {}
    asked = [compartment]
    while asked:
        wanted = (
            select(Compartment)
            .join(PersonLink, col(PersonLink.one) == col(Compartment.id))
            .where(col(PersonLink.other).in_(asked), col(PersonLink.kind) == MERGE)
        )
        found = {row.id: row.patient_id for row in session.exec(wanted)}
        asked = sorted(found.keys() - known.keys())
        known |= found
    return sorted(known.values())
