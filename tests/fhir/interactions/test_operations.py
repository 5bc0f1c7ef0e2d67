"""Operations by POST, and what is said of those that there are not."""

import json
from typing import Any

import httpx
import pytest

from tests.fhir.record import created, observation, patient
from tests.fhir.test_search_pages import link


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def parameters(*given: tuple[str, str, Any]) -> str:
    parts = [{"name": name, key: value} for name, key, value in given]
    return json.dumps({"resourceType": "Parameters", "parameter": parts})


async def test_everything_takes_its_parameters_from_the_body_too(north: httpx.AsyncClient) -> None:
    person = await created(north, patient())
    made = [await created(north, observation(person, effectiveDateTime=f"202{n}-05-05")) for n in range(3)]
    address = f"/Patient/{person}/$everything"
    body = parameters(
        ("_type", "valueCode", "Observation"),
        ("_type", "valueCode", "Patient"),
        ("start", "valueDate", "2021-01-01"),
        ("_count", "valueInteger", 2),
    )

    whole = await north.post(address)
    first = await north.post(address, content=body)
    following = await north.get(link(first, "next"))
    again = await north.get(link(first, "self"))

    def ids(page: httpx.Response) -> list[str]:
        return [one["resource"]["id"] for one in page.json()["entry"]]

    assert ids(whole) == [person, *made[::-1]]
    assert (ids(first), ids(following)) == ([person, made[2]], [made[1]])
    assert ids(again) == ids(first)
    assert "2021" not in link(first, "self")


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", parameters(("start", "valueDate", "soon")), 422),
        ("", parameters(("start", "valueString", "soon")), 400),
        ("", parameters(("_cursor", "valueString", "x")), 400),
        ("", parameters(("start", "valueDate", "2020"), ("start", "valueDate", "2021")), 400),
        ("", json.dumps(patient()), 400),
        ("?start=2020", parameters(("start", "valueDate", "2021")), 400),
    ],
    ids=["bad", "no date", "unknown", "twice", "other", "both"],
)
async def test_everything_refuses_a_body_that_it_can_not_carry_out(
    north: httpx.AsyncClient, query: str, body: str, status: int
) -> None:
    person = await created(north, patient())

    assert (await north.post(f"/Patient/{person}/$everything{query}", content=body)).status_code == status


async def test_where_there_is_no_label_meta_returns_no_empty_object(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    assert (await north.get("/Patient/$meta")).json() == {"resourceType": "Parameters"}
    assert (await north.get("/$meta")).json() == {"resourceType": "Parameters"}
    assert set((await north.get(f"/Patient/{id}/$meta")).json()["parameter"][0]["valueMeta"]) == {
        "versionId",
        "lastUpdated",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/Patient/$foo"), ("GET", "/Patient/$export"), ("POST", "/$validate"), ("GET", "/$foo")],
)
async def test_an_operation_that_is_not_offered_is_called_so(north: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await north.request(method, path, content="{}" if method == "POST" else None)

    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"]) == (404, "not-supported")
    assert "operation is not offered" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/Patient/$validate", "POST"),
        ("PUT", "/Patient/$meta", "GET, HEAD, POST"),
        ("GET", "/Patient/{id}/$meta-add", "POST"),
    ],
)
async def test_an_operation_by_another_method_is_a_405_that_names_its_own(
    north: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    answer = await north.request(method, path.replace("{id}", await created(north, patient())))

    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_search_by_form_is_a_post(north: httpx.AsyncClient) -> None:
    answer = await north.get("/Patient/_search")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
