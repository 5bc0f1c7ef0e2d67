"""The appointment that follows a visit, for the patient's calendar."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhir import codec
from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller, Role
from infra.database import Session
from telemed.booking.models import Booking
from telemed.visits import resource
from telemed.visits.sessions import Attendance

MOST: Final = 20
"""Of a patient's coming appointments that are looked at; the earliest comes first."""


@dataclass(frozen=True, slots=True)
class Following:
    """When it is; `sequence` as in the invitation that the patient may have had by mail."""

    id: str
    start: datetime
    end: datetime
    sequence: int


def following(session: Session, store: Store, who: Attendance, *, now: datetime) -> Following | None:
    """The patient's next booked appointment in the clinic that keeps this one, if there is any. Part of an atomic unit."""
    caller = Caller(tenant=who.tenant, subject="visit", role=Role.SERVICE)
    this = store.read(session, caller, "Appointment", who.appointment_id).data
    patient = resource.participant(this, "Patient")
    if patient is None:
        return None
    asked = parsing.parse(
        "Appointment",
        [
            ("patient", f"Patient/{patient}"),
            ("status", "booked"),
            ("date", f"ge{codec.instant(now)}"),
            ("_sort", "date"),
            ("_count", str(MOST)),
            ("_total", "none"),
        ],
    )
    for entry in store.search(session, caller, asked).entries:
        data = entry.data
        if entry.id != who.appointment_id and "start" in data and "end" in data:
            known = session.get(Booking, entry.id)
            sequence = max(known.sequence, 0) if known else 0
            return Following(entry.id, resource.moment(data["start"]), resource.moment(data["end"]), sequence)
    return None
