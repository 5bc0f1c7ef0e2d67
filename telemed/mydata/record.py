"""The patient's own record: the one place that says how far a My-data session reaches.

`own_store` and `own_caller` are all that the pages use. What they reach: everything in the compartment of the clinic's
Patient that the letter was issued for, whoever wrote it, and the region's directory, for names. What they change:
Consents and Tasks of that compartment. A restriction that they asked for closes it to others, and not to them.
"""

from typing import Final

from fhir.store import Store, Watching
from infra.caller import Caller, Role
from telemed.access.one_record import OneRecord
from telemed.mydata.sessions import MyPatient
from telemed.services import Services

CHANGEABLE: Final = frozenset({"Consent", "Task"})
# http://terminology.hl7.org/CodeSystem/v3-ActReason: the patient asked for it.
PURPOSE: Final = "PATRQT"


def own_store(services: Services, patient: MyPatient) -> Store:
    """The record as far as it is this patient's own; what follows from a change follows as from any other."""
    # Hooks that refuse by the operator's choice ask the platform's policy, which this caller has nothing in.
    follow = [hook for hook in services.store.hooks if isinstance(hook, Watching)]
    policy = OneRecord(patient.compartment, Role.PATIENT, services.clock.now, CHANGEABLE)
    return Store(services.vault, policy, services.clock, follow)


def own_caller(patient: MyPatient, *, request_id: str = "") -> Caller:
    """The patient, for the record and its log."""
    return Caller(
        tenant=patient.tenant, subject=patient.patient_id, role=Role.PATIENT, purpose=PURPOSE, request_id=request_id
    )
