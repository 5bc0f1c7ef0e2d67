"""Conditional updates, patches and deletes; ids of clients; references that lead nowhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir.choices import Choices, ConditionalDelete, Dangling
from fhir.dangling import refuse_dangling
from fhir.rules.faults import MOST
from fhir.store import Store
from infra.database import Database
from tests.effort import repetitions
from tests.fhir import record
from tests.fhir.record import BASE, LocalPolicy, created, observation, patient

CLIENTS = 50
BY_NUMBER = "/Patient?identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"
JSON_PATCH = {"content-type": "application/json-patch+json"}


async def conditional_updates(http: httpx.AsyncClient) -> list[httpx.Response]:
    body = json.dumps(patient())
    return await asyncio.gather(*(http.put(BY_NUMBER, content=body) for _ in range(CLIENTS)))


async def test_of_many_conditional_updates_one_creates_and_the_others_update(north: httpx.AsyncClient) -> None:
    for _ in range(repetitions(1)):
        answers = await conditional_updates(north)

        assert sorted(answer.status_code for answer in answers) == [200] * (CLIENTS - 1) + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        versions = sorted(int(answer.json()["meta"]["versionId"]) for answer in answers)
        assert versions == list(range(1, CLIENTS + 1))
        await north.delete(f"/Patient/{answers[0].json()['id']}")


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_the_claim_several_conditional_updates_create(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "claimed", lambda *_, **__: True)

    answers = await conditional_updates(north)

    assert sum(answer.status_code == 201 for answer in answers) > 1


async def test_creates_and_updates_with_the_same_criteria_make_one_resource(north: httpx.AsyncClient) -> None:
    body, criteria = json.dumps(patient()), {"if-none-exist": BY_NUMBER.partition("?")[2]}
    updates = [north.put(BY_NUMBER, content=body) for _ in range(10)]
    creates = [north.post("/Patient", content=body, headers=criteria) for _ in range(10)]

    answers = await asyncio.gather(*updates, *creates)

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 1


async def test_several_matches_are_refused_and_nothing_is_changed(north: httpx.AsyncClient) -> None:
    ids = [await created(north, patient()) for _ in range(2)]

    update = await north.put(BY_NUMBER, content=json.dumps(patient()))
    patch = await north.patch(BY_NUMBER, content="[]", headers=JSON_PATCH)
    delete = await north.delete(BY_NUMBER)

    assert [answer.status_code for answer in (update, patch, delete)] == [412] * 3
    for id in ids:
        assert (await north.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


async def test_what_belongs_to_another_clinic_never_matches(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    assert (await south.put(BY_NUMBER, content=json.dumps(patient()))).status_code == 201
    assert (await south.delete(BY_NUMBER)).status_code == 204
    assert (await north.get(f"/Patient/{id}")).status_code == 200


async def add_telecom(http: httpx.AsyncClient, address: str, number: int) -> httpx.Response:
    change = [{"op": "add", "path": "/telecom/-", "value": {"system": "phone", "value": str(number)}}]
    return await http.patch(address, content=json.dumps(change), headers=JSON_PATCH)


@pytest.mark.parametrize("address", ["/Patient/{id}", BY_NUMBER])
async def test_a_patch_by_a_client_never_loses_anothers(north: httpx.AsyncClient, address: str) -> None:
    id = await created(north, patient(telecom=[{"system": "phone", "value": "first"}]))
    address = address.replace("{id}", id)

    answers = await asyncio.gather(*(add_telecom(north, address, number) for number in range(repetitions(20))))

    assert {answer.status_code for answer in answers} == {200}
    held = (await north.get(f"/Patient/{id}")).json()["telecom"]
    assert {one["value"] for one in held} == {"first", *(str(number) for number in range(len(answers)))}


@pytest.mark.parametrize("address", ["/Patient/{id}", BY_NUMBER])
async def test_without_the_check_of_the_version_a_patch_is_lost(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    async def unchecked(record: Any, caller: Any, target: Any, *, old: Any, made: Any) -> Any:
        return await record.run(caller, target.access, lambda session: target.write(session, lambda _: made, None))

    monkeypatch.setattr(import_module("fhir.interactions.patch"), "_written", unchecked)
    id = await created(north, patient(telecom=[{"system": "phone", "value": "first"}]))

    await asyncio.gather(*(add_telecom(north, address.replace("{id}", id), number) for number in range(20)))

    assert len((await north.get(f"/Patient/{id}")).json()["telecom"]) < 21


async def test_labels_that_are_added_at_once_are_all_there(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    async def add(code: str) -> int:
        part = {"name": "meta", "valueMeta": {"tag": [{"code": code}]}}
        body = {"resourceType": "Parameters", "parameter": [part]}
        return (await north.post(f"/Patient/{id}/$meta-add", content=json.dumps(body))).status_code

    assert set(await asyncio.gather(*(add(f"t{number}") for number in range(10)))) == {200}
    assert {tag["code"] for tag in (await north.get(f"/Patient/{id}")).json()["meta"]["tag"]} == {
        f"t{number}" for number in range(10)
    }


async def test_of_many_patches_of_one_version_one_wins(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    change = json.dumps([{"op": "replace", "path": "/gender", "value": "male"}])
    headers = {**JSON_PATCH, "if-match": 'W/"1"'}

    answers = await asyncio.gather(*(north.patch(f"/Patient/{id}", content=change, headers=headers) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_a_patch_keeps_the_bytes_it_does_not_name(north: httpx.AsyncClient) -> None:
    text = '{"resourceType":"Observation", "status":"final","code":{"text":"Größe \\u00e4"},\n "valueQuantity":{"value":0.40}}'
    id = (await north.post("/Observation", content=text)).json()["id"]
    change = json.dumps([{"op": "replace", "path": "/status", "value": "amended"}])

    answer = await north.patch(f"/Observation/{id}", content=change, headers=JSON_PATCH)

    kept = '"status":"amended","code":{"text":"Größe \\u00e4"},\n "valueQuantity":{"value":0.40}}'
    assert answer.text.endswith(kept)
    assert answer.json()["meta"]["versionId"] == "2"


@pytest.fixture
async def chosen(database: Database, tmp_path: Path, policy: LocalPolicy) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server whose operator allows all that can be allowed and refuses all that can be refused."""
    choices = Choices(update_creates=True, conditional_delete=ConditionalDelete.MULTIPLE, dangling=Dangling.REFUSE)
    store = record.store(tmp_path, policy=policy, hooks=[refuse_dangling(policy, BASE)])
    async with record.client(record.app(database, store, choices=choices)) as http:
        yield http


async def put(http: httpx.AsyncClient, resource: dict[str, Any]) -> httpx.Response:
    return await http.put(f"/{resource['resourceType']}/{resource['id']}", content=json.dumps(resource))


async def test_a_client_may_choose_an_id_that_nobody_has_used(
    chosen: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    foreign = await created(south, patient())

    first, second = await put(chosen, patient(id="mine")), await put(chosen, patient(id="mine"))
    await chosen.delete("/Patient/mine")
    third = await put(chosen, patient(id="mine"))

    assert [answer.status_code for answer in (first, second, third)] == [201, 200, 201]
    assert [answer.json()["meta"]["versionId"] for answer in (first, second, third)] == ["1", "2", "4"]
    assert (await chosen.get(f"/Patient?_id=mine&{BY_NUMBER.partition('?')[2]}")).json()["total"] == 1
    taken, other_type = (
        await put(chosen, patient(id=foreign)),
        await put(chosen, {"resourceType": "Group", "id": "mine", "type": "person", "actual": True}),
    )
    assert taken.status_code == other_type.status_code == 409
    assert taken.content == other_type.content
    assert (await put(chosen, patient(id="mine") | {"gender": "red"})).status_code == 422


async def test_of_many_puts_to_a_new_id_one_creates(chosen: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(put(chosen, patient(id="mine")) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]


async def test_a_conditional_update_takes_the_id_that_the_client_chose(chosen: httpx.AsyncClient) -> None:
    answer = await chosen.put(BY_NUMBER, content=json.dumps(patient(id="mine")))

    assert (answer.status_code, answer.json()["id"]) == (201, "mine")


async def test_all_matches_are_deleted_where_the_operator_allows_it(chosen: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(chosen, patient())

    assert (await chosen.delete(BY_NUMBER)).status_code == 204
    assert (await chosen.get("/Patient?_summary=count")).json()["total"] == 0


async def test_a_reference_to_nothing_is_refused_by_its_place(
    chosen: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    own, foreign = await created(chosen, patient()), await created(south, patient())
    deleted = await created(chosen, patient())
    await chosen.delete(f"/Patient/{deleted}")

    absent = [f"Patient/{foreign}", f"Patient/{deleted}", f"{BASE}/Patient/none"]
    answers = [
        await chosen.post("/Observation", content=json.dumps(observation("x", subject={"reference": one})))
        for one in absent
    ]
    several = observation(own, performer=[{"reference": "Practitioner/a"}, {"reference": f"Patient/{own}"}])
    named = await chosen.post("/Observation", content=json.dumps(several))

    assert [answer.status_code for answer in answers] == [422] * 3
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["issue"][0]["expression"] == ["Observation.subject.reference"]
    assert named.json()["issue"][0]["expression"] == ["Observation.performer[0].reference"]
    for subject in (f"Patient/{own}", f"{BASE}/Patient/{own}/_history/1", "https://elsewhere.example/Patient/1"):
        resource = observation("x", subject={"reference": subject})
        assert (await chosen.post("/Observation", content=json.dumps(resource))).status_code == 201


async def test_no_more_absent_targets_are_named_than_can_be_read(chosen: httpx.AsyncClient) -> None:
    many = observation(await created(chosen, patient()), performer=[{"reference": "Practitioner/none"}] * (MOST + 1))

    refused = await chosen.post("/Observation", content=json.dumps(many))

    assert (refused.status_code, len(refused.json()["issue"])) == (422, MOST)


async def test_an_entry_of_a_batch_that_is_refused_after_it_was_written_leaves_nothing(
    chosen: httpx.AsyncClient,
) -> None:
    house = {"resourceType": "Organization", "name": "Praxis"}
    await created(chosen, house)
    part = {
        "request": {"method": "POST", "url": "Organization"},
        "resource": house | {"partOf": {"reference": "Organization/none"}},
    }

    answer = await chosen.post("", content=json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [part]}))

    assert answer.json()["entry"][0]["response"]["status"].startswith("422")
    assert (await chosen.get("/Organization?_summary=count")).json()["total"] == 1


async def test_links_within_a_transaction_lead_somewhere(chosen: httpx.AsyncClient) -> None:
    new = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    entries: list[dict[str, Any]] = [
        {"request": {"method": "POST", "url": "Observation"}, "resource": observation("x", subject={"reference": new})},
        {"fullUrl": new, "request": {"method": "POST", "url": "Patient"}, "resource": patient()},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    answer = await chosen.post("", content=json.dumps(bundle))
    entries[0]["resource"] = observation("nobody")
    refused = await chosen.post("", content=json.dumps(bundle))

    assert answer.status_code == 200
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[0]", "Observation.subject.reference"]


async def test_what_a_client_puts_under_ids_of_its_own_may_refer_to_each_other(chosen: httpx.AsyncClient) -> None:
    person = patient(id="p", generalPractitioner=[{"reference": "Organization/o"}])
    house = {"resourceType": "Organization", "id": "o", "name": "Praxis", "contact": [{"name": {"text": "x"}}]}
    seen = observation("p", id="a", performer=[{"reference": "Organization/o"}])
    entries = [
        {"request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}, "resource": one}
        for one in (seen, person, house)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    whole = await chosen.post("", content=json.dumps(bundle))
    entries.pop()
    await chosen.delete("/Organization/o")
    half = await chosen.post("", content=json.dumps(bundle))

    assert whole.status_code == 200, whole.text
    assert [entry["response"]["status"] for entry in whole.json()["entry"]] == ["201 Created"] * 3
    assert half.status_code == 422
    assert half.json()["issue"][0]["expression"] == ["Bundle.entry[0]", "Observation.performer[0].reference"]
