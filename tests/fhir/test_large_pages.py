"""Pages of large resources: they end by their bytes before they end by `_count`, and miss nothing."""

from typing import Any

import httpx
import pytest

from fhir import room
from fhir.rows import SealedRow
from infra.clock import SystemClock
from tests.fhir.record import BASE, created, observation, patient
from tests.fhir.test_search_pages import all_ids, link

LARGE = 3_000
NOTE = [{"text": "x" * LARGE}]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and steps for about two of the large resources."""
    monkeypatch.setattr(room, "PAGE", 2 * LARGE)
    monkeypatch.setattr(room, "STEP", 2 * LARGE)


async def sizes(http: httpx.AsyncClient, address: str) -> list[int]:
    """How many entries each page has."""
    found = []
    while address:
        page = await http.get(address)
        assert page.status_code == 200, page.text
        found.append(len(page.json().get("entry", [])))
        address = link(page, "next")
    return found


async def large(http: httpx.AsyncClient, person: str, count: int) -> list[str]:
    return [await created(http, observation(person, note=NOTE)) for _ in range(count)]


SEARCHES = ["", "&status=final", "&_sort=_lastUpdated", "&_sort=status", "&date=ge2000", "&patient.gender:not=other"]


@pytest.mark.parametrize("query", SEARCHES)
async def test_a_search_ends_its_page_by_its_bytes(north: httpx.AsyncClient, narrow: None, query: str) -> None:
    person = await created(north, patient())
    made = await large(north, person, 5)
    address = f"/Observation?patient={person}&_count=100{query}"

    assert await sizes(north, address) == [2, 2, 1]
    assert sorted(await all_ids(north, address)) == sorted(made)
    assert (await north.get(address)).json()["total"] == 5


async def test_a_history_ends_its_page_by_its_bytes(north: httpx.AsyncClient, narrow: None) -> None:
    person = await created(north, patient())
    made = await large(north, person, 3)
    for id in made:
        await north.put(f"/Observation/{id}", json=observation(person, id=id, note=NOTE))

    assert await sizes(north, f"{BASE}/Observation/_history?_count=100") == [2, 2, 2]
    assert await sizes(north, f"{BASE}/Observation/{made[0]}/_history?_count=100") == [2]
    assert sum(await sizes(north, f"{BASE}/_history?_count=100")) == 7


async def test_everything_ends_its_page_by_its_bytes(north: httpx.AsyncClient, narrow: None) -> None:
    person = await created(north, patient())
    made = await large(north, person, 5)

    address = f"/Patient/{person}/$everything?_count=100"

    assert len(await sizes(north, address)) > 2
    assert await all_ids(north, address) == [person, *made[::-1]]


async def test_includes_end_by_their_bytes_and_say_so(north: httpx.AsyncClient, narrow: None) -> None:
    person = await created(north, patient())
    await large(north, person, 5)

    answer = (await north.get(f"/Patient?_id={person}&_revinclude=Observation:patient")).json()

    assert [entry["search"]["mode"] for entry in answer["entry"]] == ["match", "include", "include", "outcome"]


async def test_what_is_referred_to_from_a_page_ends_by_its_bytes_and_says_so(
    north: httpx.AsyncClient, narrow: None
) -> None:
    person = await created(north, patient())
    clinics = [await created(north, clinic(number)) for number in range(4)]
    for id in clinics:
        await created(north, observation(person, performer=[{"reference": f"Organization/{id}"}]))

    answers = [
        await north.get(f"/Observation?patient={person}&_include=Observation:performer"),
        await north.get(f"/Patient/{person}/$everything"),
    ]

    for answer in answers:
        modes = [entry["search"]["mode"] for entry in answer.json()["entry"]]
        assert (modes.count("include"), modes.count("outcome")) == (2, 1)


def clinic(number: int) -> dict[str, Any]:
    return {"resourceType": "Organization", "name": f"Praxis {number}", "alias": ["x" * LARGE]}


def test_steps_double_until_rows_are_large() -> None:
    assert room.step([row(10)] * 64, 64, most=500) == 128
    assert room.step([row(10)] * 300, 300, most=500) == 500
    assert room.step([row(room.STEP // 4)] * 64, 64, most=500) == 4
    assert room.step([row(2 * room.STEP)], 1, most=500) == 1
    assert room.step([], 64, most=500) == 128


def row(size: int) -> SealedRow:
    return SealedRow(1, "a", "Basic", 1, False, SystemClock().now(), "t", None, 1, b"x" * size, "t", 1, b"")
