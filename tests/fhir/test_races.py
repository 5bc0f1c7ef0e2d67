"""Many clients at the same moment: one wins, and the guard that makes it so is needed."""

import asyncio
import json

import httpx
import pytest

from fhir import conditional
from tests.effort import repetitions
from tests.fhir.record import created, patient

CLIENTS = 50
CRITERIA = {"if-none-exist": "identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"}


async def conditional_creates(http: httpx.AsyncClient) -> list[httpx.Response]:
    body = json.dumps(patient())
    return await asyncio.gather(*(http.post("/Patient", content=body, headers=CRITERIA) for _ in range(CLIENTS)))


async def test_of_many_conditional_creates_one_creates_and_all_get_it(north: httpx.AsyncClient) -> None:
    for _ in range(repetitions(1)):
        answers = await conditional_creates(north)

        assert sorted(answer.status_code for answer in answers) == [200] * (CLIENTS - 1) + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        await north.delete(f"/Patient/{answers[0].json()['id']}")


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_without_the_unique_token_several_create(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "claim", lambda session, token, rid: True)

    answers = await conditional_creates(north)

    assert sum(answer.status_code == 201 for answer in answers) > 1


async def test_a_claim_whose_resource_is_gone_is_taken_over(north: httpx.AsyncClient) -> None:
    first = await north.post("/Patient", content=json.dumps(patient()), headers=CRITERIA)
    await north.delete(f"/Patient/{first.json()['id']}")

    second = await north.post("/Patient", content=json.dumps(patient()), headers=CRITERIA)

    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


async def test_criteria_that_match_several_are_refused(north: httpx.AsyncClient) -> None:
    await created(north, patient())
    await created(north, patient())

    answer = await north.post("/Patient", content=json.dumps(patient()), headers=CRITERIA)

    assert answer.status_code == 412


async def test_conditional_creates_of_two_clinics_do_not_see_each_other(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    first = await north.post("/Patient", content=json.dumps(patient()), headers=CRITERIA)
    second = await south.post("/Patient", content=json.dumps(patient()), headers=CRITERIA)

    assert (first.status_code, second.status_code) == (201, 201)


async def test_of_many_updates_of_one_version_one_wins(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    body = json.dumps(patient(id=id))

    answers = await asyncio.gather(
        *(north.put(f"/Patient/{id}", content=body, headers={"if-match": 'W/"1"'}) for _ in range(CLIENTS))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (CLIENTS - 1)


async def test_updates_without_a_version_all_happen_one_after_the_other(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    body = json.dumps(patient(id=id))

    answers = await asyncio.gather(*(north.put(f"/Patient/{id}", content=body) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(int(answer.headers["etag"][3:-1]) for answer in answers) == list(range(2, 22))
