"""Histories of one resource, a type and everything: pages, periods, and nothing that the caller may not see."""

import json
from typing import Any

import httpx
import pytest

from fhir import history
from fhir.rows import HISTORY
from fhir.store import Store
from tests.fhir.record import BASE, LocalPolicy, created, observation, patient


async def pages(http: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    """The entries of all pages."""
    entries: list[dict[str, Any]] = []
    while address:
        answer = await http.get(address)
        assert answer.status_code == 200, answer.text
        entries += answer.json().get("entry", [])
        address = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), "")
    return entries


def versions(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["fullUrl"].rpartition("/")[2], entry["response"]["etag"]) for entry in entries]


async def changed(http: httpx.AsyncClient, id: str, **others: Any) -> str:
    answer = await http.put(f"/Patient/{id}", content=json.dumps(patient(id=id, **others)))
    assert answer.status_code == 200
    moment: str = answer.json()["meta"]["lastUpdated"]
    return moment


async def test_the_history_of_a_type_has_every_version_once_newest_first(north: httpx.AsyncClient) -> None:
    ids = [await created(north, patient()) for _ in range(3)]
    for id in (ids[1], ids[0], ids[1]):
        await changed(north, id)
    await north.delete(f"/Patient/{ids[2]}")
    await created(north, observation(ids[0]))

    found = await pages(north, f"{BASE}/Patient/_history?_count=2")

    one, two, three = ids
    assert versions(found) == [
        (three, 'W/"2"'), (two, 'W/"3"'), (one, 'W/"2"'), (two, 'W/"2"'),
        (three, 'W/"1"'), (two, 'W/"1"'), (one, 'W/"1"'),
    ]  # fmt: skip
    assert [entry["request"]["method"] for entry in found[:2]] == ["DELETE", "PUT"]
    assert (await north.get("/Patient/_history?_count=2")).json()["total"] == 7
    everything = await pages(north, f"{BASE}/_history?_count=3")
    assert len(everything) == 8 and everything[0]["resource"]["resourceType"] == "Observation"


async def test_pages_survive_what_is_written_in_between(north: httpx.AsyncClient) -> None:
    ids = [await created(north, patient()) for _ in range(6)]
    first = (await north.get("/Patient/_history?_count=3")).json()
    await changed(north, ids[0])
    await changed(north, ids[5])
    await created(north, patient())

    following = await pages(north, next(link["url"] for link in first["link"] if link["relation"] == "next"))

    assert [id for id, _ in versions(first["entry"] + following)] == list(reversed(ids))


async def test_since_and_at_choose_the_versions_of_their_time(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    second = await changed(north, id, gender="other")
    third = await changed(north, id, gender="male")

    since = await pages(north, f"{BASE}/Patient/{id}/_history?_since={second}")
    at = await pages(north, f"{BASE}/Patient/{id}/_history?_at={second}")
    later = await pages(north, f"{BASE}/Patient/_history?_at={third}")
    never = await pages(north, f"{BASE}/Patient/_history?_at=2020")

    assert [etag for _, etag in versions(since)] == ['W/"3"', 'W/"2"']
    assert [etag for _, etag in versions(at)] == ['W/"2"']
    assert [etag for _, etag in versions(later)] == ['W/"3"']
    assert never == []


ASKED = {
    "_since={2}": [4, 3, 2], "_since={4}": [4], "_since=2199": [],
    "_at={1}": [1], "_at={2}": [2], "_at={3}": [3], "_at={4}": [4], "_at=2020": [],
}  # fmt: skip


@pytest.mark.parametrize("level", ["Patient/{id}/", "Patient/", ""])
async def test_every_history_has_the_versions_of_the_time_that_is_asked_for(
    north: httpx.AsyncClient, level: str
) -> None:
    """Of one that is created, changed twice and deleted, while another stands there all the time."""
    before = await created(north, observation("x"))
    id = await created(north, patient())
    moments = [(await north.get(f"/Patient/{id}")).json()["meta"]["lastUpdated"]]
    moments += [await changed(north, id, gender=gender) for gender in ("other", "male")]
    await north.delete(f"/Patient/{id}")
    moments.append((await north.get(f"/Patient/{id}/_history")).json()["entry"][0]["response"]["lastModified"])

    for asked, numbers in ASKED.items():
        found = await pages(north, f"{BASE}/{level}_history?_count=2&{asked}".format("", *moments, id=id))

        standing = [(before, 'W/"1"')] if not level and asked.startswith("_at={") else []
        assert versions(found) == [(id, f'W/"{number}"') for number in numbers] + standing, asked


async def test_a_history_counts_and_shows_only_what_the_caller_may_see(
    north: httpx.AsyncClient, south: httpx.AsyncClient, policy: LocalPolicy, store: Store
) -> None:
    """A version that stood in a patient's record is seen by whoever sees that record, its successor elsewhere not."""
    opened, closed = await created(north, patient()), await created(north, patient())
    id = await created(north, observation(opened))
    moved = observation(closed, id=id)
    await north.put(f"/Observation/{id}", content=json.dumps(moved))
    await north.put(f"/Observation/{id}", content=json.dumps(observation(opened, id=id)))
    policy.grants.add((store.vault.pseudonym("compartment", opened), "south"))

    instance = (await south.get(f"/Observation/{id}/_history")).json()
    of_type = (await south.get("/Observation/_history")).json()
    everything = (await south.get("/_history")).json()

    for found in (instance, of_type):
        assert found["total"] == 2
        assert [etag for _, etag in versions(found["entry"])] == ['W/"3"', 'W/"1"']
    assert {entry["fullUrl"] for entry in everything["entry"]} == {
        f"{BASE}/Observation/{id}", f"{BASE}/Patient/{opened}"
    }  # fmt: skip
    assert (await north.get(f"/Observation/{id}/_history")).json()["total"] == 3


async def test_without_the_filter_over_past_versions_a_stranger_counts_them(
    north: httpx.AsyncClient,
    south: httpx.AsyncClient,
    policy: LocalPolicy,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "of_history", lambda clause: HISTORY.c.id.is_not(None))
    opened, closed = await created(north, patient()), await created(north, patient())
    id = await created(north, observation(closed))
    await north.put(f"/Observation/{id}", content=json.dumps(observation(opened, id=id)))
    policy.grants.add((store.vault.pseudonym("compartment", opened), "south"))

    found = (await south.get(f"/Observation/{id}/_history")).json()

    assert found["total"] == 2  # the fault that the filter prevents
    assert len(found["entry"]) == 1  # the second look holds


async def test_a_cursor_is_for_its_caller_and_its_history_alone(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await created(north, patient())
    first = (await north.get("/Patient/_history?_count=1")).json()
    cursor = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("?")[2]

    assert (await north.get(f"/Patient/_history?{cursor}")).status_code == 200
    assert (await south.get(f"/Patient/_history?{cursor}")).status_code == 400
    assert (await north.get(f"/Observation/_history?{cursor}")).status_code == 400
    assert (await north.get(f"/Patient/_history?{cursor}&_count=2")).status_code == 400


async def test_parts_of_versions_are_asked_for_like_parts_of_a_read(north: httpx.AsyncClient) -> None:
    for _ in range(2):
        await created(north, patient())

    found = await pages(north, f"{BASE}/Patient/_history?_count=1&_elements=gender")

    assert [set(entry["resource"]) for entry in found] == [{"resourceType", "id", "meta", "gender"}] * 2


async def test_reading_a_history_is_logged(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    await north.get("/Patient/_history")
    await north.get(f"/Patient/{id}/_history")
    await north.get("/_history")

    log = (await north.get("/AuditEvent")).json()["entry"]
    codes = [entry["resource"]["subtype"][0]["code"] for entry in log]
    # Of both histories of many the asking, and whom they showed.
    assert codes.count("history-type") == 4 and codes.count("history-instance") == 1


@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "Observation.value"])
async def test_a_choice_is_named_alike_in_searches_reads_and_histories(north: httpx.AsyncClient, name: str) -> None:
    id = await created(north, observation("1"))
    way = f"_elements={name},effective"

    read, version = [(await north.get(f"/Observation/{id}{path}?{way}")).json() for path in ("", "/_history/1")]
    bundles = [
        (await north.get(f"/{path}?{way}")).json() for path in ("Observation", "_history", "Observation/_history")
    ]

    assert {"valueQuantity", "effectiveDateTime"} < set(read) and "subject" not in read
    assert all(found == read for found in (version, *(bundle["entry"][0]["resource"] for bundle in bundles)))
