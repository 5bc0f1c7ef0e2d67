"""References that would have to be resolved and can't be: refused where they come, not stored to lead nowhere."""

import json
from typing import Any

import httpx
import pytest

from fhir.rules.faults import MOST
from tests.fhir.record import created, observation, patient
from tests.fhir.test_bundles import PATIENT, bundle, entry

CRITERIA = "Patient?identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def about(reference: str, **others: Any) -> dict[str, Any]:
    return observation("x", subject={"reference": reference}, **others)


@pytest.mark.parametrize("link", [PATIENT, "urn:oid:1.2.3", f"{PATIENT}/_history/1"])
async def test_a_transaction_with_a_link_to_no_entry_is_refused_and_the_place_named(
    north: httpx.AsyncClient, link: str
) -> None:
    other = entry("POST", "Patient", resource=patient(), fullUrl="urn:uuid:1c3151bd-1cbf-4d64-b04d-cd9187a4c6e0")

    refused = await north.post("", content=bundle(other, entry("POST", "Observation", resource=about(link))))

    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1]", "Observation.subject.reference"]
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize("link", [PATIENT, CRITERIA])
async def test_a_batch_entry_that_only_a_transaction_could_resolve_is_refused_alone(
    north: httpx.AsyncClient, link: str
) -> None:
    parts = (
        entry("POST", "Patient", resource=patient(), fullUrl=PATIENT),
        entry("POST", "Observation", resource=about(link)),
    )

    made = (await north.post("", content=bundle(*parts, type="batch"))).json()["entry"]

    assert [one["response"]["status"][:3] for one in made] == ["201", "422"]
    issue = made[1]["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[1]", "Observation.subject.reference"]
    assert "transaction" in issue["diagnostics"]


async def test_no_more_places_are_named_than_can_be_read(north: httpx.AsyncClient) -> None:
    many = observation("x", performer=[{"reference": CRITERIA}] * (MOST + 1))

    alone = await north.post("/Observation", content=json.dumps(many))
    batch = await north.post("", content=bundle(entry("POST", "Observation", resource=many), type="batch"))

    outcome = batch.json()["entry"][0]["response"]["outcome"]
    assert (len(alone.json()["issue"]), len(outcome["issue"])) == (MOST, MOST)


async def test_a_kept_bundle_has_links_of_its_own(north: httpx.AsyncClient) -> None:
    parts = [entry("POST", "Observation", resource=about(link)) for link in (CRITERIA, PATIENT)]
    kept = json.loads(bundle(*parts))

    alone = await north.post("/Bundle", content=json.dumps(kept))
    batch = await north.post("", content=bundle(entry("POST", "Bundle", resource=kept), type="batch"))

    assert alone.status_code == 201
    assert batch.json()["entry"][0]["response"]["status"] == "201 Created"


async def test_a_single_resource_may_refer_by_a_urn(north: httpx.AsyncClient) -> None:
    assert (await north.post("/Observation", content=json.dumps(about(PATIENT)))).status_code == 201


@pytest.mark.parametrize("way", ["create", "update", "patch"])
async def test_criteria_in_a_reference_are_refused_outside_a_transaction(north: httpx.AsyncClient, way: str) -> None:
    id = await created(north, observation("x"))
    operation = {"op": "replace", "path": "/subject/reference", "value": CRITERIA}
    method, path, body = {
        "create": ("POST", "", about(CRITERIA)),
        "update": ("PUT", f"/{id}", about(CRITERIA, id=id)),
        "patch": ("PATCH", f"/{id}", [operation]),
    }[way]
    headers = {"content-type": "application/json-patch+json"} if way == "patch" else {}

    refused = await north.request(method, f"/Observation{path}", content=json.dumps(body), headers=headers)

    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Observation.subject.reference"]
    assert "in a transaction only" in refused.json()["issue"][0]["diagnostics"]
    assert (await north.get("/Observation?_summary=count")).json()["total"] == 1


@pytest.mark.parametrize("written", ["Patient\\u003fidentifier=1", "http:\\/\\/test/fhir/Patient?identifier=1"])
async def test_criteria_are_seen_however_they_are_written(north: httpx.AsyncClient, written: str) -> None:
    body = json.dumps(about("LINK")).replace("LINK", written)

    assert (await north.post("/Observation", content=body)).status_code == 422
    assert "in a transaction only" in (await north.post("/Observation/$validate", content=body)).text
