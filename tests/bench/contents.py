"""What is sent: an Observation of 665 bytes, an Appointment, and the people around them."""

import json
from typing import Any, Final

from telemed.schedules.resource import SLOT_MINUTES

TENANT: Final = "bench-clinic"
OBSERVATION_BYTES: Final = 665
SEARCHED: Final = ("http://loinc.org", "8867-4")
OTHER: Final = ("http://loinc.org", "8310-5")
Resource = dict[str, Any]


def observation(patient: str, *, code: tuple[str, str] = SEARCHED, number: int = 0) -> str:
    """An Observation of exactly 665 bytes."""
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                        "display": "Vital Signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": code[0], "code": code[1]}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2026-{number % 9 + 1:02}-{number % 28 + 1:02}T08:{number % 60:02}:00+01:00",
        "valueQuantity": {"value": 72.50, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        "note": [{"text": ""}],
    }
    short = len(json.dumps(resource, separators=(",", ":")))
    resource["note"] = [{"text": "x" * (OBSERVATION_BYTES - short)}]
    return json.dumps(resource, separators=(",", ":"))


def appointment(patient: str, *, slot: str, start: str, end: str) -> str:
    """A plain proposed Appointment in a slot."""
    resource = {
        "resourceType": "Appointment",
        "status": "proposed",
        "start": start,
        "end": end,
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }
    return json.dumps(resource, separators=(",", ":"))


def patient(number: int) -> Resource:
    """A made-up patient."""
    return {
        "resourceType": "Patient",
        "name": [{"family": f"Musterpatient{number}", "given": ["Erika"]}],
        "birthDate": f"19{number % 90 + 10}-0{number % 9 + 1}-11",
        "telecom": [{"system": "email", "value": f"p{number}@muster.example"}],
    }


def practice(practitioners: int) -> dict[str, Resource]:
    """A clinic and its practitioners, each open on every weekday from 8 to 18 in slots of 20 minutes, by id."""
    made: dict[str, Resource] = {TENANT: {"resourceType": "Organization", "name": "Praxis Messfeld"}}
    for number in range(practitioners):
        doctor, role = f"bench-doctor-{number}", f"bench-role-{number}"
        made[doctor] = {"resourceType": "Practitioner", "active": True}
        made[role] = {
            "resourceType": "PractitionerRole",
            "active": True,
            "practitioner": {"reference": f"Practitioner/{doctor}"},
            "availableTime": [
                {
                    "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                    "availableStartTime": "08:00:00",
                    "availableEndTime": "18:00:00",
                }
            ],
        }
        made[schedule_id(number)] = {
            "resourceType": "Schedule",
            "extension": [{"url": SLOT_MINUTES, "valuePositiveInt": 20}],
            "active": True,
            "actor": [{"reference": f"PractitionerRole/{role}"}],
        }
    return made


def schedule_id(number: int) -> str:
    """The id of a practitioner's schedule."""
    return f"bench-schedule-{number}"
