"""Erasure at the patient's own word: at once where nothing has to be kept, else until when and why (Art. 17 GDPR)."""

from datetime import datetime
from functools import partial

from fhir.compartments import patient_of
from infra.caller import Caller
from infra.database import Session
from telemed.keys.erasing import Order, erase
from telemed.mydata.sessions import MyPatient
from telemed.rights.farewell import tell_erased
from telemed.services import Services

REASON = "asked for by the patient, confirmed by PIN"


async def erase_own(services: Services, caller: Caller, patient: MyPatient) -> datetime:
    """When the record was erased, for ever; a refusal where the law keeps it. The hold is asked again in the same unit."""
    farewell = partial(tell_erased, services=services, tenant=patient.tenant, patient_id=patient.patient_id)
    return await erase(services.eraser, Order(patient.patient_id, caller, REASON, farewell))


def is_there(session: Session, patient: MyPatient) -> bool:
    """False once the record was erased, by whomever."""
    return patient_of(session, patient.compartment) is not None
