"""What is seen through broken glass, and what its reviewer sees of that."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from fhir.tables import AuditRow
from infra.caller import Caller
from infra.vault import Destroyed, SealBroken
from telemed.access.policy import EMERGENCY
from telemed.console.chart import Entry, about, coded_entry
from telemed.emergency.models import EmergencyAccess
from telemed.emergency.service import patients_of, reason_text
from telemed.pages.languages import N_, translate
from telemed.pages.summary import name_of
from telemed.pages.texts import RECORD_TYPES
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits import resource

# What counts in an emergency, in the order in which it counts: type, heading, where the words stand, its day.
SHOWN: Final = (
    ("Flag", N_("Warnings"), "code", ""),
    ("AllergyIntolerance", N_("Allergies"), "code", "recordedDate"),
    ("MedicationStatement", N_("Medication"), "medicationCodeableConcept", "effectiveDateTime"),
    ("MedicationRequest", N_("Prescriptions"), "medicationCodeableConcept", "authoredOn"),
    ("Condition", N_("Diagnoses"), "code", "recordedDate"),
    ("Procedure", N_("Procedures"), "code", "performedDateTime"),
    ("Immunization", N_("Vaccinations"), "vaccineCode", "occurrenceDateTime"),
    ("Observation", N_("Findings"), "code", "effectiveDateTime"),
)
# An entry that can't be put into words here is there all the same.
NAMELESS: Final = N_("recorded, without words that can be shown here")
MOST_REVIEWS: Final = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """The person, and their entries under each heading."""

    name: str
    birth_date: date | None
    parts: list[tuple[str, list[Entry]]]


@dataclass(frozen=True, slots=True)
class Listed:
    """An access as its reviewer sees it."""

    id: str
    who: str
    reason: str
    text: str
    patient_id: str
    opened: datetime
    until: datetime
    reads: list[tuple[str, int]]
    reviewed: datetime | None
    verdict: str
    is_own: bool


def seen(session: Session, services: Services, caller: Caller, access: EmergencyAccess, *, language: str) -> Seen:
    """What the caller sees, read with their own rights in an emergency. Part of an atomic unit."""
    parts: dict[str, list[Entry]] = {heading: [] for _, heading, _, _ in SHOWN}
    person: dict[str, Any] = {}
    for id in patients_of(session, services, access):
        patient = services.store.read(session, caller, "Patient", id).data
        person = person or patient
        for type, heading, words, day in SHOWN:
            for data in about(session, services.store, caller, type=type, patient=id):
                entry = coded_entry(data.get(words) or {}, day=data.get(day))
                parts[heading].append(entry if entry.text else replace(entry, text=translate(language, NAMELESS)))
    shown = [(translate(language, heading), _newest_first(entries)) for heading, entries in parts.items()]
    return Seen(resource.name(person), resource.birth_date(person), shown)


def _newest_first(entries: list[Entry]) -> list[Entry]:
    return sorted(dict.fromkeys(entries), key=lambda entry: entry.day or date.min, reverse=True)


def reviews(session: Session, services: Services, caller: Caller, *, language: str) -> list[Listed]:
    """The accesses of the caller's clinic, those that wait for a review first. Part of an atomic unit."""
    wanted = select(EmergencyAccess).where(EmergencyAccess.tenant == caller.tenant)
    newest = col(EmergencyAccess.reviewed).is_not(None), col(EmergencyAccess.opened).desc()
    found = session.exec(wanted.order_by(*newest).limit(MOST_REVIEWS)).all()
    return [_listed(session, services, caller, each, language=language) for each in found]


def _listed(session: Session, services: Services, caller: Caller, access: EmergencyAccess, *, language: str) -> Listed:
    who = name_of(session, services.record, platform(access.tenant), reference=f"Practitioner/{access.subject}")
    try:
        text = reason_text(session, services, access)
    except (SealBroken, Destroyed):
        # The record has been erased since, and the reason with it.
        text = ""
    return Listed(
        access.id,
        who or access.subject,
        access.reason,
        text,
        access.patient_id,
        access.opened,
        access.until,
        _reads(session, access, language=language),
        access.reviewed,
        access.verdict or "",
        access.subject == caller.subject,
    )


def _reads(session: Session, access: EmergencyAccess, *, language: str) -> list[tuple[str, int]]:
    """Which kinds of entries were looked at through the glass, and how often."""
    theirs = (AuditRow.tenant == access.tenant, AuditRow.agent == access.subject, AuditRow.purpose == EMERGENCY)
    during = (col(AuditRow.recorded) >= access.opened, col(AuditRow.recorded) <= access.until)
    counted = select(AuditRow.type, func.count()).where(*theirs, *during).group_by(col(AuditRow.type))
    found = session.exec(counted.order_by(col(AuditRow.type))).all()
    return [(translate(language, RECORD_TYPES[type]) if type in RECORD_TYPES else type, n) for type, n in found]
