"""A call back by phone: one tap of the patient becomes a Task of the clinic, and one of the clinic ends it."""

from datetime import datetime
from typing import Any, Final

from fhir import codec
from fhir.store import Store
from infra.caller import Caller, Role
from infra.clock import Clock
from infra.database import Session
from infra.problems import Gone, NotFound
from telemed.visits import resource
from telemed.visits.models import Visit

SYSTEM: Final = "https://telemed.example/fhir/CodeSystem/task"
CODE: Final = {"system": SYSTEM, "code": "call-back", "display": "Call back by phone"}
# What the clinic reads in its list of tasks, in its own language.
WORDS: Final = "Bitte anrufen: Die Patientin oder der Patient bittet um einen Anruf statt Video."
OPEN: Final = frozenset({"requested", "received", "accepted", "ready", "in-progress"})


def ask(session: Session, store: Store, visit: Visit, *, clock: Clock, request_id: str) -> None:
    """Nothing; a Task asks the visit's clinic to phone. Asking again while it is open makes no second one."""
    platform = _platform(visit.tenant, request_id)
    if visit.call_back is not None and _is_open(session, store, platform, visit.call_back):
        return
    appointment = store.read(session, platform, "Appointment", visit.appointment_id).data
    made = resource.parsed(_task(appointment, tenant=visit.tenant, now=clock.now()))
    visit.call_back = store.create(session, platform, made).id
    session.add(visit)


def done(session: Session, store: Store, visit: Visit, *, caller: Caller) -> None:
    """Nothing; somebody has phoned, so the Task is completed by whoever did."""
    if visit.call_back is None:
        return
    task = store.read(session, caller, "Task", visit.call_back)
    if task.data["status"] in OPEN:
        store.update(
            session, caller, "Task", task.id, resource.with_status(task.data, "completed"), if_match=task.version
        )
    visit.call_back = None
    session.add(visit)


def _is_open(session: Session, store: Store, caller: Caller, id: str) -> bool:
    try:
        return store.read(session, caller, "Task", id).data["status"] in OPEN
    except (NotFound, Gone):
        return False


def _task(appointment: dict[str, Any], *, tenant: str, now: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [CODE]},
        "description": WORDS,
        "focus": {"reference": f"Appointment/{appointment['id']}"},
        "for": {"reference": f"Patient/{resource.participant(appointment, 'Patient')}"},
        "authoredOn": codec.instant(now),
        "owner": {"reference": f"Organization/{tenant}"},
    }


def _platform(tenant: str, request_id: str) -> Caller:
    return Caller(tenant=tenant, subject="visit", role=Role.SERVICE, request_id=request_id)
