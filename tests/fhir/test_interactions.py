"""The interactions over HTTP: statuses, headers, bytes."""

import json

import httpx
import pytest

from tests.fhir.record import BASE, created, observation, patient


async def test_a_created_resource_is_read_back_byte_for_byte_except_id_and_meta(north: httpx.AsyncClient) -> None:
    sent = json.dumps(patient(), indent=3)

    answer = await north.post("/Patient", content=sent)
    read = await north.get(f"/Patient/{answer.json()['id']}")

    assert answer.status_code == 201
    assert read.content == answer.content
    assert read.headers["content-type"] == "application/fhir+json"
    kept = {key: value for key, value in read.json().items() if key not in ("id", "meta")}
    assert kept == patient()


async def test_a_create_tells_where_the_version_lies(north: httpx.AsyncClient) -> None:
    answer = await north.post("/Patient", content=json.dumps(patient()))

    id = answer.json()["id"]
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"] == f"{BASE}/Patient/{id}/_history/1"
    assert answer.headers["last-modified"].endswith("GMT")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/fhir+json; charset=utf-8"}, 201),
        ({"content-type": 'application/json;fhirVersion=4.0; Charset="UTF-8"'}, 201),
        ({"content-encoding": "identity"}, 201),
        ({"content-type": "application/fhir+json; charset=iso-8859-1"}, 415),
        ({"content-encoding": "gzip"}, 415),
    ],
)
async def test_a_body_in_an_encoding_that_is_not_read_is_a_415(
    north: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await north.post("/Patient", content=json.dumps(patient()), headers=headers)

    assert answer.status_code == status
    assert answer.json()["resourceType"] == ("Patient" if status == 201 else "OperationOutcome")


async def test_prefer_minimal_answers_without_the_resource(north: httpx.AsyncClient) -> None:
    answer = await north.post("/Patient", content=json.dumps(patient()), headers={"prefer": "return=minimal"})

    assert answer.status_code == 201
    assert answer.content == b""


async def test_an_update_makes_the_next_version_and_keeps_the_earlier_one(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    answer = await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id, gender="other")))

    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert (await north.get(f"/Patient/{id}")).json()["gender"] == "other"
    assert (await north.get(f"/Patient/{id}/_history/1")).json()["gender"] == "female"


async def test_an_update_on_a_stale_version_is_refused(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    body = json.dumps(patient(id=id))

    first = await north.put(f"/Patient/{id}", content=body, headers={"if-match": 'W/"1"'})
    second = await north.put(f"/Patient/{id}", content=body, headers={"if-match": 'W/"1"'})

    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["resourceType"] == "OperationOutcome"


async def test_a_deleted_resource_is_gone_for_its_owner_and_absent_for_others(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    id = await created(north, patient())

    assert (await north.delete(f"/Patient/{id}")).status_code == 204
    assert (await north.get(f"/Patient/{id}")).status_code == 410
    assert (await south.get(f"/Patient/{id}")).status_code == 404
    assert (await north.delete(f"/Patient/{id}")).status_code == 204
    assert (await north.get("/Patient")).json()["total"] == 0


async def test_a_history_lists_all_versions_newest_first(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id)))
    await north.delete(f"/Patient/{id}")

    history = (await north.get(f"/Patient/{id}/_history")).json()

    assert history["total"] == 3
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in history["entry"][0]


async def test_a_history_is_read_in_pages(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    for _ in range(4):
        await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id)))

    seen, address = [], f"{BASE}/Patient/{id}/_history?_count=2"
    while address:
        page = (await north.get(address)).json()
        seen += [entry["response"]["etag"] for entry in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert seen == [f'W/"{version}"' for version in (5, 4, 3, 2, 1)]


async def test_another_tenants_patient_looks_exactly_like_an_absent_one(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    id = await created(north, patient())

    foreign = await south.get(f"/Patient/{id}")
    absent = await south.get("/Patient/0rqg3myabkdbx463rsspa83ng1")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    varying = ("x-request-id",)
    assert [h for h in foreign.headers.items() if h[0] not in varying] == [
        h for h in absent.headers.items() if h[0] not in varying
    ]


async def test_nobody_changes_or_deletes_what_belongs_to_others(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    organization = await created(north, {"resourceType": "Organization", "name": "Praxis Nord"})
    body = json.dumps({"resourceType": "Organization", "id": organization, "name": "Praxis Sued"})

    assert (await south.get(f"/Organization/{organization}")).status_code == 200
    assert (await south.put(f"/Organization/{organization}", content=body)).status_code == 404
    assert (await south.delete(f"/Organization/{organization}")).status_code == 404


async def test_bad_requests_get_the_right_status_and_an_outcome(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    text = {"content-type": "text/plain"}
    answers = {
        400: await north.post("/Patient", content=b"{"),
        404: await north.get("/Basic/1"),
        405: await north.put(f"/Patient/{id}/_history", content=b"{}"),
        413: await north.post("/Patient", content=b" " * 1_100_000),
        415: await north.post("/Patient", content=b"{}", headers=text),
        422: await north.post("/Patient", content=json.dumps(patient(colour="red"))),
    }

    assert {status: answer.status_code for status, answer in answers.items()} == {s: s for s in answers}
    assert {answer.json()["resourceType"] for answer in answers.values()} == {"OperationOutcome"}
    assert "limit of 1048576 bytes" in answers[413].json()["issue"][0]["diagnostics"]


async def test_wrong_addresses_and_headers_are_refused(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    body = json.dumps(patient(id="other"))

    assert (await north.put(f"/Patient/{id}", content=body)).status_code == 400
    assert (await north.put(f"/Patient/{id}", content=body, headers={"if-match": "three"})).status_code == 400
    assert (await north.post("/Observation", content=json.dumps(patient()))).status_code == 400
    assert (await north.get(f"/Patient/{id}/_history/x")).status_code == 404
    assert (await north.get(f"/Patient/{id}/_history?_since=now")).status_code == 400
    assert (await north.get("/Patient?colour=red")).status_code == 400


@pytest.mark.parametrize("id", ["%00", "a b", "x" * 65, "%ff", "a%2Fb", "ä"])
async def test_what_can_not_be_an_id_is_absent(north: httpx.AsyncClient, id: str) -> None:
    body = json.dumps(patient(id="x"))

    assert (await north.get(f"/Patient/{id}")).status_code == 404
    assert (await north.get(f"/Patient/{id}/_history")).status_code == 404
    assert (await north.get(f"/Patient/{id}/_history/1")).status_code == 404
    assert (await north.put(f"/Patient/{id}", content=body)).status_code == 404
    assert (await north.delete(f"/Patient/{id}")).status_code == 404


async def test_a_large_resource_is_stored_like_a_small_one(north: httpx.AsyncClient) -> None:
    large = patient(name=[{"family": f"Name {n}"} for n in range(3000)])

    id = await created(north, large)

    assert len((await north.get(f"/Patient/{id}")).json()["name"]) == 3000


async def test_an_observation_of_a_stranger_stays_outside_the_strangers_record(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    strange = await created(north, patient())

    about_stranger = await created(south, observation(strange))
    about_nobody = await created(south, observation("0rqg3myabkdbx463rsspa83ng1"))

    assert (await north.get(f"/Observation/{about_stranger}")).status_code == 404
    assert (await north.get(f"/Observation?patient={strange}")).json()["total"] == 0
    assert (await south.get(f"/Observation/{about_nobody}")).status_code == 200


async def test_an_update_of_what_is_absent_says_the_same_as_one_of_what_is_foreign(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    ids = (await created(north, patient()), "KIS-4711")

    foreign, absent = [await south.put(f"/Patient/{id}", content=json.dumps(patient(id=id))) for id in ids]

    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert "create by POST without an id" in absent.text
