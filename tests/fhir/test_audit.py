"""The log of accesses, as its tenant reads it."""

import base64
import json
from typing import Any

import httpx

from fhir.codec import parse
from fhir.rules import validate
from tests.fhir.record import created, observation, patient


async def events(http: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    """The log, oldest first, without the reading of the log itself."""
    found = (await http.get(f"/AuditEvent?_sort=_lastUpdated&_count=500{query}")).json()
    return [entry["resource"] for entry in found.get("entry", [])]


def done(event: dict[str, Any]) -> tuple[str, str]:
    return event["subtype"][0]["code"], event["outcome"]


async def test_every_interaction_leaves_an_event_and_every_event_is_valid(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    await created(north, observation(id))
    await north.get(f"/Patient/{id}")
    await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id)))
    await north.get(f"/Patient/{id}/_history/1")
    await north.get(f"/Patient/{id}/_history")
    await north.get("/Patient?family=Musterfrau")
    await north.delete(f"/Patient/{id}")

    log = await events(north)

    kinds = ["create", "create", "read", "update", "vread", "history-instance", "search-type", "search-type", "delete"]
    assert [done(event) for event in log] == [(kind, "0") for kind in kinds]
    for event in log:
        validate(parse(json.dumps(event).encode(), type="AuditEvent"))


async def test_an_event_names_who_what_and_about_which_patient(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    about = await created(north, observation(id))

    event = (await events(north))[-1]

    assert event["agent"][0]["who"]["identifier"]["value"] == "client-of-north"
    what = [entity["what"]["reference"] for entity in event["entity"] if "reference" in entity.get("what", {})]
    assert what == [f"Observation/{about}/_history/1", f"Patient/{id}"]


async def test_a_search_is_logged_with_what_was_searched_for(north: httpx.AsyncClient) -> None:
    await north.get("/Patient?family=Musterfrau")

    event = (await events(north))[-1]

    assert base64.b64decode(event["entity"][0]["query"]) == b"Patient?family=Musterfrau"


async def test_a_refused_read_is_told_to_the_owner_and_not_to_the_asker(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    id = await created(north, patient())
    await south.get(f"/Patient/{id}")
    await south.get("/Patient/absent")

    foreign, absent = (await events(south))[:2]
    told = (await events(north))[-1]

    for event in (foreign, absent, told):
        validate(parse(json.dumps(event).encode(), type="AuditEvent"))
    assert done(told) == ("read", "4")
    assert told["agent"][0]["altId"] == "south"
    different = ("id", "meta", "recorded", "entity")
    assert {k: v for k, v in foreign.items() if k not in different} == {
        k: v for k, v in absent.items() if k not in different
    }
    assert [entity.keys() for entity in foreign["entity"]] == [entity.keys() for entity in absent["entity"]]


async def test_the_log_of_a_search_does_not_tell_whether_a_stranger_is_kept_here(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    id = await created(north, patient())
    await south.get(f"/Observation?patient={id}")
    await south.get("/Observation?patient=absent")

    foreign, absent = (await events(south))[:2]

    assert [entity.keys() for entity in foreign["entity"]] == [entity.keys() for entity in absent["entity"]]


async def test_the_log_is_read_by_id_and_searched_by_patient(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    await created(north, patient())

    found = await events(north, f"&patient={id}")
    read = await north.get(f"/AuditEvent/{found[0]['id']}")

    assert len(found) == 1
    assert read.json() == found[0]


async def test_nobody_reads_the_log_of_others(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    await created(north, patient())
    event = (await events(north))[0]

    assert (await south.get(f"/AuditEvent/{event['id']}")).status_code == 404
    assert all(other["agent"][0]["altId"] == "south" for other in await events(south))


async def test_events_that_clients_write_stay_beside_the_log(north: httpx.AsyncClient) -> None:
    await created(north, patient())
    written = {key: value for key, value in (await events(north))[0].items() if key not in ("id", "meta")}
    id = await created(north, written)

    count = (await north.get("/AuditEvent?_summary=count")).json()["total"]
    pages, address = [], "/AuditEvent?_count=2"
    while address:
        page = (await north.get(address)).json()
        pages += [entry["resource"]["id"] for entry in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert not id.startswith("log-")
    assert pages.count(id) == 1
    assert len(set(pages)) == len(pages) >= count


async def test_the_log_is_neither_changed_nor_deleted(north: httpx.AsyncClient) -> None:
    await created(north, patient())
    event = (await events(north))[0]

    assert (await north.put(f"/AuditEvent/{event['id']}", content=json.dumps(event))).status_code == 405
    assert (await north.delete(f"/AuditEvent/{event['id']}")).status_code == 405
