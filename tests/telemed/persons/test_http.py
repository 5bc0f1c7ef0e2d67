"""The operations over HTTP: shapes, statuses, who may, and what stands in the log."""

import json
from functools import partial
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from telemed.schedules.calendar import platform
from tests.telemed.persons.people import parsed, person
from tests.telemed.service import Service

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
Resource = dict[str, Any]


def parameters(*given: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(given)}


def reference(name: str, to: str) -> Resource:
    return {"name": name, "valueReference": {"reference": to}}


def pair(source: str, target: str, *more: Resource) -> Resource:
    return parameters(
        reference("source-patient", f"Patient/{source}"), reference("target-patient", f"Patient/{target}"), *more
    )


async def call(http: httpx.AsyncClient, operation: str, body: Resource, *, expect: int = 200) -> Resource:
    answer = await http.post(f"/fhir/Patient/${operation}", json=body)
    assert answer.status_code == expect, answer.text
    found: Resource = answer.json()
    return found


async def match(http: httpx.AsyncClient, patient: Resource, *more: Resource) -> list[tuple[str, str, float]]:
    """Id, grade and score of each candidate."""
    bundle = await call(http, "match", parameters({"name": "resource", "resource": patient}, *more))
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    found = []
    for entry in bundle.get("entry", ()):
        (extension,) = entry["search"]["extension"]
        assert (extension["url"], entry["search"]["mode"]) == (GRADE, "match")
        found.append((entry["resource"]["id"], extension["valueCode"], entry["search"]["score"]))
    assert bundle["total"] == len(found)
    return found


async def come(http: httpx.AsyncClient, patient: Resource) -> str:
    answer = await http.post("/fhir/Patient", json=patient)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested below the routes."""
    return "sqlite"


async def test_candidates_are_graded_and_the_most_alike_comes_first(service: Service) -> None:
    north = await service.system("north")
    same = await come(north, person(number=1))
    named = await come(north, person(address=[{"postalCode": "24103"}]))
    near = await come(north, person(family="Beispielmann"))
    await come(north, person(number=2))
    await come(north, person(family="Ganz", birthDate="1990-01-01"))

    found = await match(north, person(number=1, address=[{"postalCode": "24103"}]))

    assert [(id, grade) for id, grade, _ in found] == [(same, "certain"), (named, "probable"), (near, "possible")]
    assert found[0][2] == 1.0 and all(0 < score < 1 for _, _, score in found[1:])


async def test_count_limits_and_only_a_single_certain_match_is_certain(service: Service) -> None:
    north = await service.system("north")
    first = await come(north, person(number=1))
    certain = {"name": "onlyCertainMatches", "valueBoolean": True}
    await come(north, person())
    alone = await match(north, person(number=1), certain)
    await come(north, person(number=1))

    assert [id for id, _, _ in alone] == [first]
    assert await match(north, person(number=1), certain) == []
    assert len(await match(north, person(number=1), {"name": "count", "valueInteger": 2})) == 2
    assert len(await match(north, person(number=1))) == 3


async def test_a_match_tells_nothing_of_another_clinics_patients(service: Service) -> None:
    north, south = await service.system("north"), await service.system("south")
    sent = {"name": "resource", "resource": person(number=1)}
    before = await north.post("/fhir/Patient/$match", json=parameters(sent))
    await come(south, person(number=1))

    after = await north.post("/fhir/Patient/$match", json=parameters(sent))

    assert after.content == before.content
    events = (await north.get("/fhir/AuditEvent?_count=50")).json()
    assert "Beispiel" not in json.dumps(events)


async def test_the_event_of_a_match_names_the_askers_own_patient_alone(service: Service) -> None:
    north, south = await service.system("north"), await service.system("south")
    mine = await come(north, person(number=1))
    theirs = await come(south, person(number=1))

    await match(north, person(number=1))

    def told(bundle: Resource) -> str:
        return json.dumps([e for e in bundle["entry"] if e["resource"]["subtype"][0]["code"] == "operation"])

    log = told((await north.get("/fhir/AuditEvent?_count=50")).json())
    assert f"Patient/{mine}" in log and theirs not in log
    assert told((await south.get("/fhir/AuditEvent?_count=50")).json()) == "[]"


async def test_a_name_with_signs_of_a_search_finds_its_like(service: Service) -> None:
    north = await service.system("north")
    odd = await come(north, person(family="O'Bei|spiel, $x\\"))

    assert [id for id, _, _ in await match(north, person(family="O'Bei|spiel, $x\\"))] == [odd]


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("match", parameters(), 400),
        ("match", parameters({"name": "resource", "valueString": "x"}), 400),
        ("match", parameters({"name": "resource", "resource": {"resourceType": "Practitioner"}}), 400),
        ("match", parameters({"name": "resource", "resource": person(gender="x")}), 422),
        ("match", parameters({"name": "resource", "resource": person()}, {"name": "count", "valueInteger": 0}), 400),
        ("match", parameters({"name": "onlyCertainMatches", "valueString": "true"}), 400),
        ("match", parameters({"name": "else", "valueString": "x"}), 400),
        ("match", person(), 400),
        ("merge", parameters(reference("source-patient", "Patient/a")), 400),
        ("merge", pair("a", "b"), 404),
        ("merge", pair("a", "a"), 422),
        ("unmerge", pair("a", "b"), 404),
        ("link", parameters(reference("patient", "Practitioner/a")), 400),
        ("link", parameters(reference("patient", "Patient/a")), 403),
        ("unlink", parameters(reference("patient", "Patient/a")), 403),
    ],
)
async def test_bad_input_has_its_status(service: Service, operation: str, body: Resource, status: int) -> None:
    answer = await call(await service.system("north"), operation, body, expect=status)

    assert answer["resourceType"] == "OperationOutcome"


async def test_a_foreign_patient_looks_like_an_absent_one(service: Service) -> None:
    north, south = await service.system("north"), await service.system("south")
    mine, theirs = await come(north, person()), await come(south, person())

    for operation in ("merge", "unmerge"):
        foreign = await north.post(f"/fhir/Patient/${operation}", json=pair(theirs, mine))
        absent = await north.post(f"/fhir/Patient/${operation}", json=pair("never-was", mine))
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content) == (404, absent.content)


async def test_scope_and_role_are_asked(service: Service) -> None:
    reads = await service.system("north", scope="system/Patient.r")
    writes = await service.system("north", scope="system/Patient.cud")
    sent = parameters({"name": "resource", "resource": person()})

    assert (await reads.post("/fhir/Patient/$match", json=sent)).status_code == 403
    assert (await reads.post("/fhir/Patient/$merge", json=pair("a", "b"))).status_code == 403
    assert (await writes.post("/fhir/Patient/$match", json=sent)).status_code == 403
    assert (await service.http.post("/fhir/Patient/$match", json=sent)).status_code == 401


async def test_merging_over_http_answers_the_patient_that_is_left(service: Service) -> None:
    north = await service.system("north")
    old, kept = await come(north, person()), await come(north, person())

    shown = await call(north, "merge", pair(old, kept, {"name": "preview", "valueBoolean": True}))
    merged = await call(north, "merge", pair(old, kept))
    again = await call(north, "merge", pair(old, kept), expect=409)
    taken_back = await call(north, "unmerge", pair(old, kept))

    results = [
        next(p["resource"] for p in a["parameter"] if p["name"] == "result") for a in (shown, merged, taken_back)
    ]
    assert [(each["id"], bool(each.get("link"))) for each in results] == [(kept, True), (kept, True), (old, False)]
    assert results[0]["meta"]["versionId"] == "1" and results[1]["meta"]["versionId"] == "2"
    assert again["issue"][0]["code"] == "conflict"


async def test_the_desks_of_two_clinics_join_their_patients(service: Service) -> None:
    ids, desks = {}, {}
    for clinic, number in (("north", 1), ("south", None)):
        await service.services.database.write(partial(_open, service=service, clinic=clinic))
        ids[clinic] = await come(await service.system(clinic), person(number=number))
        desks[clinic] = await _desk(service, clinic)

    said = []
    for clinic, other in (("north", "south"), ("south", "north")):
        body = parameters(
            reference("patient", f"Patient/{ids[clinic]}"), reference("organization", f"Organization/{other}")
        )
        answer = await desks[clinic].post("/fhir/Patient/$link", json=body)
        said.append(answer.json()["parameter"][1]["valueCode"])

    assert said == ["asked", "linked"]


async def _desk(service: Service, clinic: str) -> httpx.AsyncClient:
    browser = service.browser()
    await browser.get(await service.sign_in_link(clinic, role="receptionist", practitioner=f"{clinic}-desk"))
    browser.headers.update({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/fhir+json"})
    return browser


def _open(session: Session, service: Service, clinic: str) -> None:
    organization = parsed({"resourceType": "Organization", "name": f"Praxis {clinic}"})
    service.services.store.create(session, platform(clinic), organization, id=clinic)


async def test_metadata_names_the_operations(service: Service) -> None:
    statement = (await service.http.get("/fhir/metadata")).json()

    patient = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    named = {each["name"]: each["definition"] for each in patient["operation"]}
    assert {"match", "merge", "unmerge", "link", "unlink"} <= set(named)
    assert named["match"] == "http://hl7.org/fhir/OperationDefinition/Patient-match"
