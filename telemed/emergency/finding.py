"""Finding the one person whose record is to be opened: by exact number or id, and the birth date beside it.

There is no search. A number that is unknown and a birth date that is wrong cost the same and are told by the same words;
the only yes is an opened record, of which the patient and the privacy officer hear.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from fhir.tables import Compartment
from infra.problems import Gone, NotFound
from telemed.emergency.rules import Asked
from telemed.rights.restriction import restricted
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits import resource


@dataclass(frozen=True, slots=True)
class Found:
    """One registration of the person: in which clinic, under which id, in which compartment."""

    compartment: str
    patient_id: str
    tenant: str
    patient: dict[str, Any]


def registrations(session: Session, services: Services, asked: Asked, *, tenant: str) -> list[Found]:
    """Where the person is registered with this birth date; a person who is in several clinics is one person.

    Each read stands in the log of the clinic whose patient it is. Part of an atomic unit.
    """
    rows = _compartments(session, services, asked)
    if not rows:
        # What a wrong birth date costs: one resource opened.
        _read(session, services, "Organization", tenant, tenant=tenant)
    found = []
    for row in rows:
        patient = _read(session, services, "Patient", row.patient_id, tenant=row.tenant)
        if patient and resource.birth_date(patient) == asked.birth_date:
            found.append(Found(row.id, row.patient_id, row.tenant, patient))
    # Kept and no more (Art. 18 (2) GDPR names no emergency of the same person): like a record that is not there.
    shut = restricted(session, (each.compartment for each in found), now=services.clock.now())
    return [each for each in found if each.compartment not in shut]


def _compartments(session: Session, services: Services, asked: Asked) -> list[Compartment]:
    named = col(Compartment.patient_id) == asked.patient_id
    if asked.number:
        # What they stand for by themselves; the person may be known by another of those who were joined.
        named = col(Compartment.own) == services.vault.pseudonym("person", asked.number)
    person = select(Compartment.person).where(named)
    everywhere = select(Compartment).where(col(Compartment.person).in_(person)).order_by(col(Compartment.id))
    return list(session.exec(everywhere))


def _read(session: Session, services: Services, type: str, id: str, *, tenant: str) -> dict[str, Any]:
    try:
        return services.record.read(session, platform(tenant), type, id).data
    except (NotFound, Gone):
        return {}
