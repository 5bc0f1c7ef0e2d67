"""Each step about a person, in the log of the clinic whose Patient it is about, with the operation's name sealed."""

from typing import NamedTuple

from sqlmodel import Session

from fhir import audit
from fhir.audit import Access
from fhir.policy import Action
from fhir.store import Store
from infra.caller import Caller


class Kept(NamedTuple):
    """A Patient, and the clinic that keeps it."""

    id: str
    compartment: str
    tenant: str


def note(session: Session, store: Store, caller: Caller, *, patient: Kept, operation: str) -> None:
    """Nothing; the step stands in the log of the Patient's clinic, and names that Patient alone."""
    now = store.clock.now()
    told = Access(Action.OPERATION, "Patient", patient.id, compartment=patient.compartment)
    made = audit.row(caller, told, recorded=now, tenant=patient.tenant)
    sealed = store.vault.seal(session, operation.encode(), to=audit.detail_binding(made["tenant"], made["id"]))
    audit.INSERT_AUDIT.run(session, made | {"data_key": sealed.data_key, "detail": sealed.body})
