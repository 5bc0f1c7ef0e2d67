"""What every client sends: made-up patients, and a transaction that links its own entries."""

from typing import Any

FAMILY = "Ausdenken"
GIVEN = ("Anna", "Bela", "Cem", "Dora", "Emil")


def patient(given: str) -> dict[str, Any]:
    """One of the patients."""
    number = {"system": "urn:example:clients", "value": given}
    return {"resourceType": "Patient", "identifier": [number], "name": [{"family": FAMILY, "given": [given]}]}


def transaction() -> dict[str, Any]:
    """A patient and an Observation about it, in one go."""
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "urn:uuid:9f0bbd5f-6d1a-4c3e-8f7d-2f7ad1f1c001"},
        "effectiveDateTime": "2026-11-23T10:00:00+01:00",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }
    entries = (
        ("urn:uuid:9f0bbd5f-6d1a-4c3e-8f7d-2f7ad1f1c001", patient("Frieda")),
        ("urn:uuid:9f0bbd5f-6d1a-4c3e-8f7d-2f7ad1f1c002", observation),
    )
    made = [
        {"fullUrl": url, "resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
        for url, body in entries
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}
