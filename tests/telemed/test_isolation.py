"""What one clinic wrote about its patient, asked for by another clinic in every way there is: nothing comes back."""

import json
from typing import Any

import httpx
import pytest

from tests.telemed.service import Service

NUMBER = {"system": "http://fhir.de/sid/gkv/kvid-10", "value": "X999999990"}
ABSENT = "absent"


def body(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()


async def made(client: httpx.AsyncClient, data: dict[str, Any]) -> str:
    """The id of a resource that this client has created."""
    answer = await client.post(f"/fhir/{data['resourceType']}", content=body(data))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def patient(family: str = "Probe") -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [NUMBER], "name": [{"family": family}]}


def observation(subject: str) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": "2026-03-02T09:00:00Z",
        "valueString": "foreign",
    }


async def test_every_address_of_a_foreign_resource_answers_like_an_absent_one(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, patient())
    await owner.put(f"/fhir/Patient/{own}", content=body(patient() | {"id": own}))

    for path in ("{id}", "{id}/_history", "{id}/_history/1", "{id}/_history/2"):
        foreign = await stranger.get(f"/fhir/Patient/{path.format(id=own)}")
        absent = await stranger.get(f"/fhir/Patient/{path.format(id=ABSENT)}")

        assert foreign.status_code == absent.status_code == 404
        assert foreign.content == absent.content
        assert set(foreign.headers) == set(absent.headers)


async def test_changing_a_foreign_resource_answers_like_an_absent_one_and_changes_nothing(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, patient())

    for method in ("PUT", "DELETE"):
        answers = [
            await stranger.request(
                method, f"/fhir/Patient/{id}", content=body(patient("Stolen") | {"id": id}) if method == "PUT" else None
            )
            for id in (own, ABSENT)
        ]

        assert answers[0].status_code == answers[1].status_code
        assert answers[0].content == answers[1].content
    assert (await owner.get(f"/fhir/Patient/{own}")).json()["name"] == [{"family": "Probe"}]


@pytest.mark.parametrize(
    "query",
    [
        "Patient?identifier=http://fhir.de/sid/gkv/kvid-10|X999999990",
        "Patient?_id={id}",
        "Patient?name=Probe",
        "Patient?family=Probe",
        "Patient?_summary=count",
        "Patient",
        "Observation?patient={id}",
        "Observation?subject=Patient/{id}",
        "Observation?code=8867-4&_summary=count",
    ],
)
async def test_no_search_and_no_count_tells_of_a_foreign_patient(service: Service, query: str) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, patient())
    await made(owner, observation(own))

    found = (await stranger.get(f"/fhir/{query.format(id=own)}")).json()

    assert found["total"] == 0
    assert not found.get("entry")
    assert (await owner.get(f"/fhir/{query.format(id=own)}")).json()["total"] == 1


async def test_a_conditional_create_does_not_find_a_foreign_patient(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    await made(owner, patient())
    condition = {"If-None-Exist": "identifier=http://fhir.de/sid/gkv/kvid-10|X999999990"}

    answer = await stranger.post("/fhir/Patient", content=body(patient()), headers=condition)

    assert answer.status_code == 201


async def test_writing_about_a_foreign_patient_neither_enters_the_record_nor_opens_it(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, patient())

    about_own = await stranger.post("/fhir/Observation", content=body(observation(own)))
    about_absent = await stranger.post("/fhir/Observation", content=body(observation(ABSENT)))

    assert about_own.status_code == about_absent.status_code == 201
    assert (await owner.get(f"/fhir/Observation?patient={own}")).json()["total"] == 0
    assert (await stranger.get(f"/fhir/Patient/{own}")).status_code == 404


async def test_the_directory_is_read_by_all_and_changed_by_its_owner(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, {"resourceType": "Organization", "name": "Praxis"})
    changed = body({"resourceType": "Organization", "id": own, "name": "Changed"})

    assert (await stranger.get(f"/fhir/Organization/{own}")).status_code == 200
    assert (await stranger.put(f"/fhir/Organization/{own}", content=changed)).status_code == 404
    assert (await owner.put(f"/fhir/Organization/{own}", content=changed)).status_code == 200


async def test_every_refused_look_is_on_record(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    own = await made(owner, patient())
    await stranger.get(f"/fhir/Patient/{own}")

    log = (await stranger.get("/fhir/AuditEvent?_count=50")).json()

    outcomes = [entry["resource"]["outcome"] for entry in log["entry"]]
    assert "4" in outcomes
