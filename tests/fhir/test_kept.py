"""Types with a second life are kept like any other resource: a Bundle as a document, a Binary as JSON."""

import json
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])

ORDER = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}


async def test_a_bundle_that_is_posted_to_its_type_is_kept_and_not_carried_out(north: httpx.AsyncClient) -> None:
    sent: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction", "entry": [ORDER]}

    answer = await north.post("/Bundle", content=json.dumps(sent))
    read = await north.get(answer.headers["location"])
    patients = (await north.get("/Patient")).json()

    assert answer.status_code == 201
    assert read.json()["entry"] == sent["entry"]
    assert patients["total"] == 0


async def test_a_document_is_found_by_its_composition(north: httpx.AsyncClient) -> None:
    composition = {
        "resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "Brief"}, "title": "Brief",
        "date": "2026-11-23", "author": [{"display": "Praxis"}],
    }  # fmt: skip
    sent = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-11-23T10:00:00Z",
        "identifier": {"system": "urn:s", "value": "1"}, "entry": [{"fullUrl": "urn:uuid:c", "resource": composition}],
    }  # fmt: skip

    answer = await north.post("/Bundle", content=json.dumps(sent))
    found = (await north.get("/Bundle", params={"composition": "Composition/c"})).json()

    assert answer.status_code == 201, answer.text
    assert found["total"] == 1


async def test_a_binary_is_taken_as_json_and_in_no_other_form(north: httpx.AsyncClient) -> None:
    sent = {"resourceType": "Binary", "contentType": "image/png", "data": "iVBORw0KGgo="}

    as_json = await north.post("/Binary", content=json.dumps(sent))
    as_picture = await north.post("/Binary", content=b"\x89PNG", headers={"content-type": "image/png"})

    assert (await north.get(as_json.headers["location"])).json()["data"] == sent["data"]
    assert as_picture.status_code == 415
