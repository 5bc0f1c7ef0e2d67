"""A visit as FHIR: the Appointment that it keeps and the Encounter that documents it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec

from fhir import codec
from fhir.codec import Parsed
from fhir.compartments import patient_ids
from fhir.here import named

ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
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
    appointment: Mapping[str, Any], *, practitioner: str | None, tenant: str, now: datetime
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
    return made


def finished_encounter(encounter: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """The Encounter, finished now."""
    return {**encounter, "status": "finished", "period": {**encounter.get("period", {}), "end": codec.instant(now)}}


def name(person: Mapping[str, Any]) -> str:
    """A person's or organisation's name as people say it."""
    given = person.get("name")
    if isinstance(given, str):
        return given
    for entry in given or ():
        parts = [*entry.get("prefix", ()), *entry.get("given", ()), entry.get("family", "")]
        return str(entry.get("text") or " ".join(part for part in parts if part))
    return ""


def birth_date(patient: Mapping[str, Any]) -> date | None:
    """The patient's date of birth where it is known to the day; the second factor of a join code."""
    try:
        return date.fromisoformat(str(patient.get("birthDate", "")))
    except ValueError:
        return None
