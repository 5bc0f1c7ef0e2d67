"""How far a My-data session reaches: the own compartment and the directory, and nothing of anybody else."""

from typing import Any

import pytest
from sqlmodel import Session

from fhir.policy import REGION_WIDE, Action
from fhir.rows import RESOURCE
from fhir.search import parsing
from infra.caller import Role
from infra.clock import SystemClock
from infra.problems import NotFound
from telemed.access import one_record
from telemed.access.one_record import READABLE, NotOfTheRecord, OneRecord
from telemed.access.table import GROUP
from telemed.mydata.record import CHANGEABLE, own_caller, own_store
from telemed.mydata.sessions import MyPatient
from telemed.visits import resource
from tests.telemed.mydata.letters import patient_of
from tests.telemed.visits.clinic import PATIENT, PLATFORM, TENANT, Clinic

STRANGER = "patient-2"
OWN = OneRecord("c1", Role.PATIENT, SystemClock().now, CHANGEABLE)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def observation(patient: str) -> dict[str, Any]:
    """A finding about a patient."""
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Blutdruck systolisch"}]}
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": subject}


def two_patients(session: Session, clinic: Clinic) -> dict[str, str]:
    """The ids of a finding about each of two patients of the same clinic."""
    store = clinic.services.store
    store.create(session, PLATFORM, resource.parsed({"resourceType": "Patient"}), id=STRANGER)
    return {
        patient: store.create(session, PLATFORM, resource.parsed(observation(patient))).id
        for patient in (PATIENT, STRANGER)
    }


def test_for_each_type_and_action_the_policy_says_what_the_rule_says() -> None:
    caller = own_caller(MyPatient(TENANT, PATIENT, "c1", b""))
    for type in GROUP:
        for action in Action:
            reads = not action.changes and (type in READABLE or type in REGION_WIDE)
            changes = action in (Action.CREATE, Action.UPDATE) and type in CHANGEABLE
            try:
                OWN.permit(caller, action, type)
                allowed = True
            except NotOfTheRecord:
                allowed = False
            assert allowed is (reads or changes), (type, action)


def test_the_policy_of_a_patient_is_for_patients_alone() -> None:
    caller = own_caller(MyPatient(TENANT, PATIENT, "c1", b""))
    for role in set(Role) - {Role.PATIENT}:
        with pytest.raises(NotOfTheRecord):
            OWN.permit(caller._replace(role=role), Action.READ, "Patient")


async def test_a_neighbour_in_the_same_clinic_is_not_there(clinic: Clinic) -> None:
    patient = patient_of(clinic.services)
    store, caller = own_store(clinic.services, patient), own_caller(patient)

    def unit(session: Session) -> list[str]:
        ids = two_patients(session, clinic)
        assert store.read(session, caller, "Observation", ids[PATIENT]).id == ids[PATIENT]
        for type, id in (("Observation", ids[STRANGER]), ("Patient", STRANGER)):
            with pytest.raises(NotFound):
                store.read(session, caller, type, id)
        asked = parsing.parse("Observation", [])
        return [entry.id for entry in store.search(session, caller, asked).entries] + [ids[PATIENT]]

    found, own = await clinic.services.database.write(unit)
    assert found == own


async def test_the_second_look_holds_where_the_filter_is_wrong(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_record, "clause", lambda *_, **__: RESOURCE.c.id.is_not(None))
    patient = patient_of(clinic.services)
    store, caller = own_store(clinic.services, patient), own_caller(patient)

    def unit(session: Session) -> None:
        ids = two_patients(session, clinic)
        with pytest.raises(NotFound):
            store.read(session, caller, "Observation", ids[STRANGER])

    await clinic.services.database.write(unit)


async def test_without_the_second_look_a_wrong_filter_would_show_the_neighbour(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_record, "clause", lambda *_, **__: RESOURCE.c.id.is_not(None))
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)
    patient = patient_of(clinic.services)
    store, caller = own_store(clinic.services, patient), own_caller(patient)

    def unit(session: Session) -> str:
        return store.read(session, caller, "Observation", two_patients(session, clinic)[STRANGER]).type

    assert await clinic.services.database.write(unit) == "Observation"
