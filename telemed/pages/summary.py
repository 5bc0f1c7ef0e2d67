"""What the patient's page says about the appointment: when, with whom, where. Nothing about the patient."""

from dataclasses import dataclass
from datetime import datetime

from fhir.store import Store
from infra.caller import Caller, Role
from infra.database import Session
from infra.problems import Gone, NotFound
from telemed.schedules.keepers import holder
from telemed.schedules.practitioners import practitioner
from telemed.visits import resource
from telemed.visits.sessions import Attendance


@dataclass(frozen=True, slots=True)
class Summary:
    """When, with whom and where; a name is empty where the record has none."""

    start: datetime
    practitioner: str
    clinic: str


def summary(session: Session, store: Store, who: Attendance) -> Summary:
    """The appointment of a visit session, in words. Part of an atomic unit."""
    caller = Caller(tenant=who.tenant, subject="visit", role=Role.SERVICE)
    appointment = store.read(session, caller, "Appointment", who.appointment_id).data
    clinic, attending = holder(session, who.appointment_id, tenant=who.tenant), practitioner(session, appointment)
    return Summary(
        resource.moment(appointment["start"]),
        name_of(session, store, caller, reference=f"Practitioner/{attending}") if attending else "",
        name_of(session, store, caller, reference=f"Organization/{clinic}"),
    )


def name_of(session: Session, store: Store, caller: Caller, *, reference: str) -> str:
    """The name behind a reference, or nothing where there is none to see."""
    type, _, id = reference.partition("/")
    try:
        return resource.name(store.read(session, caller, type, id).data)
    except (NotFound, Gone):
        return ""


def clinic_of(session: Session, store: Store, caller: Caller) -> str:
    """The name of the caller's clinic, which stands on top of a page that is about it. Part of an atomic unit."""
    return name_of(session, store, caller, reference=f"Organization/{caller.tenant}")
