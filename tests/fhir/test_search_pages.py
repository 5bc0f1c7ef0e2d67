"""Searching over HTTP: totals, pages, links."""

import httpx
import pytest
from sqlmodel import Session

from fhir.search import hits
from fhir.search.parsing import parse
from fhir.store import Store
from infra.database import Database
from infra.statements import DRIVER
from tests.fhir.record import caller, created, observation, patient


def link(page: httpx.Response, relation: str) -> str:
    return next((one["url"] for one in page.json()["link"] if one["relation"] == relation), "")


async def all_ids(http: httpx.AsyncClient, first: str) -> list[str]:
    ids: list[str] = []
    address = first
    while address:
        page = await http.get(address)
        assert page.status_code == 200, page.text
        ids += [entry["resource"]["id"] for entry in page.json().get("entry", [])]
        address = link(page, "next")
    return ids


@pytest.mark.parametrize("query", ["", "&identifier=X123456789", "&family=muster", "&birthdate=ge1960"])
async def test_pages_show_every_match_once_in_order(north: httpx.AsyncClient, query: str) -> None:
    made = [await created(north, patient()) for _ in range(5)]

    newest_first = await all_ids(north, f"/Patient?_count=2{query}")
    oldest_first = await all_ids(north, f"/Patient?_count=2&_sort=_lastUpdated{query}")

    assert oldest_first == made
    assert newest_first == made[::-1]


async def test_the_total_counts_what_the_caller_may_see(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(north, patient())
    await created(south, patient())

    for query in ("", "?family=Musterfrau", "?identifier=X123456789", "?_count=1", "?_summary=count"):
        assert (await north.get(f"/Patient{query}")).json()["total"] == 3
    assert "total" not in (await north.get("/Patient?_total=none")).json()


async def test_a_search_by_post_shows_no_searched_value_in_its_links(north: httpx.AsyncClient) -> None:
    made = [await created(north, patient()) for _ in range(3)]
    form = {"family": "Musterfrau", "_count": "2"}
    headers = {"content-type": "application/x-www-form-urlencoded"}

    page = await north.post("/Patient/_search", data=form, headers=headers)
    rest = await north.get(link(page, "next"))
    again = await north.get(link(page, "self"))

    assert "Muster" not in str(page.json()["link"])
    assert [entry["resource"]["id"] for entry in rest.json()["entry"]] == made[:1]
    assert again.json()["entry"] == page.json()["entry"]


async def test_a_cursor_is_of_no_use_to_others(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    for _ in range(2):
        await created(north, patient())
    following = link(await north.get("/Patient?_count=1"), "next")

    assert (await south.get(following)).status_code == 400
    assert (await north.get(f"{following}x")).status_code == 400
    assert (await north.get(f"{following}&family=x")).status_code == 400
    assert (await north.get(following.replace("/Patient", "/Observation"))).status_code == 400


async def test_an_update_moves_a_resource_in_the_index(north: httpx.AsyncClient) -> None:
    one, other = await created(north, patient()), await created(north, patient())
    about = await created(north, observation(one))
    moved = observation(other, id=about)

    assert (await north.put(f"/Observation/{about}", json=moved)).status_code == 200

    assert (await north.get(f"/Observation?patient={one}")).json()["total"] == 0
    assert (await north.get(f"/Observation?subject=Patient/{other}")).json()["total"] == 1


async def test_a_search_form_must_be_a_form(north: httpx.AsyncClient) -> None:
    assert (await north.post("/Patient/_search", content=b"{}")).status_code == 415


async def test_a_search_that_opens_too_much_is_refused(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hits, "MOST_OPENED", 2)
    for _ in range(3):
        await created(north, patient())

    assert (await north.get("/Patient?family=m")).status_code == 422
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 3


async def test_a_search_that_opens_candidates_one_by_one_is_logged_too(north: httpx.AsyncClient) -> None:
    await north.get("/Patient?family=m")

    events = (await north.get("/AuditEvent")).json()["entry"]

    assert [one["resource"]["subtype"][0]["code"] for one in events] == ["search-type"]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_search_by_token_does_not_walk_through_all_of_the_type(database: Database, store: Store) -> None:
    query = parse("Observation", [("patient", "1,2"), ("date", "2026")])

    def plan(session: Session) -> list[str]:
        asked: list[str] = []
        driver = session.info[DRIVER]
        driver.set_trace_callback(asked.append)
        store.found(session, caller(), query, after=None)
        driver.set_trace_callback(None)
        sql = next(one for one in asked if "FROM resource" in one)
        return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}")]

    steps = await database.read(plan)

    assert "SEARCH resource USING INTEGER PRIMARY KEY (rowid=?)" in steps


async def test_the_self_link_tells_the_count_that_was_applied(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    for path in ("Patient", "Patient/_history", f"Patient/{id}/$everything"):
        many = link(await north.get(f"/{path}?_count=100000&_pretty=true"), "self")
        few = link(await north.get(f"/{path}?_count=7"), "self")

        assert (many.partition("?")[2], few.partition("?")[2]) == ("_count=500&_pretty=true", "_count=7")
