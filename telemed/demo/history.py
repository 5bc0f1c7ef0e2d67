"""What the record says of a patient who can be joined: conditions, findings, a care plan and a task."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec

from fhir.codec import Parsed
from fhir.store import IdTaken
from infra.database import Session
from telemed.console.diagnoses import ICD_10_GM, TEXTS, VERSION
from telemed.demo.clinics import Clinician
from telemed.demo.people import Person
from telemed.schedules.calendar import platform
from telemed.schedules.resource import instant
from telemed.services import Services

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
# What lasts, with what is done about it next.
LASTING: Final = (
    ("I10.90", "Blutdruck kontrollieren"),
    ("E11.90", "HbA1c bestimmen"),
    ("J45.9", "Inhalation zeigen lassen"),
    ("E03.9", "TSH bestimmen"),
    ("M54.5", "Rezept für Krankengymnastik ausstellen"),
    ("K21.9", "Medikation prüfen"),
)
CONDITIONS: Final = 2
Resource = dict[str, Any]


async def write_history(services: Services, person: Person, *, clinician: Clinician) -> None:
    """Nothing; the person's history at the clinician's clinic is in the record, however often a demo starts."""

    def unit(session: Session) -> None:
        for resource in history(person, clinician, now=services.clock.now()):
            parsed = Parsed(resource["resourceType"], resource, msgspec.json.encode(resource))
            services.store.create(session, platform(clinician.clinic.id), parsed, id=resource["id"])

    # All or nothing, under ids of the patient's own: where the first is taken, all of it is there.
    with suppress(IdTaken):
        await services.database.write(unit)


def history(person: Person, clinician: Clinician, *, now: datetime) -> Iterator[Resource]:
    """The resources, the same for the same person, in an order in which each refers to what stands before it."""
    patient = person.patient_id(clinician.clinic)
    random, subject = Random(patient), {"reference": f"Patient/{patient}"}
    lasting = random.sample(LASTING, CONDITIONS)
    days = sorted(now.date() - timedelta(days=random.randrange(200, 2000)) for _ in lasting)
    for number, ((code, _), day) in enumerate(zip(lasting, days, strict=True), start=1):
        yield _condition(f"{patient}-condition-{number}", subject, code, day)
    measured = now.replace(second=0, microsecond=0) - timedelta(days=random.randrange(20, 180))
    yield _weight(f"{patient}-weight", subject, random, measured)
    yield _blood_pressure(f"{patient}-pressure", subject, random, measured)
    author = {"reference": f"Practitioner/{clinician.id}", "display": clinician.name}
    yield {
        "resourceType": "CarePlan",
        "id": f"{patient}-plan",
        "status": "active",
        "intent": "plan",
        "title": f"Betreuung bei: {TEXTS[lasting[0][0]]}",
        "subject": subject,
        "period": {"start": days[-1].isoformat()},
        "author": author,
        "addresses": [{"reference": f"Condition/{patient}-condition-1"}],
    }
    due = now.date() + timedelta(days=random.randrange(5, 30))
    yield {
        "resourceType": "Task",
        "id": f"{patient}-task",
        "basedOn": [{"reference": f"CarePlan/{patient}-plan"}],
        "status": "requested",
        "intent": "order",
        "description": lasting[0][1],
        "for": subject,
        "requester": author,
        "restriction": {"period": {"end": due.isoformat()}},
    }


def _condition(id: str, subject: Resource, code: str, day: date) -> Resource:
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "id": id,
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "code": {"coding": [{"system": ICD_10_GM, "version": VERSION, "code": code, "display": TEXTS[code]}]},
        "subject": subject,
        "recordedDate": day.isoformat(),
    }


def _weight(id: str, subject: Resource, random: Random, measured: datetime) -> Resource:
    return {
        **_observation(id, subject, measured, code="29463-7", text="Körpergewicht"),
        "valueQuantity": _quantity(random.randrange(55, 105), "kg"),
    }


def _blood_pressure(id: str, subject: Resource, random: Random, measured: datetime) -> Resource:
    parts = (("8480-6", "Systolisch", (115, 160)), ("8462-4", "Diastolisch", (70, 96)))
    return {
        **_observation(id, subject, measured, code="85354-9", text="Blutdruck"),
        "component": [
            {"code": _loinc(code, text), "valueQuantity": _quantity(random.randrange(*among), "mm[Hg]")}
            for code, text, among in parts
        ],
    }


def _observation(id: str, subject: Resource, measured: datetime, *, code: str, text: str) -> Resource:
    vital_signs = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"system": vital_signs, "code": "vital-signs"}]}],
        "code": _loinc(code, text),
        "subject": subject,
        "effectiveDateTime": instant(measured),
    }


def _loinc(code: str, text: str) -> Resource:
    return {"coding": [{"system": LOINC, "code": code, "display": text}]}


def _quantity(value: int, unit: str) -> Resource:
    return {"value": value, "unit": "mmHg" if unit == "mm[Hg]" else unit, "system": UCUM, "code": unit}
