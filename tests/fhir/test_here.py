"""An absolute reference below our own base is the relative one: in searches, both ways, and in patients' records."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fhir import compartments
from fhir.drafts import blind
from fhir.here import named, relative, stand_at
from tests.fhir.record import BASE, created, observation, patient, vault


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    stand_at(BASE)
    yield
    stand_at("")


@pytest.mark.parametrize("stored", ["", f"{BASE}/"])
@pytest.mark.parametrize("asked", ["", f"{BASE}/"])
async def test_a_search_finds_a_reference_in_both_spellings(north: httpx.AsyncClient, stored: str, asked: str) -> None:
    id = await created(north, patient())
    reference = {"reference": f"{stored}Patient/{id}"}
    about = await created(north, observation(id, subject=reference))

    for query in (f"subject={asked}Patient/{id}", f"patient={id}", f"patient={asked}Patient/{id}&code=8867-4"):
        found = (await north.get(f"/Observation?{query}&_include=Observation:subject")).json()
        assert [one["resource"]["id"] for one in found["entry"]] == [about, id], query
    assert (await north.get(f"/Observation?patient.gender=female&_id={about}")).json()["total"] == 1
    assert (await north.get(f"/Patient?_has:Observation:patient:_id={about}")).json()["total"] == 1
    assert (await north.get(f"/Observation/{about}")).json()["subject"] == reference


@pytest.mark.parametrize("foreign", ["https://elsewhere.example/fhir/", "http://test/fhirs/", "http://test/"])
async def test_a_foreign_address_is_another_one(north: httpx.AsyncClient, foreign: str) -> None:
    id = await created(north, patient())
    about = await created(north, observation(id, subject={"reference": f"{foreign}Patient/{id}"}))

    assert (await north.get(f"/Observation?patient={id}")).json()["total"] == 0
    found = (await north.get(f"/Observation?subject={foreign}Patient/{id}")).json()
    assert [one["resource"]["id"] for one in found["entry"]] == [about]


def test_an_absolute_reference_leads_into_the_record_of_its_patient(tmp_path: Path) -> None:
    keys = vault(tmp_path)
    near, far = observation("p-1"), observation("p-1", subject={"reference": f"{BASE}/Patient/p-1/_history/2"})

    assert compartments.named(keys, "Observation", "o-1", far) == compartments.named(keys, "Observation", "o-1", near)
    assert compartments.named(keys, "Observation", "o-1", far) is not None
    assert blind(keys, "Observation", far) == blind(keys, "Observation", near)


def test_without_a_base_no_address_is_our_own() -> None:
    stand_at("")

    assert relative(f"{BASE}/Patient/1") == f"{BASE}/Patient/1"
    assert json.dumps(relative("Patient/1")) == '"Patient/1"'


async def test_what_is_included_comes_in_the_version_that_is_named(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id, gender="other")))
    for version, gender in (("1", "female"), ("2", "other")):
        link = f"{BASE}/Patient/{id}/_history/{version}"
        about = await created(north, observation(id, subject={"reference": link}))

        found = (await north.get(f"/Observation?_id={about}&_include=Observation:subject")).json()

        assert [one["resource"]["gender"] for one in found["entry"][1:]] == [gender]


@pytest.mark.parametrize("base", ["", f"{BASE}/", "https://elsewhere.example/fhir/", "http://test/", "/", f"{BASE}//"])
@pytest.mark.parametrize("version", ["", "/_history/2", "/2"])
def test_a_reference_names_exactly_what_a_search_finds_by_it(tmp_path: Path, base: str, version: str) -> None:
    keys, link = vault(tmp_path), f"{base}Patient/p-1{version}"

    found = blind(keys, "Observation", observation("", subject={"reference": link}))

    near = blind(keys, "Observation", observation("p-1"))
    assert named(link) == (("Patient", "p-1") if found == near else None)


@pytest.mark.parametrize("nothing", [None, "", "#p-1", "Patient", "Patient/", "Patient?identifier=1", "urn:uuid:p-1"])
def test_what_is_no_address_of_a_resource_names_none(nothing: str | None) -> None:
    assert named(nothing) is None
