"""A search costs what its own type costs, however much there is of others, and counting costs something too."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select
from sqlmodel import Session

from fhir import costs
from fhir.rows import DATA_KEY, RESOURCE
from fhir.search import asking, candidates, hits, pages
from fhir.search.parsing import parse
from fhir.store import Store
from infra.database import Database
from infra.statements import DRIVER
from tests.fhir.record import caller, created, observation, patient
from tests.fhir.search.test_chains import MADE_UP, ids
from tests.fhir.test_bundles import bundle, entry
from tests.fhir.test_search_pages import all_ids

MANY = 3000
FEW = 100  # resources that a search may open here: it may walk through ten times as many


def crowd(session: Session) -> None:
    """Many rows of another tenant and another type, before, between and behind those of the test by their ids."""
    key = session.connection().execute(select(DATA_KEY.c.id)).scalars().first()
    row: dict[str, Any] = {"type": "Observation", "version": 1, "deleted": False, "tenant": "other", "body": b""}
    row |= {"last_updated": datetime(2021, 5, 1, tzinfo=UTC), "data_key": key, "compartment": None}
    rows = [row | {"rid": 2**62 + n, "id": f"{'0-z'[n % 3]}{n}"} for n in range(MANY)]
    session.connection().execute(insert(RESOURCE), rows)


async def furnished(http: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of a few Practitioners among many rows of another type, where little may be opened."""
    made = [await created(http, MADE_UP | {"name": [{"family": name}]}) for name in ("Cramer", "Abel", "Bach")]
    await database.write(crowd)
    monkeypatch.setattr(hits, "MOST_OPENED", FEW)
    monkeypatch.setattr(pages, "MOST_SORTED", FEW)
    return made


@pytest.mark.parametrize("query", ["", "&active:missing=true", "&_lastUpdated=gt2020", "&_lastUpdated=ne2020"])
async def test_every_order_walks_only_through_rows_of_its_type(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    cramer, abel, bach = await furnished(north, database, monkeypatch)

    for sort, expected in {
        "family": [abel, bach, cramer],
        "-family": [cramer, bach, abel],
        "_id": sorted([abel, bach, cramer]),
        "-_id": sorted([abel, bach, cramer], reverse=True),
        "_lastUpdated": [cramer, abel, bach],
        "-_lastUpdated": [bach, abel, cramer],
    }.items():
        for count in (2, 50):
            assert await all_ids(north, f"/Practitioner?_sort={sort}&_count={count}{query}") == expected


async def test_a_walk_through_all_types_would_be_too_costly(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnished(north, database, monkeypatch)
    monkeypatch.setattr(candidates, "SORTED_AT_ONCE", 0)

    assert (await north.get("/Practitioner?_sort=_id")).status_code == 422
    assert (await north.get("/Practitioner?_sort=family")).status_code == 200


QUERIES: list[tuple[str, list[tuple[str, str]]]] = [
    ("Practitioner", [("_sort", "family")]),
    ("Practitioner", [("_sort", "_id"), ("_count", "1")]),
    ("Practitioner", [("_sort", "_lastUpdated"), ("_lastUpdated", "ne2020")]),
    ("Practitioner", [("_summary", "count")]),
    ("Practitioner", [("_summary", "count"), ("_lastUpdated", "2020,2022")]),
    ("Practitioner", [("active", "true"), ("_total", "none")]),
    ("Observation", [("patient", "x"), ("_sort", "_id")]),
    ("Observation", [("patient.name", "abel"), ("_sort", "date")]),
    ("Patient", [("_has:Observation:patient:status", "final")]),
    ("Patient", [("_id", "x"), ("_summary", "count")]),
]


@pytest.mark.parametrize(("type", "pairs"), QUERIES)
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_no_statement_of_a_search_reads_all_rows(
    database: Database, store: Store, type: str, pairs: list[tuple[str, str]]
) -> None:
    def steps(session: Session) -> list[str]:
        asked: list[str] = []
        driver = session.info[DRIVER]
        driver.set_trace_callback(asked.append)
        store.found(session, caller(), parse(type, pairs), after=None)
        driver.set_trace_callback(None)
        plans = [driver.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in asked if "resource" in sql]
        return [step[3] for plan in plans for step in plan]

    found = [step for step in await database.read(steps) if " resource" in step]

    assert found
    assert [step for step in found if step.startswith("SCAN resource") or "(id>" in step] == []


async def test_to_count_costs_a_little_for_each_row_that_is_looked_at(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnished(north, database, monkeypatch)
    count = entry("GET", "Observation?_summary=count")
    price = MANY // asking.COUNTED_FOR_ONE_OPENED
    monkeypatch.setattr(costs, "MOST_EFFORT", 3 * (price + costs.ENTRY) + costs.ENTRY)

    answer = await north.post("", content=bundle(*[count] * 5, type="batch"))

    statuses = [one["response"]["status"][:3] for one in answer.json()["entry"]]
    assert statuses == ["200", "200", "200", "422", "422"]
    assert "_total=none" in answer.json()["entry"][3]["response"]["outcome"]["issue"][0]["diagnostics"]


async def test_what_lies_beyond_what_may_be_counted_is_too_costly(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnished(north, database, monkeypatch)
    about = await created(north, observation(await created(north, patient())))
    asked = "/Observation?_summary=count"
    assert (await north.get(asked)).json()["total"] == 1

    monkeypatch.setattr(hits, "MOST_OPENED", MANY // asking.COUNTED_FOR_ONE_OPENED)  # one row too few
    refused = await north.get(asked)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
    assert await ids(north, "/Observation?_total=none&date=2026-11") == [about]
    assert (await north.get(f"{asked}&date=2026-11")).json()["total"] == 1
    assert (await north.get(f"{asked}&_lastUpdated=ne2021-05-01")).json()["total"] == 1


async def test_the_log_of_accesses_is_not_counted_for_nothing_either(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await created(north, patient())
    monkeypatch.setattr(asking, "COUNTED_FOR_ONE_OPENED", 1)
    assert (await north.get("/AuditEvent?_summary=count")).json()["total"] == 4

    monkeypatch.setattr(hits, "MOST_OPENED", 4)  # five by now, the count of before among them

    assert (await north.get("/AuditEvent?_summary=count")).status_code == 422
