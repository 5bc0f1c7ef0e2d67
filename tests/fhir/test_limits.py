"""How much one resource or one Bundle may ask of the index: more is refused, and nothing of it is kept."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from fhir import batches, costs, drafts, entries, transactions
from fhir.carrying import Done, Worker
from fhir.costs import Budget
from fhir.store import Store
from fhir.unresolved import NotInABatch
from infra.database import Database
from tests.fhir.interactions.test_transactions import binary
from tests.fhir.record import app, caller, client, created, patient
from tests.fhir.test_bundles import bundle, entry


def numbered(count: int) -> dict[str, Any]:
    return patient(identifier=[{"system": "urn:example", "value": str(n)} for n in range(count)])


async def test_a_resource_with_too_many_values_to_search_for_is_refused(north: httpx.AsyncClient) -> None:
    most = drafts.MOST_TOKENS // 2

    accepted = await north.post("/Patient", content=json.dumps(numbered(most - 20)))
    refused = await north.post("/Patient", content=json.dumps(numbered(most)))

    assert accepted.status_code == 201
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["code"] == "too-costly"


async def test_an_update_that_makes_too_many_values_is_refused_and_changes_nothing(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    refused = await north.put(f"/Patient/{id}", content=json.dumps(numbered(drafts.MOST_TOKENS) | {"id": id}))

    assert refused.status_code == 422
    assert (await north.get(f"/Patient/{id}")).json()["meta"]["versionId"] == "1"


async def test_what_was_stored_before_there_was_a_limit_can_still_be_changed(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await created(north, numbered(30))
    monkeypatch.setattr(drafts, "MOST_TOKENS", 40)

    assert (await north.put(f"/Patient/{id}", content=json.dumps(numbered(2) | {"id": id}))).status_code == 200
    assert (await north.delete(f"/Patient/{id}")).status_code == 204


async def test_a_transaction_with_too_many_values_in_all_is_refused(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "MOST_EFFORT", 40)
    sent = [entry("POST", "Patient", resource=numbered(40)) for _ in range(5)]

    answer = await north.post("", content=bundle(*sent))

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly")
    assert "this Bundle" in answer.json()["issue"][0]["diagnostics"]
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_searches_of_a_bundle_have_a_limit_together(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for n in range(4):
        await created(north, patient(identifier=[{"value": str(n)}]))
    monkeypatch.setattr(costs, "MOST_EFFORT", 15)
    searches = [entry("GET", f"Patient?gender:not=male&name:contains=x{n}") for n in range(3)]
    creates = [
        entry("POST", "Patient", resource=patient(), request={"ifNoneExist": f"name:contains=y{n}"}) for n in range(3)
    ]

    few = await north.post("", content=bundle(*searches[:2], type=kind))
    many = await north.post("", content=bundle(*searches, type=kind))
    if kind == "transaction":
        assert (few.status_code, many.status_code) == (200, 422)
        assert many.json()["issue"][0]["code"] == "too-costly"
        assert (await north.post("", content=bundle(*creates))).status_code == 422
    else:
        assert [one["response"]["status"][:3] for one in many.json()["entry"]] == ["200", "200", "422"]


def invalid(count: int) -> dict[str, Any]:
    return patient(name=[{"nonsense": n} for n in range(count)])


def made_invalid(id: str) -> dict[str, Any]:
    patch = binary({"op": "replace", "path": "/name", "value": invalid(10)["name"]})
    return entry("PATCH", f"Patient/{id}", resource=patch)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_answer_tells_so_many_issues_and_no_more_and_the_first_of_each_entry(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await created(north, patient())
    monkeypatch.setattr(entries, "MOST_ISSUES", 25)
    sent = [entry("POST", "Patient", resource=invalid(10)), made_invalid(id)] * 3

    answer = await north.post("", content=bundle(*sent, type="batch"))

    told = [len(one["response"]["outcome"]["issue"]) for one in answer.json()["entry"]]
    assert sum(told) <= 25 + len(sent) and set(told) >= {10, 1}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_went_wrong_with_an_entry_keeps_nothing_alive(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    id = await created(north, patient())
    sent = [entry("POST", "Patient", resource=invalid(1)), made_invalid(id), entry("GET", "Patient/none")]
    plan = transactions.plan(bundle(*sent, type="batch").encode())

    def unit(session: Session) -> list[Done]:
        return batches.first(Worker(store, session, caller(), Budget(plan.left), NotInABatch), plan.entries)

    done = await database.write(unit)

    assert all(one.problem is not None and one.problem.__traceback__ is None for one in done)


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(("limit", "alone"), [(100, True), (100_000, False)])
async def test_large_bundles_are_read_one_after_the_other(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch, *, limit: int, alone: bool
) -> None:
    turn, busy = asyncio.Semaphore(1), []
    plan = transactions.plan

    def noted(body: bytes, *, base_url: str) -> transactions.Plan:
        busy.append(turn.locked())
        return plan(body, base_url=base_url)

    monkeypatch.setattr(transactions, "plan", noted)
    sent = bundle(*(entry("POST", "Patient", resource=patient()) for _ in range(3)), type="batch")
    async with client(app(database, store, body_limit=limit, turn=turn)) as http:
        answers = await asyncio.gather(*(http.post("", content=sent) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [200] * 3
    assert busy == [alone] * 3


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_of_a_batch_that_asks_for_too_much_the_first_entries_are_done(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "MOST_EFFORT", 1000)
    sent = [entry("POST", "Patient", resource=numbered(100)) for _ in range(40)]

    made = (await north.post("", content=bundle(*sent, type="batch"))).json()["entry"]

    found = [one["response"]["status"][:3] for one in made]
    assert found == sorted(found) and 5 < found.count("201") < 30
