"""Consents given and withdrawn: they count for the very next request, on both databases."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from sqlmodel import select

from fhir.rules import validate
from fhir.tables import AuditRow
from telemed.mydata import consents
from telemed.visits import resource
from tests.telemed.mydata.letters import inside, patient_of
from tests.telemed.visits.clinic import PATIENT, PLATFORM, TENANT, Clinic
from tests.telemed.visits.records import found

OTHER = "clinic-b"
BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    """What counts at once is shown on both databases, all else on one."""
    return "sqlite"


async def neighbour(clinic: Clinic) -> httpx.AsyncClient:
    """Another clinic of the region, by its system."""
    store = clinic.services.store
    body = resource.parsed({"resourceType": "Organization", "name": "Pflegedienst Musterwind"})
    caller = PLATFORM._replace(tenant=OTHER)
    await clinic.services.database.write(lambda session: store.create(session, caller, body, id=OTHER))
    return await clinic.service.system(OTHER)


async def status(http: httpx.AsyncClient) -> int:
    """What a read of the patient answers."""
    return (await http.get(f"/fhir/Patient/{PATIENT}")).status_code


async def only(clinic: Clinic) -> dict[str, Any]:
    """The one consent in the record."""
    [consent] = await found(clinic, "Consent")
    return consent


async def allow(patient: httpx.AsyncClient, *, lasts: str = "90") -> httpx.Response:
    """The answer to a consent for the other clinic."""
    return await patient.post("/my/consents", data={"action": "allow", "clinic": OTHER, "lasts": lasts})


async def withdraw(patient: httpx.AsyncClient, clinic: Clinic) -> httpx.Response:
    """The answer to a withdrawal of the one consent."""
    return await patient.post("/my/consents", data={"action": "withdraw", "consent": (await only(clinic))["id"]})


@BOTH
async def write_down(clinic: Clinic, *provisions: dict[str, Any], actors: tuple[str, ...] = (OTHER,)) -> None:
    """A consent for these clinics, with these exceptions, that the own clinic has on paper."""
    named = [{"role": {"text": "recipient"}, "reference": {"reference": f"Organization/{actor}"}} for actor in actors]
    inner = {"provision": list(provisions)} if provisions else {}
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"text": "on paper"}],
        "patient": {"reference": f"Patient/{PATIENT}"},
        "policyRule": {"text": "on paper"},
        "provision": {"type": "permit", "actor": named} | inner,
    }
    own = await clinic.service.system(TENANT)
    answer = await own.post("/fhir/Consent", content=json.dumps(consent))
    assert answer.status_code == 201, answer.text


async def test_a_consent_opens_the_record_and_its_withdrawal_closes_the_next_request(clinic: Clinic) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    before = await status(other)

    given = await allow(patient, lasts="open")
    opened = await status(other)
    taken = await withdraw(patient, clinic)

    assert (given.status_code, taken.status_code) == (303, 303)
    assert (before, opened, await status(other)) == (404, 200, 404)
    shown = await patient.get(taken.headers["location"])
    assert "Widerrufen oder beendet" in shown.text and "Pflegedienst Musterwind" in shown.text


@BOTH
async def test_without_the_hook_that_keeps_grants_a_withdrawal_would_close_nothing(clinic: Clinic) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    await allow(patient)

    clinic.services.store.hooks = ()
    await withdraw(patient, clinic)

    assert await status(other) == 200


async def test_what_is_stored_is_a_valid_consent_with_its_history_and_its_line_in_the_log(clinic: Clinic) -> None:
    await neighbour(clinic)
    patient = await inside(clinic)
    await allow(patient)
    await withdraw(patient, clinic)

    consent = await only(clinic)
    lines = await log_of(clinic, "Consent")

    validate(resource.parsed(consent))
    assert (consent["status"], consent["meta"]["versionId"]) == ("inactive", "2")
    assert [(line.action, line.role, line.purpose) for line in lines if line.action in ("create", "update")] == [
        ("create", "patient", "PATRQT"),
        ("update", "patient", "PATRQT"),
    ]


async def test_a_consent_that_the_clinic_wrote_down_can_be_withdrawn_too(clinic: Clinic) -> None:
    other, patient = await neighbour(clinic), await inside(clinic)
    await write_down(clinic)
    assert await status(other) == 200

    await withdraw(patient, clinic)

    assert await status(other) == 404


async def test_a_withdrawn_consent_is_not_withdrawn_twice(clinic: Clinic) -> None:
    await neighbour(clinic)
    patient = await inside(clinic)
    await allow(patient)
    await withdraw(patient, clinic)

    again = await withdraw(patient, clinic)

    assert again.status_code == 409 and "gilt nicht mehr" in again.text


async def test_a_consent_is_for_another_clinic_of_the_region_alone(clinic: Clinic) -> None:
    await neighbour(clinic)
    patient = await inside(clinic)

    for named in (TENANT, "nowhere", ""):
        answer = await patient.post("/my/consents", data={"action": "allow", "clinic": named, "lasts": "90"})
        assert answer.status_code == 422, named

    assert await found(clinic, "Consent") == []


async def test_a_no_to_statistics_outweighs_the_yes_before_it(clinic: Clinic) -> None:
    patient = await inside(clinic)

    said = []
    for action in ("statistics-yes", "statistics-no", "statistics-yes"):
        assert (await patient.post("/my/consents", data={"action": action})).status_code == 303
        said.append((await only(clinic))["provision"]["type"])

    consent = await only(clinic)
    validate(resource.parsed(consent))
    assert said == ["permit", "deny", "permit"] and consent["meta"]["versionId"] == "3"
    assert consent["category"][0]["coding"][1] == {
        "system": "https://telemed.example/fhir/CodeSystem/consent-category",
        "code": "statistics",
    }


async def test_a_consent_in_somebody_elses_record_is_not_there(clinic: Clinic) -> None:
    await neighbour(clinic)
    store, body = clinic.services.store, {"resourceType": "Patient", "birthDate": "1960-01-01"}
    await clinic.services.database.write(
        lambda session: store.create(session, PLATFORM, resource.parsed(body), id="patient-2")
    )
    one, two = await inside(clinic), await inside(clinic, patient="patient-2")
    await allow(one)

    answer = await withdraw(two, clinic)

    assert answer.status_code == 404 and (await only(clinic))["status"] == "active"


async def log_of(clinic: Clinic, type: str) -> Sequence[AuditRow]:
    """The lines of the log about the patient's resources of a type."""
    compartment = patient_of(clinic.services).compartment
    wanted = select(AuditRow).where(AuditRow.compartment == compartment, AuditRow.type == type).order_by("id")
    return await clinic.services.database.read(lambda session: session.exec(wanted).all())


async def test_all_clinics_of_a_large_region_can_be_chosen(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consents, "MOST_READ", 2)
    store = clinic.services.store
    for number in range(5):
        name, body = f"clinic-{number}", {"resourceType": "Organization", "name": f"Praxis Muster {number}"}
        caller = PLATFORM._replace(tenant=name)
        await clinic.services.database.write(
            lambda session, c=caller, b=body, n=name: store.create(session, c, resource.parsed(b), id=n)  # type: ignore[misc]  # bound now
        )

    page = (await (await inside(clinic)).get("/my/consents")).text

    assert [f"Praxis Muster {number}</option>" in page for number in range(5)] == [True] * 5
    assert "Praxis am Hafen</option>" not in page
