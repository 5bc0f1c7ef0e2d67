"""A visit as FHIR: the Appointment that it keeps and the Encounter that documents it."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec

from fhir import codec
from fhir.codec import Parsed
from fhir.compartments import patient_ids
from fhir.here import named
from telemed.visits.models import Guest

ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
# https://hl7.org/fhir/R4/valueset-encounter-participant-type.html
COMPANY: Final[Mapping[Guest, Mapping[str, str]]] = {
    Guest.RELATIVE: {"system": PARTICIPATION, "code": "ESC", "display": "escort"},
    Guest.NURSE: {"system": PARTICIPATION, "code": "SPRF", "display": "secondary performer"},
    Guest.INTERPRETER: {
        "system": "http://terminology.hl7.org/CodeSystem/participant-type",
        "code": "translator",
        "display": "Translator",
    },
}
# Decimals are written with the digits they came with.
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def parsed(data: Mapping[str, Any]) -> Parsed:
    """A resource that we made, as the store takes it."""
    return codec.parse(_ENCODER.encode(data), type=data["resourceType"])


def with_status(data: Mapping[str, Any], status: str) -> Parsed:
    """The same resource in another status."""
    return parsed({**data, "status": status})


def participant(appointment: Mapping[str, Any], type: str) -> str | None:
    """The id of the appointment's first participant of a type, such as Patient or Practitioner."""
    for entry in appointment.get("participant", ()):
        # What another server calls by the same id is somebody else.
        found = named(entry.get("actor", {}).get("reference"))
        if found and found[0] == type:
            return found[1]
    return None


def is_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True if the visit begins at another time, or is another patient's. Whoever stays longer is not moved."""
    starts = [moment(data["start"]) if "start" in data else None for data in (before, after)]
    return starts[0] != starts[1] or patient_ids("Appointment", dict(before)) != patient_ids("Appointment", dict(after))


def moment(text: str) -> datetime:
    """The aware moment of a FHIR instant or dateTime."""
    return datetime.fromisoformat(text)


def started_encounter(
    appointment: Mapping[str, Any],
    *,
    practitioner: str | None,
    tenant: str,
    company: Collection[Guest],
    now: datetime,
) -> dict[str, Any]:
    """The Encounter of a video visit that has just begun."""
    made: dict[str, Any] = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": ACT_CODE, "code": "VR", "display": "virtual"},
        "subject": {"reference": f"Patient/{participant(appointment, 'Patient')}"},
        "appointment": [{"reference": f"Appointment/{appointment['id']}"}],
        "period": {"start": codec.instant(now)},
        "serviceProvider": {"reference": f"Organization/{tenant}"},
    }
    if practitioner:
        made["participant"] = [{"individual": {"reference": f"Practitioner/{practitioner}"}}]
    return with_company(made, company)


def finished_encounter(encounter: Mapping[str, Any], *, company: Collection[Guest], now: datetime) -> dict[str, Any]:
    """The Encounter, finished now, with everybody who has come along."""
    finished = {"status": "finished", "period": {**encounter.get("period", {}), "end": codec.instant(now)}}
    return with_company({**encounter, **finished}, company)


def with_company(encounter: Mapping[str, Any], company: Collection[Guest]) -> dict[str, Any]:
    """The Encounter with a participant for each role that came along, named by the role alone: nobody is registered."""
    held = list(encounter.get("participant", ()))
    known = {coding.get("code") for each in held for kind in each.get("type", ()) for coding in kind.get("coding", ())}
    added = [
        {"type": [{"coding": [COMPANY[role]], "text": role.value}]}
        for role in sorted(company)
        if role in COMPANY and COMPANY[role]["code"] not in known
    ]
    return {**encounter, "participant": [*held, *added]} if held or added else dict(encounter)


def name(person: Mapping[str, Any]) -> str:
    """A person's or organisation's name as people say it."""
    given = person.get("name")
    if isinstance(given, str):
        return given
    for entry in given or ():
        parts = [*entry.get("prefix", ()), *entry.get("given", ()), entry.get("family", "")]
        return str(entry.get("text") or " ".join(part for part in parts if part))
    return ""


def phone(person: Mapping[str, Any]) -> str:
    """The number under which a person is called first, as it stands in the record; empty if none does."""
    numbers = [each for each in person.get("telecom", ()) if each.get("system") == "phone" and each.get("use") != "old"]
    ordered = sorted(numbers, key=lambda each: (each.get("rank", 99), each.get("use") != "mobile"))
    return str(ordered[0].get("value", "")) if ordered else ""


def birth_date(patient: Mapping[str, Any]) -> date | None:
    """The patient's date of birth where it is known to the day; the second factor of a join code."""
    try:
        return date.fromisoformat(str(patient.get("birthDate", "")))
    except ValueError:
        return None
