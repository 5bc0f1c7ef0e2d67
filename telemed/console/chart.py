"""The patient's summary beside the call, read with the clinician's own rights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from fhir import compartments
from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session
from infra.problems import NotFound
from telemed.console.diagnoses import ICD_10_GM, TEXTS
from telemed.console.proposals import Proposals, proposals
from telemed.persons.kept import replaced
from telemed.schedules.keepers import holder
from telemed.visits import resource

MOST_READ: Final = 100
ENCOUNTERS_SHOWN: Final = 3
CONDITIONS_SHOWN: Final = 8
TASKS_SHOWN: Final = 5
# An allergy that is cut off the list may kill; these are more than anybody has.
ALLERGIES_SHOWN: Final = 30
MEDICATION_SHOWN: Final = 30
TAKEN: Final = frozenset({"active", "intended", "on-hold", "unknown"})
REFUTED: Final = frozenset({"refuted", "entered-in-error"})
OPEN_TASKS: Final = frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the summary."""

    text: str
    code: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the clinician talks to."""

    id: str
    name: str
    birth_date: date | None
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """The summary of one patient."""

    person: Person
    start: datetime
    allergies: list[Entry]
    medication: list[Entry]
    conditions: list[Entry]
    encounters: list[Entry]
    tasks: list[Entry]
    same: Proposals


def person(session: Session, store: Store, caller: Caller, *, appointment_id: str) -> tuple[Person, datetime]:
    """Whom an appointment of the caller's clinic is with, and when. Part of an atomic unit."""
    appointment = store.read(session, caller, "Appointment", appointment_id)
    patient_id = resource.participant(appointment.data, "Patient")
    if holder(session, appointment_id, tenant=appointment.tenant) != caller.tenant or patient_id is None:
        raise NotFound
    patient = store.read(session, caller, "Patient", patient_id).data
    who = Person(patient_id, resource.name(patient), resource.birth_date(patient), resource.phone(patient))
    return who, resource.moment(appointment.data["start"])


def chart(session: Session, store: Store, caller: Caller, *, appointment_id: str) -> Chart:
    """The summary for one appointment of the caller's clinic. Part of an atomic unit."""
    who, start = person(session, store, caller, appointment_id=appointment_id)
    # Of merged records nothing is moved, so each is asked.
    records = [who.id, *replaced(session, compartments.pseudonym(store.vault, who.id))]

    def all_about(type: str) -> list[dict[str, Any]]:
        return [each for id in records for each in about(session, store, caller, type=type, patient=id)]

    return Chart(
        who,
        start,
        _allergies(all_about("AllergyIntolerance")),
        _medication([*all_about("MedicationStatement"), *all_about("MedicationRequest")]),
        _conditions(all_about("Condition")),
        _encounters(all_about("Encounter")),
        _tasks(all_about("Task")),
        proposals(session, store, caller, patient_id=who.id),
    )


def about(
    session: Session, store: Store, caller: Caller, *, type: str, patient: str, **criteria: str
) -> list[dict[str, Any]]:
    """The resources of one type about a patient that the caller may see. Part of an atomic unit."""
    asked = parsing.parse(
        type, [("patient", patient), *criteria.items(), ("_count", str(MOST_READ)), ("_total", "none")]
    )
    return [entry.data for entry in store.search(session, caller, asked).entries]


def _allergies(found: list[dict[str, Any]]) -> list[Entry]:
    """What the patient does not bear; refuted and withdrawn entries would only be in the way."""
    standing = [data for data in found if not _is_coded(data.get("verificationStatus"), REFUTED)]
    return [coded_entry(data.get("code", {}), day=data.get("recordedDate")) for data in standing][:ALLERGIES_SHOWN]


def _medication(found: list[dict[str, Any]]) -> list[Entry]:
    """What the patient takes or was prescribed, each once."""
    taken = [
        coded_entry(data.get("medicationCodeableConcept", {}), day=data.get("dateAsserted") or data.get("authoredOn"))
        for data in found
        if data.get("status") in TAKEN
    ]
    named = {(entry.code or entry.text): entry for entry in reversed(taken) if entry.text}
    return list(named.values())[::-1][:MEDICATION_SHOWN]


def _is_coded(concept: Mapping[str, Any] | None, codes: frozenset[str]) -> bool:
    return any(coding.get("code") in codes for coding in (concept or {}).get("coding", ()))


def _conditions(found: list[dict[str, Any]]) -> list[Entry]:
    newest = sorted(found, key=lambda data: str(data.get("recordedDate", "")), reverse=True)
    entries = [coded_entry(data.get("code", {}), day=data.get("recordedDate")) for data in newest]
    # One line for each condition, however often it was recorded.
    return list({(entry.code or entry.text): entry for entry in reversed(entries)}.values())[::-1][:CONDITIONS_SHOWN]


def _encounters(found: list[dict[str, Any]]) -> list[Entry]:
    done = [data for data in found if data.get("status") == "finished"]
    newest = sorted(done, key=lambda data: str(data.get("period", {}).get("start", "")), reverse=True)
    return [
        coded_entry(next(iter(data.get("reasonCode", ())), {}), day=data.get("period", {}).get("start"))
        for data in newest[:ENCOUNTERS_SHOWN]
    ]


def _tasks(found: list[dict[str, Any]]) -> list[Entry]:
    waiting = [data for data in found if data.get("status") in OPEN_TASKS]
    return [
        Entry(
            str(data.get("description") or coded_entry(data.get("code", {})).text),
            day=day_of(data.get("restriction", {}).get("period", {}).get("end")),
        )
        for data in waiting[:TASKS_SHOWN]
    ]


def coded_entry(concept: Mapping[str, Any], *, day: str | None = None) -> Entry:
    """What a coded value says: its first coding's words and code; the words of the clinic's own list where it has none."""
    coding: Mapping[str, Any] = next(iter(concept.get("coding", ())), {})
    code = str(coding.get("code", ""))
    known = TEXTS.get(code, "") if coding.get("system") == ICD_10_GM else ""
    return Entry(str(coding.get("display") or concept.get("text") or known or code), code, day_of(day))


def day_of(text: str | None) -> date | None:
    """The day of a FHIR date or dateTime, where it is known to the day."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
