"""What a patient asks the clinic for: correction, restriction, erasure. A FHIR Task each, whose status the patient sees.

https://gdpr-info.eu/art-16-gdpr/, art-17, art-18. A person at the clinic decides; nothing here happens by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from fhir import codec
from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session
from infra.problems import Conflict, Unprocessable
from telemed.console.chart import about, day_of
from telemed.mydata.sessions import MyPatient
from telemed.rights.restriction import end_by_patient
from telemed.visits import resource

SYSTEM: Final = "https://telemed.example/fhir/CodeSystem/patient-request"
LONGEST: Final = 2000
# A clinic answers some; who sends hundreds writes a letter.
MOST_OPEN: Final = 10
# What a request says of itself while the record is restricted for it (Task.businessStatus).
RESTRICTED: Final = "restricted"
OPEN: Final = frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"})


class Kind(StrEnum):
    """What a patient may ask for."""

    CORRECTION = "correction"
    RESTRICTION = "restriction"
    ERASURE = "erasure"


# What the clinic reads in its list of tasks, in its own language.
TITLES: Final[Mapping[Kind, str]] = {
    Kind.CORRECTION: "Patient bittet um Berichtigung (Art. 16 DSGVO)",
    Kind.RESTRICTION: "Patient bittet um Einschränkung der Verarbeitung (Art. 18 DSGVO)",
    Kind.ERASURE: "Patient bittet um Löschung (Art. 17 DSGVO)",
}


class NothingSaid(Unprocessable):
    """Say what should be corrected."""


class TooManyOpen(Conflict):
    """Ten requests are open already. Wait for an answer, or call the clinic."""


class NotOpenAnyMore(Conflict):
    """The clinic has answered this request already."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what for, when, how far the clinic is, and what it answered."""

    id: str
    kind: str
    text: str
    day: date | None
    status: str
    answer: str

    @property
    def is_open(self) -> bool:
        """True until the clinic has decided or the patient has taken it back."""
        return self.status in OPEN


def requests(session: Session, store: Store, caller: Caller, patient: MyPatient) -> list[Asked]:
    """The patient's requests, the newest first. Part of an atomic unit."""
    found = about(session, store, caller, type="Task", patient=patient.patient_id)
    own = [data for data in found if kind_of(data)]
    return [_shown(data) for data in sorted(own, key=lambda data: str(data.get("authoredOn", "")), reverse=True)]


def ask(session: Session, store: Store, caller: Caller, patient: MyPatient, *, kind: Kind, text: str) -> Stored:
    """The new request. Part of an atomic unit."""
    said = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t").strip()[:LONGEST]
    if kind is Kind.CORRECTION and not said:
        raise NothingSaid
    if sum(each.is_open for each in requests(session, store, caller, patient)) >= MOST_OPEN:
        raise TooManyOpen
    now = codec.instant(store.clock.now())
    person = {"reference": f"Patient/{patient.patient_id}"}
    task: dict[str, Any] = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": SYSTEM, "code": kind.value}], "text": TITLES[kind]},
        "description": TITLES[kind],
        "for": person,
        "authoredOn": now,
        "lastModified": now,
        "requester": person,
        "owner": {"reference": f"Organization/{patient.tenant}"},
    }
    if said:
        task["note"] = [{"authorReference": person, "time": now, "text": said}]
    return store.create(session, caller, resource.parsed(task))


def take_back(session: Session, store: Store, caller: Caller, *, id: str) -> Stored:
    """The request, cancelled by who made it. Part of an atomic unit."""
    found = store.read(session, caller, "Task", id)
    if not kind_of(found.data) or found.data.get("status") not in OPEN:
        raise NotOpenAnyMore
    if found.data.get("businessStatus", {}).get("text") == RESTRICTED and found.compartment is not None:
        end_by_patient(session, found.compartment, now=store.clock.now())
    changed = {**found.data, "status": "cancelled", "lastModified": codec.instant(store.clock.now())}
    return store.update(session, caller, "Task", id, resource.parsed(changed), if_match=found.version)


def _shown(data: Mapping[str, Any]) -> Asked:
    notes = data.get("note", ())
    own = [note for note in notes if str(note.get("authorReference", {}).get("reference", "")).startswith("Patient/")]
    reason = data.get("statusReason", {})
    return Asked(
        data["id"],
        str(kind_of(data) or ""),
        str(own[0].get("text", "")) if own else "",
        day_of(data.get("authoredOn")),
        str(data.get("status", "")),
        str(reason.get("text") or next((c.get("display", "") for c in reason.get("coding", ())), "")),
    )


def kind_of(data: Mapping[str, Any]) -> Kind | None:
    """What a Task asks for; None for a Task that is no request of a patient."""
    codings = data.get("code", {}).get("coding", ())
    said = next((str(coding.get("code", "")) for coding in codings if coding.get("system") == SYSTEM), "")
    return Kind(said) if said in set(Kind) else None
