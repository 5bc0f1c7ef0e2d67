"""Two processes of the service on one database: what one connection pool can't keep apart, the database does."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir import conditional
from fhir.store import Store
from infra.database import open_database
from tests.effort import repetitions
from tests.fhir import record
from tests.fhir.record import created, observation, patient

CLIENTS = 50
NUMBER = "identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"


@pytest.fixture
async def pair(database_url: str, tmp_path: Path) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each of two processes: databases, keys in memory and writers of their own."""
    databases = [open_database(database_url) for _ in range(2)]
    clients = [record.client(record.app(database, record.store(tmp_path))) for database in databases]
    yield clients
    for client in clients:
        await client.aclose()
    for database in databases:
        await database.close()


Entry = tuple[str, dict[str, Any], dict[str, str]]  # request line, resource, more of the request


def bundle(*entries: Entry) -> str:
    made = []
    for line, resource, more in entries:
        method, url = line.split()
        made.append({"resource": resource, "request": {"method": method, "url": url, **more}})
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": made})


async def total(http: httpx.AsyncClient, query: str) -> int:
    found: int = (await http.get(query)).json()["total"]
    return found


@pytest.mark.parametrize("kind", ["create", "update", "both"])
async def test_of_many_conditional_writes_in_two_processes_one_creates(
    pair: list[httpx.AsyncClient], kind: str
) -> None:
    body = json.dumps(patient())

    async def write(number: int, http: httpx.AsyncClient) -> httpx.Response:
        if kind == "update" or (kind == "both" and number % 2):
            return await http.put(f"/Patient?{NUMBER}", content=body)
        return await http.post("/Patient", content=body, headers={"if-none-exist": NUMBER})

    for _ in range(repetitions(1)):
        turns = zip(range(CLIENTS), cycle(pair), strict=False)
        answers = await asyncio.gather(*(write(number, http) for number, http in turns))

        assert sorted(answer.status_code for answer in answers) == [200] * (CLIENTS - 1) + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert await total(pair[0], f"/Patient?{NUMBER}") == 1
        await pair[0].delete(f"/Patient/{answers[0].json()['id']}")


async def test_transactions_that_meet_crosswise_are_serial(pair: list[httpx.AsyncClient]) -> None:
    """Each writes the same two resources, in one order or the other: in the end both are of the same transaction."""
    ids = [await created(pair[0], observation("x")) for _ in range(2)]

    async def write(number: int, http: httpx.AsyncClient) -> int:
        note = {"note": [{"text": f"of {number}"}]}
        entries: list[Entry] = [(f"PUT Observation/{id}", observation("x", id=id, **note), {}) for id in ids]
        return (await http.post("", content=bundle(*(entries if number % 2 else reversed(entries))))).status_code

    statuses = await asyncio.gather(
        *(write(number, http) for number, http in zip(range(20), cycle(pair), strict=False))
    )

    first, second = [(await pair[0].get(f"/Observation/{id}")).json() for id in ids]
    assert set(statuses) <= {200, 409}
    assert first["note"] == second["note"]
    assert {one["meta"]["versionId"] for one in (first, second)} == {str(1 + statuses.count(200))}


async def test_transactions_that_claim_crosswise_create_each_thing_once(pair: list[httpx.AsyncClient]) -> None:
    async def write(number: int, http: httpx.AsyncClient) -> int:
        people = [patient(identifier=[{"system": "urn:crosswise", "value": value}]) for value in ("a", "b")]
        entries = [
            ("POST Patient", one, {"ifNoneExist": f"identifier=urn:crosswise|{one['identifier'][0]['value']}"})
            for one in people
        ]
        return (await http.post("", content=bundle(*(entries if number % 2 else reversed(entries))))).status_code

    statuses = await asyncio.gather(
        *(write(number, http) for number, http in zip(range(20), cycle(pair), strict=False))
    )

    assert set(statuses) <= {200, 409} and 200 in statuses
    assert [await total(pair[0], f"/Patient?identifier=urn:crosswise|{value}") for value in ("a", "b")] == [1, 1]


async def test_what_is_updated_by_criteria_while_it_is_deleted_is_made_anew(pair: list[httpx.AsyncClient]) -> None:
    body = json.dumps(patient())

    async def write(number: int, http: httpx.AsyncClient) -> tuple[str, int]:
        if number % 3:
            return "PUT", (await http.put(f"/Patient?{NUMBER}", content=body)).status_code
        return "DELETE", (await http.delete(f"/Patient?{NUMBER}")).status_code

    for _ in range(repetitions(2)):
        turns = zip(range(24), cycle(pair), strict=False)
        answers = await asyncio.gather(*(write(number, http) for number, http in turns))

        assert set(answers) <= {("PUT", 200), ("PUT", 201), ("PUT", 409), ("DELETE", 204), ("DELETE", 409)}
        assert await total(pair[0], f"/Patient?{NUMBER}") <= 1


LINKED = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


async def linked(pair: list[httpx.AsyncClient], person: str, *, kind: str) -> tuple[set[int], set[str]]:
    """How transactions at once end that each find or make a person by the same criteria, and whom they refer to."""
    criteria, one = f"identifier=urn:linked|{person}", patient(identifier=[{"system": "urn:linked", "value": person}])
    about: Entry = ("POST Observation", observation("x", subject={"reference": LINKED}), {})

    async def write(number: int, http: httpx.AsyncClient) -> httpx.Response:
        update = kind == "update" or (kind == "both" and number % 2 == 0)
        line, more = (f"PUT Patient?{criteria}", {}) if update else ("POST Patient", {"ifNoneExist": criteria})
        sent = json.loads(bundle((line, one, more), about))
        sent["entry"][0]["fullUrl"] = LINKED
        return await http.post("", content=json.dumps(sent), headers={"prefer": "return=representation"})

    turns = zip(range(12), cycle(pair), strict=False)
    answers = await asyncio.gather(*(write(number, http) for number, http in turns))
    done = [answer.json()["entry"][1]["resource"] for answer in answers if answer.is_success]
    return {answer.status_code for answer in answers}, {resource["subject"]["reference"] for resource in done}


@pytest.mark.parametrize("kind", ["create", "update", "both"])
async def test_what_transactions_at_once_refer_to_is_there_and_the_same(
    pair: list[httpx.AsyncClient], kind: str
) -> None:
    for turn in range(repetitions(2)):
        statuses, (subject,) = await linked(pair, str(turn), kind=kind)

        assert statuses <= {200, 409}
        assert (await pair[0].get(f"/{subject}")).status_code == 200
        assert await total(pair[0], f"/Patient?identifier=urn:linked|{turn}") == 1


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_the_claim_transactions_at_once_refer_to_several(
    pair: list[httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "claimed", lambda *_, **__: True)

    assert max([len((await linked(pair, str(turn), kind="update"))[1]) for turn in range(3)]) > 1


async def test_the_first_transactions_of_a_clinic_may_come_at_once(pair: list[httpx.AsyncClient]) -> None:
    """Each would make the clinic's data key."""
    sent = bundle(("POST Observation", observation("x"), {}))

    turns = zip(range(10), cycle(pair), strict=False)
    answers = await asyncio.gather(*(http.post("", content=sent) for _, http in turns))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert await total(pair[0], "/Observation") == 10


async def test_a_transaction_that_is_refused_beside_others_leaves_nothing(pair: list[httpx.AsyncClient]) -> None:
    """Half of them name a version that is past; what they would have created is not there."""
    id = await created(pair[0], observation("x"))

    async def write(number: int, http: httpx.AsyncClient) -> int:
        person = patient(identifier=[{"system": "urn:refused", "value": str(number)}])
        match = {"ifMatch": 'W/"1"'}
        sent = bundle(("POST Patient", person, {}), (f"PUT Observation/{id}", observation("x", id=id), match))
        return (await http.post("", content=sent)).status_code

    statuses = await asyncio.gather(
        *(write(number, http) for number, http in zip(range(20), cycle(pair), strict=False))
    )

    found = [await total(pair[0], f"/Patient?identifier=urn:refused|{number}") for number in range(20)]
    assert statuses.count(200) == 1 and set(statuses) <= {200, 409, 412}
    assert found == [int(status == 200) for status in statuses]


FORMS = (
    "identifier={}",
    "identifier=urn:forms|{}",
    "identifier=urn:forms|{}&gender=female",
    "identifier={}&_format=json",
)


async def in_all_forms(pair: list[httpx.AsyncClient], value: str) -> int:
    """How many are created by criteria that mean one identifier and are written differently."""
    body = json.dumps(patient(identifier=[{"system": "urn:forms", "value": value}]))
    turns = zip(range(20), cycle(FORMS), cycle(pair), strict=False)
    answers = await asyncio.gather(
        *(http.put(f"/Patient?{form.format(value)}", content=body) for _, form, http in turns)
    )
    return sum(answer.status_code == 201 for answer in answers)


async def test_criteria_that_name_one_identifier_create_one_however_they_are_written(
    pair: list[httpx.AsyncClient],
) -> None:
    assert [await in_all_forms(pair, str(turn)) for turn in range(repetitions(3))] == [1] * repetitions(3)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_the_meeting_of_identifiers_each_form_of_criteria_creates_one(
    pair: list[httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "_identifier", lambda _: None)

    assert max([await in_all_forms(pair, str(turn)) for turn in range(5)]) > 1


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_the_claim_several_conditional_updates_create(
    pair: list[httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "claimed", lambda *_, **__: True)
    body = json.dumps(patient())

    turns = zip(range(CLIENTS), cycle(pair), strict=False)
    answers = await asyncio.gather(*(http.put(f"/Patient?{NUMBER}", content=body) for _, http in turns))

    assert sum(answer.status_code == 201 for answer in answers) > 1
