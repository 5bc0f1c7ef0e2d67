"""Documenting a visit: what the clinician entered becomes one transaction Bundle."""

import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from fhir import codec
from fhir.rows import Stored
from infra.problems import Problem, Unprocessable
from telemed.console.diagnoses import ICD_10_GM, TEXTS, VERSION
from telemed.pages.languages import N_
from telemed.visits import resource
from telemed.visits.models import Guest
from telemed.visits.service import VisitEnded

TERMS: Final = "http://terminology.hl7.org/CodeSystem"
LOINC: Final = "http://loinc.org"
CONSULT_NOTE: Final = {"system": LOINC, "code": "11488-4", "display": "Consult note"}
LONGEST_REASON: Final = 200
LONGEST_NOTE: Final = 20_000
LONGEST_TASK: Final = 300

Data = dict[str, Any]


class IncompleteDocumentation(Unprocessable):
    """Reason and diagnosis are needed to end the visit."""


class UnknownDiagnosis(Unprocessable):
    """This diagnosis is not in the list."""


class UnreadableDueDate(Unprocessable):
    """The date until which the task is due can't be read."""


class DueWithoutTask(Unprocessable):
    """A due date needs a follow-up task."""


class DueInThePast(Unprocessable):
    """A task can't be due on a day that is over."""


class TooMuchText(Unprocessable):
    """A text is too long."""


# What people read; a problem without words here is told in general ones.
REASONS: Final[Mapping[type[Problem], str]] = {
    IncompleteDocumentation: N_("Reason and diagnosis are needed to end the visit."),
    UnknownDiagnosis: N_("This diagnosis is not in the list."),
    UnreadableDueDate: N_("The date until which the task is due can't be read."),
    DueWithoutTask: N_("There is a date but no follow-up task. Please enter the task, or remove the date."),
    DueInThePast: N_("The follow-up task is due on a day that is over. Please choose another date."),
    TooMuchText: N_("A text is too long. Please shorten it."),
    VisitEnded: N_("This visit is documented already, or has ended."),
}
REFUSED: Final = N_("The visit is not documented yet.")
OTHER_REASON: Final = N_("The record did not take this. Somebody may have changed it just now. Please try again.")


@dataclass(frozen=True, slots=True)
class Documentation:
    """What the clinician entered, checked."""

    reason: str
    note: str
    diagnosis: str
    task: str
    due: date | None


def read_form(fields: Mapping[str, str], *, today: date) -> Documentation:
    """What was entered, or a problem that says what is missing or wrong."""
    entered = {key: fields.get(key, "").strip() for key in ("reason", "note", "diagnosis", "task", "due")}
    if not entered["reason"] or not entered["diagnosis"]:
        raise IncompleteDocumentation
    if entered["diagnosis"] not in TEXTS:
        raise UnknownDiagnosis
    limits = {"reason": LONGEST_REASON, "note": LONGEST_NOTE, "task": LONGEST_TASK}
    if any(len(entered[key]) > limit for key, limit in limits.items()):
        raise TooMuchText
    try:
        due = date.fromisoformat(entered["due"]) if entered["due"] else None
    except ValueError:
        raise UnreadableDueDate from None
    if due and not entered["task"]:
        raise DueWithoutTask
    if due and due < today:
        raise DueInThePast
    return Documentation(entered["reason"], entered["note"], entered["diagnosis"], entered["task"], due)


@dataclass(frozen=True, slots=True)
class Closing:
    """What a documentation belongs to: the visit's Encounter and Appointment as they stand, who documents, and when."""

    encounter: Stored
    appointment: Stored
    practitioner: str
    company: frozenset[Guest]
    now: datetime

    @property
    def subject(self) -> Data:
        """The patient, as the Encounter names it."""
        subject: Data = self.encounter.data["subject"]
        return subject

    @property
    def is_own(self) -> bool:
        """True unless another clinic keeps the Appointment, which stands in a slot of this one."""
        return self.appointment.tenant == self.encounter.tenant

    @property
    def author(self) -> Data:
        """Who documents."""
        return {"reference": f"Practitioner/{self.practitioner}"}

    @property
    def visit(self) -> Data:
        """The Encounter, to refer to."""
        return {"reference": self.encounter.reference}


def bundle(entered: Documentation, closing: Closing) -> bytes:
    """The transaction: Encounter finished, Condition, note and task where there are any, Appointment fulfilled."""
    condition = f"urn:uuid:{uuid.uuid4()}"
    entries = [
        _put(closing.encounter, _encounter(entered, closing, condition=condition)),
        _post(condition, _condition(entered, closing)),
    ]
    if entered.note:
        entries.append(_post(f"urn:uuid:{uuid.uuid4()}", _note(entered, closing)))
    if entered.task:
        entries.append(_post(f"urn:uuid:{uuid.uuid4()}", _task(entered, closing)))
    if closing.is_own and closing.appointment.data["status"] != "fulfilled":
        entries.append(_put(closing.appointment, {**closing.appointment.data, "status": "fulfilled"}))
    return resource.parsed({"resourceType": "Bundle", "type": "transaction", "entry": entries}).raw


def _coded(entered: Documentation) -> Data:
    code = {"system": ICD_10_GM, "version": VERSION, "code": entered.diagnosis, "display": TEXTS[entered.diagnosis]}
    return {"coding": [code]}


def _encounter(entered: Documentation, closing: Closing, *, condition: str) -> Data:
    return {
        **resource.finished_encounter(closing.encounter.data, company=closing.company, now=closing.now),
        "reasonCode": [{**_coded(entered), "text": entered.reason}],
        "diagnosis": [{"condition": {"reference": condition}}],
    }


def _condition(entered: Documentation, closing: Closing) -> Data:
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{TERMS}/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{TERMS}/condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{TERMS}/condition-category", "code": "encounter-diagnosis"}]}],
        "code": _coded(entered),
        "subject": closing.subject,
        "encounter": closing.visit,
        "recordedDate": codec.instant(closing.now),
        "recorder": closing.author,
    }


def _note(entered: Documentation, closing: Closing) -> Data:
    text = b64encode(entered.note.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [CONSULT_NOTE]},
        "subject": closing.subject,
        "date": codec.instant(closing.now),
        "author": [closing.author],
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "language": "de", "data": text}}],
        "context": {"encounter": [closing.visit]},
    }


def _task(entered: Documentation, closing: Closing) -> Data:
    made: Data = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "description": entered.task,
        "for": closing.subject,
        "encounter": closing.visit,
        "authoredOn": codec.instant(closing.now),
        "requester": closing.author,
    }
    return made | {"restriction": {"period": {"end": entered.due.isoformat()}}} if entered.due else made


def _post(url: str, data: Data) -> Data:
    return {"fullUrl": url, "resource": data, "request": {"method": "POST", "url": data["resourceType"]}}


def _put(stored: Stored, data: Data) -> Data:
    request = {"method": "PUT", "url": stored.reference, "ifMatch": stored.etag}
    return {"resource": data, "request": request}
