"""Searching the log of accesses: every parameter of AuditEvent, by look-up or by rendering, finds the same."""

import json
from urllib.parse import urlencode

import httpx
import pytest

from fhir import audit_lookup
from fhir.search.definitions import PARAMETERS
from tests.fhir.record import created, observation, patient
from tests.fhir.test_search_pages import all_ids


async def events(http: httpx.AsyncClient, *pairs: tuple[str, str]) -> int:
    answer = await http.get(f"/AuditEvent?{urlencode(pairs)}")
    assert answer.status_code == 200, answer.text
    total: int = answer.json()["total"]
    return total


async def test_the_log_is_found_by_what_was_done_to_whom(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    person, other = await created(north, patient()), await created(north, patient())
    about = await created(north, observation(person))
    await north.get(f"/Observation/{about}")
    await south.get(f"/Observation/{about}")
    await north.get("/Observation?status=final")

    # The search named nobody, and showed something of this patient.
    assert await events(north, ("patient", person)) == 5
    assert await events(north, ("patient", f"Patient/{other}")) == 1
    assert await events(north, ("entity", f"Observation/{about}")) == 3
    assert await events(north, ("entity", f"Observation/{about}"), ("outcome", "4")) == 1
    assert await events(north, ("subtype", "create")) == 3
    assert await events(north, ("subtype:not", "create"), ("entity:missing", "false")) >= 2
    assert await events(south, ("patient", person)) == 0


async def test_a_look_up_loses_no_event(north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await created(north, patient())
    await created(north, observation(person))
    newest = (await north.get("/AuditEvent?_count=1")).json()["entry"][0]["resource"]
    moment, day = newest["recorded"], newest["recorded"][:10]
    asked = [
        *(("date", f"{prefix}{value}") for prefix in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
          for value in (moment, day, "2020")),
        ("patient", person), ("patient", f"x,{person}"), ("entity", f"Patient/{person}"), ("outcome", "0"),
        ("subtype", "create,read"), ("subtype:not", "create"), ("outcome:missing", "true"), ("_id", newest["id"]),
        ("patient:identifier", "urn:s|1"), ("_lastUpdated", f"le{moment}"),
    ]  # fmt: skip
    # What is asked here is logged too, so only what there is by now counts.
    until = ("_lastUpdated", f"le{moment}")

    quick = [await events(north, one, until) for one in asked]
    monkeypatch.setattr(audit_lookup, "_READERS", {})
    slow = [await events(north, one, until) for one in asked]

    assert dict(zip(asked, quick, strict=True)) == dict(zip(asked, slow, strict=True))
    assert max(quick) == 2


async def test_every_parameter_of_an_audit_event_is_answered(north: httpx.AsyncClient) -> None:
    await created(north, patient())
    values = {"token": "x", "reference": "Organization/x", "date": "2026", "string": "x", "uri": "urn:x"}

    for name, parameter in PARAMETERS["AuditEvent"].parameters.items():
        value = "Patient/x" if parameter.targets == ("Patient",) else values[parameter.kind.value]
        await events(north, (name, value))


async def test_what_clients_wrote_and_what_was_logged_come_in_one_order(north: httpx.AsyncClient) -> None:
    written = json.dumps(
        {
            "resourceType": "AuditEvent",
            "type": {"code": "rest"},
            "recorded": "2020-01-01T00:00:00Z",
            "agent": [{"requestor": True}],
            "source": {"observer": {"display": "x"}},
        }
    )
    person = await created(north, patient())
    assert (await north.post("/AuditEvent", content=written)).status_code == 201
    await created(north, observation(person))

    for sort in ("_lastUpdated", "-_lastUpdated", "date", "-date", "_id"):
        found = await all_ids(north, f"/AuditEvent?_sort={sort}&_count=1&subtype:not=search-type")
        assert len(found) == len(set(found)) == 4, sort
    assert [id[:4] == "log-" for id in await all_ids(north, "/AuditEvent?_sort=date&subtype:not=search-type")] == [
        False,
        True,
        True,
        True,
    ]
