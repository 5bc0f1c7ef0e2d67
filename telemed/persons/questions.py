"""Questions from clinic to clinic: is my patient of this name known to you? Shown to nobody but who keeps such a Patient."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, delete, or_, select

from fhir.tables import Compartment
from infra.vault import Vault
from telemed.persons.log import Kept
from telemed.persons.matching import Patient, key_of
from telemed.persons.models import PersonQuestion, PersonRefusal

# Long enough for the patient's next visit there; then the question is forgotten.
LASTS: Final = timedelta(days=30)


def likeness_token(vault: Vault, patient: Patient) -> str | None:
    """What Patients of the same names and birth date have in common, unreadable; None if one of them is missing."""
    key = key_of(patient)
    return None if key is None else vault.pseudonym("likeness", *key)


def to(session: Session, patient: Kept, *, likeness: str, now: datetime) -> list[tuple[Kept, PersonQuestion]]:
    """The open questions that are about this Patient, with who asks; a number that contradicts rules them out."""
    wanted = (
        select(Compartment, PersonQuestion)
        .join(PersonQuestion, col(PersonQuestion.compartment) == col(Compartment.id))
        .where(
            col(PersonQuestion.tenant) == patient.tenant,
            col(PersonQuestion.likeness) == likeness,
            col(PersonQuestion.asked) > now - LASTS,
        )
        .order_by(col(PersonQuestion.asked), col(Compartment.id))
    )
    return [(Kept(row.patient_id, row.id, row.tenant), question) for row, question in session.exec(wanted)]


def refused(session: Session, compartment: str) -> set[str]:
    """The compartments of which somebody said that they are not this patient."""
    wanted = select(PersonRefusal.other).where(col(PersonRefusal.compartment) == compartment)
    return set(session.exec(wanted))


def refuse(session: Session, compartment: str, others: Sequence[str]) -> None:
    """Nothing; these are not proposed for this patient again."""
    for other in sorted(set(others) - refused(session, compartment)):
        session.add(PersonRefusal(compartment=compartment, other=other))
    session.flush()


def allow(session: Session, compartment: str, others: Sequence[str]) -> None:
    """Nothing; an earlier no is forgotten."""
    gone = delete(PersonRefusal).where(
        col(PersonRefusal.compartment) == compartment, col(PersonRefusal.other).in_(others)
    )
    session.exec(gone)


def forget(session: Session, compartment: str) -> None:
    """Nothing; no question and no answer names the compartment any more."""
    session.exec(delete(PersonQuestion).where(col(PersonQuestion.compartment) == compartment))
    named = or_(col(PersonRefusal.compartment) == compartment, col(PersonRefusal.other) == compartment)
    session.exec(delete(PersonRefusal).where(named))


def forget_old(session: Session, now: datetime) -> None:
    """Nothing; questions that nobody answered are gone."""
    session.exec(delete(PersonQuestion).where(col(PersonQuestion.asked) <= now - LASTS))
