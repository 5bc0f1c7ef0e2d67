"""What happened to the demo's patients: encounters with their reasons, and consents."""

from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from anonymise.agreement import CONSENT_CODE, CONSENT_SYSTEM
from telemed.console.diagnoses import ICD_10_GM, VERSION
from telemed.demo.clinics import Clinician
from telemed.demo.diagnoses import reason
from telemed.demo.people import Person
from telemed.schedules.resource import instant

ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
LOINC: Final = "http://loinc.org"
QUARTERS_BACK: Final = 4
VIDEO_SHARE: Final = 0.4
PERMITS, DENIES = 0.78, 0.05
# How often people come: two in a hundred of working age come rarely, the old often.
VISITS_BY_AGE: Final = ((18, 0.9), (45, 0.8), (65, 1.1), (200, 1.6))
BOOKINGS_KEPT: Final = timedelta(days=190)  # two quarters: what statistics of waiting times look at
MEAN_WAIT_DAYS, LONGEST_WAIT_DAYS = 9.0, 80.0
LASTING_BY_YEAR: Final = 0.007
LASTING_WEIGHTS: Final = {"I10.90": 40, "M17.9": 16, "E11.90": 15, "J45.9": 12, "I25.9": 9, "I50.9": 5, "J44.9": 3}
Resource = dict[str, Any]


def first_day(now: datetime) -> date:
    """The first day of the quarter in which the demo's history begins."""
    quarter = now.year * 4 + (now.month - 1) // 3 - QUARTERS_BACK
    return date(quarter // 4, quarter % 4 * 3 + 1, 1)


def visitors(random: Random, people: list[Person], *, count: int, today: date) -> list[Person]:
    """So many visits' persons, older people more often."""
    weights = [next(weight for limit, weight in VISITS_BY_AGE if person.age(today) < limit) for person in people]
    running = list(accumulate(weights))
    return [people[bisect(running, random.random() * running[-1])] for _ in range(count)]


def encounter(random: Random, number: int, *, person: Person, staff: list[Clinician], now: datetime) -> Resource:
    """A finished Encounter at some working hour between `first_day` and yesterday."""
    begin = first_day(now)
    day = begin + timedelta(days=random.randrange((now.date() - begin).days))
    day -= timedelta(days=max(0, day.weekday() - 4)) if day - timedelta(days=2) > begin else timedelta(0)
    start = datetime(day.year, day.month, day.day, random.randrange(7, 16), random.randrange(0, 60, 5), tzinfo=UTC)
    clinician = random.choice(staff)
    diagnosis = reason(random, age=person.age(day), month=day.month)
    video = random.random() < VIDEO_SHARE
    return {
        "resourceType": "Encounter",
        "id": f"demo-encounter-{number:06}",
        "status": "finished",
        "class": {"system": ACT, "code": "VR" if video else "AMB"},
        "subject": {"reference": f"Patient/{person.patient_id(clinician.clinic)}"},
        "participant": [{"individual": {"reference": f"Practitioner/{clinician.id}", "display": clinician.name}}],
        "period": {"start": instant(start), "end": instant(start + timedelta(minutes=random.randrange(5, 31, 5)))},
        "reasonCode": [
            {"coding": [{"system": ICD_10_GM, "version": VERSION, "code": diagnosis.code, "display": diagnosis.text}]}
        ],
        "serviceProvider": {"reference": f"Organization/{clinician.clinic.id}"},
    }


def booking(random: Random, encounter: Resource, *, now: datetime) -> Resource | None:
    """The Appointment that led to an Encounter of the last months, made some days before; None for an older one."""
    start = datetime.fromisoformat(encounter["period"]["start"])
    if start < now - BOOKINGS_KEPT:
        return None
    waited = min(random.expovariate(1 / MEAN_WAIT_DAYS), LONGEST_WAIT_DAYS)
    actors = (encounter["subject"], encounter["participant"][0]["individual"])
    return {
        "resourceType": "Appointment",
        "id": encounter["id"].replace("encounter", "booking"),
        "status": "fulfilled",
        "created": instant(start - timedelta(days=waited)),
        "start": encounter["period"]["start"],
        "end": encounter["period"]["end"],
        "participant": [{"actor": actor, "status": "accepted"} for actor in actors],
    }


def lasting(random: Random, person: Person, *, today: date) -> Resource | None:
    """What the person lives with at the first clinic, more often with age; None for most."""
    age = person.age(today)
    if random.random() >= age * LASTING_BY_YEAR:
        return None
    code = random.choices(*zip(*LASTING_WEIGHTS.items(), strict=True))[0]
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "id": f"demo-lasting-{person.number:06}",
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "code": {"coding": [{"system": ICD_10_GM, "version": VERSION, "code": code}]},
        "subject": {"reference": f"Patient/{person.patient_id(person.clinics[0])}"},
        "recordedDate": (today - timedelta(days=random.randrange(200, 4000))).isoformat(),
    }


def consents(random: Random, person: Person, *, now: datetime) -> Iterator[Resource]:
    """What the person said about statistics, at the first clinic: a permit, a refusal, or nothing."""
    answer = random.random()
    given = first_day(now) - timedelta(days=random.randrange(1, 700))
    if answer >= PERMITS + DENIES:
        return
    clinic = person.clinics[0]
    yield {
        "resourceType": "Consent",
        "id": f"demo-consent-{person.number:06}",
        "status": "active",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "research"}]},
        "category": [
            {"coding": [{"system": LOINC, "code": "59284-0"}, {"system": CONSENT_SYSTEM, "code": CONSENT_CODE}]}
        ],
        "patient": {"reference": f"Patient/{person.patient_id(clinic)}"},
        "dateTime": given.isoformat(),
        "organization": [{"reference": f"Organization/{clinic.id}"}],
        "policyRule": {"text": "Freiwillige Teilnahme an der Versorgungsstatistik"},
        "provision": {"type": "permit" if answer < PERMITS else "deny"},
    }
