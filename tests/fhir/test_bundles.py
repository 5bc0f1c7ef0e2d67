"""Batch and transaction Bundles over HTTP."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.links import rewrite
from tests.fhir.record import BASE, created, observation, patient

PATIENT = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def entry(method: str, url: str, **others: Any) -> dict[str, Any]:
    request = {"method": method, "url": url} | others.pop("request", {})
    return {"request": request} | others


def bundle(*entries: dict[str, Any], type: str = "transaction") -> str:
    return json.dumps({"resourceType": "Bundle", "type": type, "entry": list(entries)})


def two_linked() -> str:
    about = observation("x", subject={"reference": PATIENT})
    return bundle(
        entry("POST", "Observation", resource=about),
        entry("POST", "Patient", resource=patient(), fullUrl=PATIENT),
    )


async def test_links_between_new_resources_are_rewritten(north: httpx.AsyncClient) -> None:
    answer = await north.post("", content=two_linked(), headers={"prefer": "return=representation"})

    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["type"] == "transaction-response"
    assert [one["response"]["status"] for one in made["entry"]] == ["201 Created"] * 2
    about, person = (one["resource"] for one in made["entry"])
    assert about["subject"]["reference"] == f"Patient/{person['id']}"
    assert (await north.get(f"/Observation?patient={person['id']}")).json()["total"] == 1


async def test_a_slash_at_the_end_of_the_base_changes_nothing(north: httpx.AsyncClient) -> None:
    answer = await north.post(f"{BASE}/", content=two_linked())

    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201 Created"] * 2


async def test_a_transaction_that_fails_anywhere_changes_nothing(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    stale = entry("PUT", f"Patient/{id}", resource=patient(id=id, gender="other"), request={"ifMatch": 'W/"7"'})

    answer = await north.post("", content=bundle(entry("POST", "Patient", resource=patient()), stale))

    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert (await north.get("/Patient")).json()["total"] == 1
    assert (await north.get(f"/Patient/{id}")).json()["gender"] == "female"


async def test_an_invalid_resource_in_a_transaction_is_named(north: httpx.AsyncClient) -> None:
    wrong = bundle(entry("POST", "Patient", resource=patient()), entry("POST", "Patient", resource=patient(hair=1)))

    answer = await north.post("", content=wrong)

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"][0] == "Bundle.entry[1]"


async def test_a_batch_entry_that_fails_leaves_the_others_standing(north: httpx.AsyncClient) -> None:
    parts = (
        entry("POST", "Patient", resource=patient()),
        entry("GET", "Patient/absent"),
        entry("POST", "Patient", resource=patient(hair=1)),
        entry("GET", "Patient?_summary=count"),
    )

    answer = await north.post("", content=bundle(*parts, type="batch"))

    made = answer.json()["entry"]
    statuses = [one["response"]["status"][:3] for one in made]
    assert statuses == ["201", "404", "422", "200"]
    assert made[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert made[3]["resource"]["total"] == 1


async def test_a_patient_made_in_a_failed_batch_entry_leaves_no_key_behind(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    await north.delete(f"/Patient/{id}")
    parts = (
        entry("PUT", f"Patient/{id}", resource=patient(id=id)),
        entry("POST", "Patient", resource=patient()),
    )

    made = (await north.post("", content=bundle(*parts, type="batch"))).json()["entry"]

    assert [one["response"]["status"][:3] for one in made] == ["410", "201"]
    assert (await north.get(made[1]["fullUrl"])).status_code == 200


async def test_the_order_of_a_transaction_is_the_standards(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    parts = (
        entry("GET", "Patient"),
        entry("POST", "Patient", resource=patient()),
        entry("DELETE", f"Patient/{id}"),
    )

    made = (await north.post("", content=bundle(*parts))).json()["entry"]

    assert made[0]["resource"]["total"] == 1
    assert made[2]["response"]["status"] == "204 No Content"


async def test_the_same_resource_twice_in_a_transaction_is_refused(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    change = entry("PUT", f"Patient/{id}", resource=patient(id=id))

    answer = await north.post("", content=bundle(change, entry("DELETE", f"Patient/{id}")))

    assert answer.status_code == 400


async def test_a_conditional_create_in_a_transaction_links_to_what_is_there(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    criteria = {"ifNoneExist": "identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"}
    about = observation("x", subject={"reference": PATIENT})
    parts = (
        entry("POST", "Patient", resource=patient(), fullUrl=PATIENT, request=criteria),
        entry("POST", "Observation", resource=about),
    )

    made = (await north.post("", content=bundle(*parts), headers={"prefer": "return=representation"})).json()["entry"]

    assert made[0]["response"]["status"] == "200 OK"
    assert made[1]["resource"]["subject"]["reference"] == f"Patient/{id}"


async def test_bundles_that_are_not_to_be_processed_are_refused(north: httpx.AsyncClient) -> None:
    bad = (
        bundle(type="document"),
        bundle(entry("POST", "Patient")),
        bundle(entry("PUT", "Patient", resource=patient())),
        bundle(entry("POST", "Patient?identifier=1", resource=patient())),
        bundle({"resource": patient()}),
        bundle(entry("GET", "Patient?colour=red")),
    )

    statuses = [(await north.post("", content=one)).status_code for one in bad]

    assert statuses == [400] * len(bad)


@pytest.mark.parametrize("type", ["batch", "transaction"])
@pytest.mark.parametrize("condition", [{"ifMatch": 5}, {"ifNoneExist": 5}, {"ifNoneExist": ["identifier=1"]}])
async def test_a_condition_that_is_no_text_is_a_400(
    north: httpx.AsyncClient, type: str, condition: dict[str, Any]
) -> None:
    answer = await north.post(
        "", content=bundle(entry("POST", "Patient", resource=patient(), request=condition), type=type)
    )

    if type == "transaction":
        assert answer.status_code == 400
    else:
        assert answer.json()["entry"][0]["response"]["status"] == "400 Bad Request"


@given(st.text(), st.text())
def test_only_references_are_rewritten(before: str, note: str) -> None:
    resource = {"note": f'{note}"reference": "{PATIENT}"', "x": {"reference": PATIENT}, "value": PATIENT, before: 1}
    text = json.dumps(resource, ensure_ascii=False)

    changed = json.loads(rewrite(text, {PATIENT: "Patient/1"}))

    assert changed == resource | {"x": {"reference": "Patient/1"}} or before in ("x", "note", "value")


@given(st.sampled_from(["reference", "\\u0072eference", "referenc\\u0065"]), st.text())
def test_a_key_is_the_same_however_it_is_written(key: str, value: str) -> None:
    text = f'{{"{key}":"{PATIENT}","text":{json.dumps(value)},"list":[{{"{key}" : "{PATIENT}/_history/1"}}]}}'

    changed = json.loads(rewrite(text, {PATIENT: "Patient/1"}))

    assert changed == {"reference": "Patient/1", "text": value, "list": [{"reference": "Patient/1"}]}
