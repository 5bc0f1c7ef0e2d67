"""What hardly anybody sends, answered like any other fault: no 500, and nothing of it where it does not fit."""

import json
from typing import Any

import httpx
import pytest

from fhir import audit, parameters
from fhir.audit import EVERYTHING, Access
from fhir.policy import Action
from fhir.preconditions import http_moment
from fhir.store import Store
from infra.database import Database
from tests.fhir.record import caller, created, patient
from tests.fhir.test_bundles import bundle, entry

LONG = "MedicinalProductUndesirableEffect"  # a type of R4 that is not served: 33 letters, as no served one has


@pytest.mark.parametrize("zone", ["+99999999999999999", "-99999999999", "+9999", "+2359"])
async def test_a_date_that_no_clock_can_hold_is_passed_over(north: httpx.AsyncClient, zone: str) -> None:
    id = await created(north, patient())
    headers = {"if-modified-since": f"Mon, 23 Nov 2020 10:00:00 {zone}"}

    assert (await north.get(f"/Patient/{id}", headers=headers)).status_code == 200
    assert http_moment("Mon, 23 Nov 99999999999 10:00:00 GMT") is None


@pytest.mark.parametrize("operation", ["$meta-add", "$meta-delete"])
@pytest.mark.parametrize(
    ("meta", "place"),
    [
        ({"tag": [{"code": ["x"]}]}, "tag[0].code"),
        ({"tag": [["x"]]}, "tag[0]"),
        ({"tag": []}, "tag"),
        ({"security": [{"system": {}}]}, "security[0].system"),
        ({"profile": [{}]}, "profile[0]"),
        ({"profile": ["a b"]}, "profile[0]"),
    ],
    ids=range(6),
)
async def test_labels_are_checked_like_any_other_meta(
    north: httpx.AsyncClient, operation: str, meta: dict[str, Any], place: str
) -> None:
    id = await created(north, patient(meta={"tag": [{"code": "a"}], "profile": ["http://a.example/p"]}))
    body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}

    refused = await north.post(f"/Patient/{id}/{operation}", content=json.dumps(body))

    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == [f"Parameters.parameter[0].value.{place}"]
    assert (await north.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("operation", "part", "status"),
    [
        ("$everything", {"name": "start", "valueDate": "soon"}, 422),
        ("$everything", {"name": "start", "valueDate": ["2020"]}, 422),
        ("$everything", {"name": "start", "valueUnicorn": "2020"}, 422),
        ("$everything", {"name": "start", "part": [{"name": "a", "valueDate": "2020"}]}, 400),
        ("$everything", {"name": "_type", "valueCode": None}, 422),
        ("$validate", {"name": "mode", "valueCode": {"a": 1}}, 422),
        ("$validate", {"name": "resource", "valueString": "x"}, 400),
        ("$meta-add", {"name": "meta", "resource": {"tag": [{"code": ["x"]}]}}, 400),
        ("$meta-add", ["meta"], 400),
    ],
    ids=range(9),
)
async def test_parameters_are_checked_before_they_are_read(
    north: httpx.AsyncClient, operation: str, part: Any, status: int
) -> None:
    id = await created(north, patient())
    body = {"resourceType": "Parameters", "parameter": [part]}

    assert (await north.post(f"/Patient/{id}/{operation}", content=json.dumps(body))).status_code == status


async def test_the_resource_to_validate_may_be_as_wrong_as_it_likes(north: httpx.AsyncClient) -> None:
    parts = [{"name": "resource", "resource": patient(gender="red")}, {"name": "mode", "valueCode": "create"}]
    body = {"resourceType": "Parameters", "parameter": parts}

    answer = await north.post("/Patient/$validate", content=json.dumps(body))

    assert answer.status_code == 200
    assert answer.json()["issue"][0]["expression"] == ["Patient.gender"]


async def test_without_the_check_of_parameters_a_wrong_label_is_a_fault_of_ours(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "validate", lambda _: None)
    id = await created(north, patient(meta={"tag": [{"code": "a"}]}))
    body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": ["x"]}]}}]}

    with pytest.raises(TypeError):
        await north.post(f"/Patient/{id}/$meta-add", content=json.dumps(body))


@pytest.mark.parametrize("type", [LONG, "Basic"])
async def test_criteria_about_no_type_are_refused_and_named(north: httpx.AsyncClient, type: str) -> None:
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": f"{type}?identifier=x"}],
        "recorded": "2026-11-23T10:00:00Z",
        "agent": [{"who": {"reference": "Practitioner/1"}}],
    }

    refused = await north.post("", content=bundle(entry("POST", "Provenance", resource=provenance)))

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[0]"]


async def test_a_refused_access_to_no_type_is_in_the_log_and_its_name_sealed(database: Database, store: Store) -> None:
    access = Access(Action.READ, LONG * 100, "x" * 1000)

    await database.write(lambda session: store.refused(session, caller(), access))

    rows = await database.read(lambda session: session.connection().execute(audit.AUDIT.select()).mappings().fetchall())
    assert [(row["type"], row["resource_id"]) for row in rows] == [(EVERYTHING, None)]
    assert rows[0]["detail"] and LONG.encode() not in rows[0]["detail"]
