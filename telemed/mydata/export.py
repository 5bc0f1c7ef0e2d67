"""The own record to take away: as a FHIR Bundle, and as text that people read (Art. 15 and 20 GDPR).

Both come from the record's own $everything, asked as the patient: what it does not show is not in them.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhir.rows import Stored
from infra.caller import Caller
from telemed.console.chart import coded_entry, day_of
from telemed.console.looks import words
from telemed.mydata.consents import STATISTICS, is_about, is_care
from telemed.mydata.record import own_store
from telemed.mydata.sessions import MyPatient
from telemed.pages.languages import N_, translate
from telemed.pages.texts import RECORD_STATUSES, RECORD_TYPES
from telemed.pages.times import day_and_time
from telemed.rights.records import whole
from telemed.services import Services
from telemed.visits import resource

# What an entry is called and when it was, by the elements in which the types say so; the first that is there.
TITLES: Final = (
    "code", "vaccineCode", "medicationCodeableConcept", "type", "class", "description", "category", "scope"
)  # fmt: skip
DATES: Final = (
    "effectiveDateTime", "performedDateTime", "occurrenceDateTime", "recordedDate", "authoredOn", "onsetDateTime",
    "dateTime", "date", "start", "birthDate", "sent", "created", "issued", "statusDate",
)  # fmt: skip
PERIODS: Final = ("period", "effectivePeriod", "performedPeriod", "onsetPeriod")
TEXTS: Final = ("description", "title", "comment", "patientInstruction", "conclusion", "valueString")
LONGEST_NOTE: Final = 20_000
FOR_CARE: Final = N_("for care with other clinics")
FOR_STATISTICS: Final = N_("for statistics")
OTHER: Final = N_("for something else")


@dataclass(frozen=True, slots=True)
class Readable:
    """One entry of the record for people: when, what, what it says, in which state, by whom it was written."""

    day: date | None
    title: str
    lines: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """All entries of one kind, the newest first."""

    title: str
    entries: tuple[Readable, ...]


async def own_record(services: Services, caller: Caller, patient: MyPatient) -> list[Stored]:
    """Everything in the patient's record and what it refers to; nothing leaves before it is in the log."""
    return await whole(services, own_store(services, patient), caller, patient_id=patient.patient_id)


def chapters(found: Sequence[Stored], patient: MyPatient, *, language: str) -> list[Chapter]:
    """The record for people: the patient's own entries by kind. The file has more: every code and reference."""
    by_type: dict[str, list[Readable]] = {}
    for stored in found:
        if stored.compartment == patient.compartment:
            by_type.setdefault(stored.type, []).append(readable(stored.data, language=language))
    ordered = [type for type in RECORD_TYPES if type in by_type] + sorted(by_type.keys() - RECORD_TYPES.keys())
    return [
        Chapter(
            words(RECORD_TYPES, type, language=language),
            tuple(sorted(by_type[type], key=lambda entry: entry.day or date.min, reverse=True)),
        )
        for type in ordered
    ]


def readable(data: Mapping[str, Any], *, language: str) -> Readable:
    """What a resource says to people."""
    day = next((found for name in DATES if (found := day_of(data.get(name)))), None)
    day = day or next((found for name in PERIODS if (found := day_of(data.get(name, {}).get("start")))), None)
    title = _title(data) or _of_consent(data, language=language)
    lines = [*_person(data), *_times(data, language=language), *_values(data), *_texts(data), *_notes(data)]
    said = dict.fromkeys(line for line in (*lines, *_attachments(data)) if line and line != title)
    status = words(RECORD_STATUSES, str(data.get("status", "")), language=language)
    return Readable(day, title, tuple(said), status)


def _title(data: Mapping[str, Any]) -> str:
    for name in TITLES:
        held = data.get(name)
        concept = held[0] if isinstance(held, list) and held else held
        if isinstance(concept, dict):
            entry = coded_entry(concept if "coding" in concept or "text" in concept else {"coding": [concept]})
            # A code without its words tells people nothing.
            if entry.text != entry.code:
                return entry.text
    return ""


def _of_consent(data: Mapping[str, Any], *, language: str) -> str:
    if data.get("resourceType") != "Consent":
        return ""
    return translate(language, FOR_STATISTICS if is_about(data, STATISTICS) else FOR_CARE if is_care(data) else OTHER)


def _times(data: Mapping[str, Any], *, language: str) -> list[str]:
    if data.get("resourceType") != "Appointment" or not data.get("start"):
        return []
    return [day_and_time(resource.moment(data["start"]), language=language)]


def _person(data: Mapping[str, Any]) -> list[str]:
    if data.get("resourceType") not in ("Patient", "RelatedPerson"):
        return []
    addresses = (", ".join((*each.get("line", ()), _town(each))) for each in data.get("address", ()))
    contacts = (str(each.get("value", "")) for each in data.get("telecom", ()))
    return [resource.name(data), *addresses, *contacts]


def _town(address: Mapping[str, Any]) -> str:
    return f"{address.get('postalCode', '')} {address.get('city', '')}".strip()


def _values(data: Mapping[str, Any]) -> list[str]:
    parts = [(data, ""), *((part, coded_entry(part.get("code", {})).text) for part in data.get("component", ()))]
    found = []
    for part, name in parts:
        quantity, concept = part.get("valueQuantity"), part.get("valueCodeableConcept")
        text = f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip() if quantity else ""
        text = text or (coded_entry(concept).text if concept else "")
        if text:
            found.append(f"{name}: {text}" if name else text)
    reasons = (coded_entry(concept).text for concept in data.get("reasonCode", ()) if isinstance(concept, dict))
    return [*found, *reasons]


def _texts(data: Mapping[str, Any]) -> list[str]:
    return [text for name in TEXTS if isinstance(text := data.get(name), str)]


def _notes(data: Mapping[str, Any]) -> list[str]:
    notes = data.get("note", ())
    return [str(note.get("text", "")) for note in notes] if isinstance(notes, list) else []


def _attachments(data: Mapping[str, Any]) -> list[str]:
    held = data.get("content", ())
    contents = [each.get("attachment", {}) for each in held if isinstance(each, dict)] if isinstance(held, list) else []
    found = []
    for attachment in contents:
        if str(attachment.get("contentType", "")).startswith("text/plain"):
            try:
                raw = base64.b64decode(attachment.get("data", ""), validate=True)
            except (binascii.Error, ValueError):
                continue
            found.append(raw[:LONGEST_NOTE].decode(errors="replace"))
    return found
