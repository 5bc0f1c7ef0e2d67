"""Patient/[id]/$everything: what is in it, in which pages, for whom, and what the log says of it."""

import base64

import httpx
import pytest

from fhir.policy import Action
from fhir.search import asking, everything
from fhir.store import Store
from tests.fhir import record
from tests.fhir.record import created, observation, patient
from tests.fhir.search.test_chains import MADE_UP, encounter, ids
from tests.fhir.test_search_pages import all_ids, link


async def test_the_record_comes_with_the_patient_first_and_what_it_refers_to(north: httpx.AsyncClient) -> None:
    doctor = await created(north, MADE_UP)
    person, other = await created(north, patient()), await created(north, patient())
    visit = await created(north, encounter(person))
    ours, foreign = f"{record.BASE}/Practitioner/{doctor}/_history/1", "https://elsewhere.example/Practitioner/x"
    about = await created(north, observation(person, performer=[{"reference": foreign}, {"reference": ours}]))
    await created(north, observation(other))
    gone = await created(north, observation(person))
    await north.delete(f"/Observation/{gone}")

    assert await ids(north, f"/Patient/{person}/$everything") == [person, about, visit]
    assert await ids(north, f"/Patient/{person}/$everything", mode="include") == [doctor]


async def test_what_is_about_two_patients_is_in_the_records_of_both(north: httpx.AsyncClient) -> None:
    one, other = await created(north, patient()), await created(north, patient())
    actors = [{"actor": {"reference": f"Patient/{id}"}, "status": "accepted"} for id in (one, other)]
    meeting = await created(north, {"resourceType": "Appointment", "status": "proposed", "participant": actors})

    for person in (one, other):
        assert await ids(north, f"/Patient/{person}/$everything") == [person, meeting]


async def test_it_comes_in_pages(north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "STEP", 2)
    person = await created(north, patient())
    made = [await created(north, observation(person)) for _ in range(5)]

    for count in (1, 2, 3, 6, 50):
        assert await all_ids(north, f"/Patient/{person}/$everything?_count={count}") == [person, *made[::-1]]


async def test_it_can_be_narrowed_by_type_change_and_date_of_care(north: httpx.AsyncClient) -> None:
    person = await created(north, patient())
    visit = await created(north, encounter(person))
    early = await created(north, observation(person, effectiveDateTime="2020-05-05"))
    late = await created(north, observation(person, effectiveDateTime="2026-05-05"))
    changed = (await north.get(f"/Observation/{early}")).json()["meta"]["lastUpdated"]
    address = f"/Patient/{person}/$everything"

    assert await ids(north, f"{address}?_type=Observation,Patient") == [person, late, early]
    assert await ids(north, f"{address}?_type=Observation&start=2026-01-01") == [late]
    assert await ids(north, f"{address}?end=2020-12-31") == [person, early, visit]
    assert await ids(north, f"{address}?_since={changed}") == [late, early]


async def test_nobody_sees_more_of_it_than_by_searching(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    person = await created(north, patient())
    mine = await created(north, observation(person))
    theirs = await created(south, observation(person))

    assert await ids(north, f"/Patient/{person}/$everything") == [person, mine]
    assert theirs not in (await north.get(f"/Patient/{person}/$everything")).text
    assert (await south.get(f"/Patient/{person}/$everything")).status_code == 404


async def test_the_permit_is_what_keeps_the_rest_out(
    north: httpx.AsyncClient, south: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await created(north, patient())
    theirs = await created(south, observation(person))
    everybody = store.policy.permit(record.caller("south"), Action.SEARCH, "Observation")
    monkeypatch.setattr(everybody, "admits", lambda *_: True)
    monkeypatch.setattr(asking.Asker, "permit", lambda *_: everybody)

    assert await ids(north, f"/Patient/{person}/$everything") == [person, theirs]


async def test_a_type_out_of_scope_is_left_out_and_told_if_it_was_named(
    north: httpx.AsyncClient, policy: record.LocalPolicy
) -> None:
    person = await created(north, patient())
    await created(north, observation(person))
    policy.closed.add("Observation")

    assert await ids(north, f"/Patient/{person}/$everything") == [person]
    assert (await north.get(f"/Patient/{person}/$everything?_type=Observation")).status_code == 403


async def test_it_leaves_one_line_in_the_log_that_names_patient_and_request(north: httpx.AsyncClient) -> None:
    person = await created(north, patient())

    await north.get(f"/Patient/{person}/$everything?_type=Observation")

    newest = (await north.get("/AuditEvent?_count=1")).json()["entry"][0]["resource"]
    assert newest["subtype"][0]["code"] == "operation"
    assert newest["entity"][0]["what"]["reference"].startswith(f"Patient/{person}")
    assert base64.b64decode(newest["entity"][0]["query"]) == b"$everything?_type=Observation"


async def test_the_whole_type_and_what_is_unknown_are_refused(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    person = await created(north, patient())
    for _ in range(2):
        await created(north, observation(person))
    address = f"/Patient/{person}/$everything"
    following = link(await north.get(f"{address}?_count=1"), "next")

    refused = await north.get("/Patient/$everything")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "not-supported")
    for query in ("_count=0", "_count=x", "start=x", "_type=Unheard", "_sort=date", "_cursor=x"):
        assert (await north.get(f"{address}?{query}")).status_code == 400, query
    assert (await south.get(following)).status_code in (400, 404)
    assert (await north.get(f"{following}&_count=1")).status_code == 400
