"""/fhir/metadata says exactly what is there."""

import inspect
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from fhir import capability
from fhir.capability import INTERACTIONS
from fhir.interactions import ROUTES, router
from fhir.models import SERVED
from fhir.patches.patch import JSON_PATCH
from fhir.policy import Action
from fhir.search.definitions import COMMON, PARAMETERS, Kind
from infra.caller import Caller
from tests.fhir.record import created

VALUES = {
    "token": "abc", "date": "2026", "string": "abc", "reference": "Patient/1", "uri": "http://a",
    "quantity": "5.4", "special": "54.32|10.13|20|km",
}  # fmt: skip


def value(type: str, parameter: dict[str, Any]) -> str:
    """A value that the parameter could have."""
    if parameter["type"] != "composite":
        return VALUES[parameter["type"]]
    parts = PARAMETERS[type].parameters[parameter["name"]].components
    return "$".join("DocumentReference/1" if part.kind is Kind.REFERENCE else VALUES[part.kind.value] for part in parts)


async def statement(http: httpx.AsyncClient) -> dict[str, Any]:
    answer = await http.get("/metadata", headers={"x-tenant": ""})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def example(shared: Path, type: str) -> dict[str, Any]:
    """The first official example of a type."""
    file = min((shared / "data/fhir-r4/examples").glob(f"{type}-*.json"))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


async def attempt(http: httpx.AsyncClient, type: str, id: str, *, body: str) -> dict[Action, httpx.Response]:
    """The answer to each interaction on a resource that is there."""
    return {
        Action.SEARCH: await http.get(f"/{type}"),
        Action.CREATE: await http.post(f"/{type}", content=body),
        Action.READ: await http.get(f"/{type}/{id}"),
        Action.VREAD: await http.get(f"/{type}/{id}/_history/1"),
        Action.HISTORY: await http.get(f"/{type}/{id}/_history"),
        Action.HISTORY_TYPE: await http.get(f"/{type}/_history"),
        Action.UPDATE: await http.put(f"/{type}/{id}", content=body),
        Action.PATCH: await http.patch(f"/{type}/{id}", content="[]", headers={"content-type": JSON_PATCH}),
        Action.DELETE: await http.delete(f"/{type}/{id}"),
    }


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_listed_interaction_answers_and_no_other_does(north: httpx.AsyncClient, shared: Path) -> None:
    listed = {one["type"]: one for one in (await statement(north))["rest"][0]["resource"]}

    assert list(listed) == list(SERVED)
    for type, said in listed.items():
        resource = example(shared, type)
        id = await created(north, resource)
        answers = await attempt(north, type, id, body=json.dumps(resource | {"id": id}))
        works = {str(action) for action, answer in answers.items() if answer.status_code in (200, 201, 204)}
        refused = {answer.status_code for answer in answers.values()} - {200, 201, 204}
        assert works == {one["code"] for one in said["interaction"]}, type
        assert refused <= {405}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_listed_search_parameter_is_understood(north: httpx.AsyncClient) -> None:
    for said in (await statement(north))["rest"][0]["resource"]:
        for parameter in said["searchParam"]:
            query = f"{parameter['name']}={value(said['type'], parameter)}"
            answer = await north.get(f"/{said['type']}?{query}")
            if answer.status_code == 400:  # a reference that can't point to a Patient
                answer = await north.get(f"/{said['type']}?{parameter['name']}=1")
            assert answer.status_code == 200, (said["type"], query, answer.text)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_other_types_and_interactions_are_refused(north: httpx.AsyncClient) -> None:
    for type in ("Basic", "Citation", "SubscriptionStatus", "patient"):
        assert (await north.get(f"/{type}/1")).status_code == 404
        assert (await north.get(f"/{type}")).status_code == 404
    assert (await north.delete("/AuditEvent/1")).status_code == 405
    assert (await north.get("/_search")).status_code == 404


def test_the_table_has_every_served_type_and_each_route_names_its_caller() -> None:
    assert list(INTERACTIONS) == list(SERVED)
    for _, _, interaction, _ in ROUTES:
        assert inspect.signature(interaction).parameters["caller"].annotation is Caller


async def test_no_route_but_metadata_answers_without_a_caller() -> None:
    async def nobody(_: object) -> Caller:
        raise PermissionError

    made = router(record_of=lambda _: None, caller_of=nobody)  # type: ignore[arg-type,return-value]  # never reached
    guarded = [route for route in made.routes if "metadata" not in route.path]  # type: ignore[attr-defined]  # Starlette's base class has no path

    assert {route.path for route in guarded} == {f"/fhir{path}" for _, path, _, _ in ROUTES}  # type: ignore[attr-defined]  # as above
    for route in guarded:
        with pytest.raises(PermissionError):
            await route.endpoint(a_request())  # type: ignore[attr-defined]  # as above


def a_request() -> Any:
    """A request to nowhere."""
    return Request({"type": "http", "headers": [], "path_params": {}})


def test_every_route_and_search_parameter_has_its_line_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "fhir/README.md").read_text()

    for method, path, _, _ in ROUTES:
        assert f"`{method} /fhir{path.rstrip('/')}`" in manual.replace("`, `", "` `"), (method, path)
    for type in SERVED:
        line = next(line for line in manual.splitlines() if line.startswith(f"| {type} |"))
        own = sorted(name for name in PARAMETERS[type].parameters if name not in COMMON)
        assert line.split("|")[2].strip() == (", ".join(own) or "-")


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_statement_is_a_valid_r4_resource_and_validates_itself(north: httpx.AsyncClient) -> None:
    text = (await north.get("/metadata")).text

    answer = await north.post("/CapabilityStatement/$validate", content=text)

    assert answer.json()["issue"][0]["severity"] == "information", answer.text


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_listed_operation_answers(north: httpx.AsyncClient) -> None:
    id = await created(north, {"resourceType": "Patient"})
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "a"}]}}]}
    said = next(one for one in (await statement(north))["rest"][0]["resource"] if one["type"] == "Patient")

    for operation in said["operation"]:
        name = operation["name"]
        if name in ("meta-add", "meta-delete"):
            answer = await north.post(f"/Patient/{id}/${name}", content=json.dumps(parameters))
        else:
            answer = await north.get(f"/Patient/{id}/${name}")
        assert answer.status_code == 200, (name, answer.text)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_labels_are_added_once_and_taken_away_by_their_code(north: httpx.AsyncClient) -> None:
    tag = {"system": "http://a.example", "code": "a"}
    id = await created(north, {"resourceType": "Patient", "meta": {"tag": [tag], "profile": ["http://a.example/p"]}})
    new = {"tag": [tag | {"display": "other"}, {"code": "b"}], "security": [{"code": "R"}]}
    body = json.dumps({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": new}]})

    added = (await north.post(f"/Patient/{id}/$meta-add", content=body)).json()["parameter"][0]["valueMeta"]
    removed = (await north.post(f"/Patient/{id}/$meta-delete", content=body)).json()["parameter"][0]["valueMeta"]
    of_type = (await north.get("/Patient/$meta")).json()["parameter"][0]["valueMeta"]

    assert (added["tag"], added["security"], added["versionId"]) == ([tag, {"code": "b"}], [{"code": "R"}], "2")
    assert "tag" not in removed and "security" not in removed
    assert of_type == {"profile": ["http://a.example/p"]}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_statement_is_sent_small_and_only_where_it_is_new(north: httpx.AsyncClient) -> None:
    plain = await north.get("/metadata", headers={"accept-encoding": "identity"})
    refused = await north.get("/metadata", headers={"accept-encoding": "br, gzip;q=0"})
    small = await north.get("/metadata", headers={"accept-encoding": "br, gzip;q=0.5"})
    known = await north.get("/metadata", headers={"if-none-match": f'"other", {plain.headers["etag"]}'})
    other = await north.get("/metadata", headers={"if-none-match": '"other"'})
    head = await north.head("/metadata")

    assert small.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert refused.headers["content-length"] == plain.headers["content-length"]
    assert int(small.headers["content-length"]) * 5 < int(plain.headers["content-length"])
    assert small.json() == plain.json()
    assert (known.status_code, known.content, other.status_code, head.status_code) == (304, b"", 200, 200)
    assert {each.headers["etag"] for each in (plain, small, known, other, head)} == {plain.headers["etag"]}
    assert plain.headers["cache-control"] == "no-cache"  # kept, and asked about each time
    assert {each.headers["vary"] for each in (plain, small, known)} == {"Accept-Encoding"}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_statement_is_made_once(north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await north.get("/metadata")
    monkeypatch.setattr(capability, "statement", lambda **_: pytest.fail("it was made again"))

    assert (await north.get("/metadata")).content == first.content
