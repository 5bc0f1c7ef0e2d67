"""What is seen through broken glass, and what its reviewer sees of that."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from fhir.tables import AuditRow
from infra.caller import Caller
from infra.vault import Destroyed, SealBroken
from telemed.access.policy import EMERGENCY
from telemed.console.chart import about, coded_entry
from telemed.emergency.models import EmergencyAccess
from telemed.emergency.service import patients_of, reason_text
from telemed.mydata.export import Readable, readable
from telemed.pages.languages import N_, translate
from telemed.pages.summary import name_of
from telemed.pages.texts import RECORD_TYPES
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits import resource

# What counts in an emergency, in the order in which it counts: type and heading.
SHOWN: Final = (
    ("Flag", N_("Warnings")),
    ("AllergyIntolerance", N_("Allergies")),
    ("MedicationStatement", N_("Medication")),
    ("MedicationRequest", N_("Prescriptions")),
    ("Condition", N_("Diagnoses")),
    ("Procedure", N_("Procedures")),
    ("Immunization", N_("Vaccinations")),
    ("Observation", N_("Findings")),
)
# An entry that can't be put into words here is there all the same.
CODED: Final = ("code", "vaccineCode", "medicationCodeableConcept")
NAMELESS: Final = N_("recorded, without words that can be shown here")
MOST_REVIEWS: Final = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """The person, and their entries under each heading."""

    name: str
    birth_date: date | None
    parts: list[tuple[str, list[Readable]]]


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
    parts: dict[str, list[Readable]] = {heading: [] for _, heading in SHOWN}
    person: dict[str, Any] = {}
    for id in patients_of(session, services, access):
        patient = services.store.read(session, caller, "Patient", id).data
        person = person or patient
        for type, heading in SHOWN:
            found = about(session, services.store, caller, type=type, patient=id)
            parts[heading] += [_entry(data, language=language) for data in found]
    shown = [(translate(language, heading), _newest_first(entries)) for heading, entries in parts.items()]
    return Seen(resource.name(person), resource.birth_date(person), shown)


def _entry(data: dict[str, Any], *, language: str) -> Readable:
    """What the patient reads of it, too: words, values with their units, notes; and a code that has no words here."""
    entry = readable(data, language=language)
    code = next((coded for name in CODED if (coded := coded_entry(data.get(name) or {}).text)), "")
    return replace(entry, title=entry.title or code or translate(language, NAMELESS))


def _newest_first(entries: list[Readable]) -> list[Readable]:
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
