"""Bundles: every interaction inside them, their order, links and conditions, all or nothing."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from fhir import costs, resolving
from tests.effort import repetitions
from tests.fhir.record import BASE, LocalPolicy, created, observation, patient
from tests.fhir.test_bundles import PATIENT, bundle, entry

KVNR = "identifier=http://fhir.de/sid/gkv/kvid-10|X123456789"
REPRESENTATION = {"prefer": "return=representation"}


def binary(*operations: dict[str, Any], type: str = "application/json-patch+json") -> dict[str, Any]:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": type, "data": data}


def to_male() -> dict[str, Any]:
    return binary({"op": "replace", "path": "/gender", "value": "male"})


async def answered(http: httpx.AsyncClient, *entries: dict[str, Any], **others: Any) -> list[dict[str, Any]]:
    """The entries of the answer."""
    answer = await http.post("", content=bundle(*entries, type=others.pop("type", "transaction")), **others)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entry"]
    return found


def statuses(entries: list[dict[str, Any]]) -> list[str]:
    return [one["response"]["status"][:3] for one in entries]


@pytest.mark.parametrize("type", ["batch", "transaction"])
async def test_every_interaction_works_inside_a_bundle(north: httpx.AsyncClient, type: str) -> None:
    ids = [await created(north, patient(identifier=[{"value": str(n)}])) for n in range(4)]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "male"},
    ]}]}  # fmt: skip
    known = {"ifNoneMatch": 'W/"1"'}

    made = await answered(
        north,
        entry("GET", f"Patient/{ids[0]}"),
        entry("HEAD", f"Patient/{ids[0]}"),
        entry("GET", f"Patient/{ids[3]}/_history/1", request=known),
        entry("GET", "Patient?_summary=count"),
        entry("PATCH", f"Patient/{ids[0]}", resource=to_male()),
        entry("PATCH", f"Patient/{ids[1]}", resource=parameters, request={"ifMatch": 'W/"1"'}),
        entry("PUT", "Patient?identifier=3", resource=patient(identifier=[{"value": "3"}], gender="other")),
        entry("PUT", "Patient?identifier=new", resource=patient(identifier=[{"value": "new"}])),
        entry("DELETE", "Patient?identifier=2"),
        entry("DELETE", "Patient?identifier=none"),
        type=type,
        headers=REPRESENTATION,
    )

    assert statuses(made) == ["200", "200", "304", "200", "200", "200", "200", "201", "204", "204"]
    assert "resource" not in made[1] and "resource" not in made[2]
    assert made[0]["resource"]["gender"] == ("male" if type == "transaction" else "female")
    assert (made[4]["resource"]["gender"], made[5]["resource"]["gender"]) == ("male", "male")
    assert (await north.get(f"/Patient/{ids[2]}")).status_code == 410
    assert (await north.get("/Patient?identifier=new")).json()["total"] == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (entry("PATCH", f"Patient?{KVNR}", resource=patient()), 400),
        (entry("PATCH", f"Patient?{KVNR}", resource=binary(type="text/plain")), 415),
        (entry("PATCH", "Patient?identifier=none", resource=to_male()), 404),
        (entry("PATCH", "Patient", resource=to_male()), 400),
        (entry("PATCH", f"Patient?{KVNR}", resource=to_male(), request={"ifMatch": 'W/"9"'}), 412),
        (entry("PATCH", f"Patient?{KVNR}", resource={"resourceType": "Binary", "data": "%"}), 400),
        (entry("PUT", f"Patient?{KVNR}", resource=patient(id="other")), 400),
        (entry("GET", "Patient", request={"ifMatch": 'W/"1"'}), 400),
        (entry("POST", "Patient", resource=patient(), request={"ifNoneMatch": "*"}), 400),
        (entry("GET", "Patient/1", request={"ifModifiedSince": "soon"}), 400),
        (entry("DELETE", "Patient"), 400),
    ],
    ids=range(11),
)
async def test_a_wrong_entry_fails_alone_in_a_batch_and_with_all_in_a_transaction(
    north: httpx.AsyncClient, wrong: dict[str, Any], status: int
) -> None:
    await created(north, patient())
    good = entry("POST", "Patient", resource=patient(identifier=[{"value": "good"}]))

    batch = await answered(north, wrong, good, type="batch")
    transaction = await north.post("", content=bundle(wrong, good))

    assert statuses(batch) == [str(status), "201"]
    assert batch[0]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert transaction.status_code == status
    assert transaction.json()["issue"][0]["expression"][0] == "Bundle.entry[0]"
    assert (await north.get("/Patient?identifier=good")).json()["total"] == 1


async def test_links_are_rewritten_in_references_uris_and_narratives_and_nowhere_else(
    north: httpx.AsyncClient,
) -> None:
    about = observation(
        "x",
        subject={"reference": PATIENT},
        identifier=[{"system": "urn:ietf:rfc:3986", "value": PATIENT}],
        extension=[{"url": "http://a.example/u", "valueUri": PATIENT}],
        note=[{"text": PATIENT}],
        text={
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{PATIENT}">{PATIENT}</a></div>',
        },
    )
    made = await answered(
        north,
        entry("POST", "Observation", resource=about),
        entry("POST", "Patient", resource=patient(), fullUrl=PATIENT),
        headers=REPRESENTATION,
    )

    reference = f"Patient/{made[1]['resource']['id']}"
    found = made[0]["resource"]
    assert found["subject"]["reference"] == found["extension"][0]["valueUri"] == reference
    assert f'<a href="{reference}">{PATIENT}</a>' in found["text"]["div"]
    assert found["identifier"][0]["value"] == found["note"][0]["text"] == PATIENT


async def test_a_conditional_reference_leads_to_the_one_that_matches(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    about = observation("x", subject={"reference": f"Patient?{KVNR}"})
    sent = entry("POST", "Observation", resource=about)
    await created(south, patient())

    none = await north.post("", content=bundle(sent))
    id = await created(north, patient())
    made = await answered(north, sent, headers=REPRESENTATION)
    await created(north, patient())
    several = await north.post("", content=bundle(sent))

    assert made[0]["resource"]["subject"]["reference"] == f"Patient/{id}"
    assert (none.status_code, several.status_code) == (412, 412)
    assert none.json()["issue"][0]["expression"] == ["Bundle.entry[0]"]


async def test_links_to_a_conditional_entry_lead_to_what_it_found_or_made(north: httpx.AsyncClient) -> None:
    parts = (
        entry("PUT", f"Patient?{KVNR}", resource=patient(), fullUrl=PATIENT),
        entry("POST", "Observation", resource=observation("x", subject={"reference": PATIENT})),
    )

    first = await answered(north, *parts, headers=REPRESENTATION)
    second = await answered(north, *parts, headers=REPRESENTATION)

    assert (statuses(first), statuses(second)) == (["201", "201"], ["200", "201"])
    id = first[0]["resource"]["id"]
    assert {one[1]["resource"]["subject"]["reference"] for one in (first, second)} == {f"Patient/{id}"}


async def test_two_entries_that_come_to_the_same_resource_are_refused(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    by_number = entry("PATCH", f"Patient?{KVNR}", resource=to_male())
    by_id = entry("PUT", f"Patient/{id}", resource=patient(id=id))
    unless = entry("POST", "Patient", resource=patient(), request={"ifNoneExist": KVNR})

    assert (await north.post("", content=bundle(by_number, by_id))).status_code == 400
    assert (await north.post("", content=bundle(unless, entry("DELETE", f"Patient/{id}")))).status_code == 400
    by_criteria = entry("DELETE", f"Patient?{KVNR}")
    referring = entry("POST", "Observation", resource=observation("x", subject={"reference": f"Patient?{KVNR}"}))
    for other in (by_number, by_id, unless, by_criteria, entry("DELETE", f"Patient/{id}")):
        assert (await north.post("", content=bundle(by_criteria, other))).status_code == 400
    assert (await north.post("", content=bundle(by_criteria, referring))).status_code == 412
    assert (await north.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


async def test_without_the_check_of_what_criteria_come_to_one_resource_is_changed_twice(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "_refuse_overlaps", lambda *_: {})
    id = await created(north, patient())

    await answered(
        north,
        entry("PATCH", f"Patient?{KVNR}", resource=to_male()),
        entry("PUT", f"Patient/{id}", resource=patient(id=id)),
    )

    assert (await north.get(f"/Patient/{id}")).headers["etag"] == 'W/"3"'


async def test_a_transaction_says_what_was_preferred(north: httpx.AsyncClient) -> None:
    sent = bundle(entry("POST", "Patient", resource=patient()))

    outcome = await north.post("", content=sent, headers={"prefer": "return=OperationOutcome"})
    minimal = await north.post("", content=sent, headers={"prefer": "return=minimal"})
    plain = await north.post("", content=sent)

    assert outcome.headers["preference-applied"] == "return=OperationOutcome"
    assert outcome.json()["entry"][0]["response"]["outcome"]["issue"][0]["severity"] == "information"
    assert minimal.headers["preference-applied"] == "return=minimal"
    assert "preference-applied" not in plain.headers
    assert "resource" not in plain.json()["entry"][0]


async def test_transactions_at_once_are_serial_or_refused_never_half(north: httpx.AsyncClient) -> None:
    """Each takes from one counter and gives to another: whatever is refused, the sum stays."""
    ids = [await created(north, observation("x")) for _ in range(2)]
    for observed in ids:
        await north.put(f"/Observation/{observed}", content=json.dumps(counter(observed, 50)))

    async def moved(number: int) -> int:
        source, target = ids[number % 2], ids[(number + 1) % 2]
        read = [(await north.get(f"/Observation/{one}")).json() for one in (source, target)]
        entries = [
            entry(
                "PUT",
                f"Observation/{one['id']}",
                resource=counter(one["id"], one["valueInteger"] + step),
                request={"ifMatch": f'W/"{one["meta"]["versionId"]}"'},
            )
            for one, step in zip(read, (-1, 1), strict=True)
        ]
        return (await north.post("", content=bundle(*entries))).status_code

    for _ in range(repetitions(2)):
        found = await asyncio.gather(*(moved(number) for number in range(16)))
        held = [(await north.get(f"/Observation/{one}")).json()["valueInteger"] for one in ids]

        assert set(found) <= {200, 409, 412} and 200 in found
        assert sum(held) == 100


def counter(id: str, value: int) -> dict[str, Any]:
    resource = observation("x", id=id, valueInteger=value)
    del resource["valueQuantity"]
    return resource


async def test_a_transaction_of_new_resources_is_as_if_each_came_alone(north: httpx.AsyncClient) -> None:
    """Patients and what is about them, in any order, with a condition among them."""
    new = "urn:uuid:1c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    made = await answered(
        north,
        *(entry("POST", "Observation", resource=observation("x", subject={"reference": PATIENT})) for _ in range(5)),
        entry("POST", "Patient", resource=patient(), fullUrl=PATIENT, request={"ifNoneExist": KVNR}),
        entry("POST", "Patient", resource=patient(identifier=[{"value": "b"}]), fullUrl=new),
        entry("POST", "Observation", resource=observation("x", subject={"reference": new})),
        headers=REPRESENTATION,
    )

    assert statuses(made) == ["201"] * 8
    first, second = made[5]["resource"]["id"], made[6]["resource"]["id"]
    assert (await north.get(f"/Observation?patient={first}")).json()["total"] == 5
    assert (await north.get(f"/Observation?patient={second}&code=8867-4")).json()["total"] == 1
    log = (await north.get(f"/AuditEvent?patient={second}&_count=100")).json()["entry"]
    assert {one["resource"]["subtype"][0]["code"] for one in log} >= {"create"}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_bundle_that_takes_too_long_ends(north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MOST_SECONDS", -1.0)
    sent = [entry("GET", "Patient"), entry("PUT", "Patient?identifier=1", resource=patient())]

    batch = await answered(north, *sent, type="batch")
    transaction = await north.post("", content=bundle(*sent))

    assert statuses(batch) == ["422", "422"]
    assert (transaction.status_code, transaction.json()["issue"][0]["code"]) == (422, "too-costly")


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_transaction_asks_for_so_many_conditional_references_and_no_more(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "MOST_ASKED", 1)
    await created(north, patient())
    one, other = {"reference": f"Patient?{KVNR}"}, {"reference": "Patient?identifier=other"}

    same = entry("POST", "Observation", resource=observation("x", subject=one, performer=[one]))
    different = entry("POST", "Observation", resource=observation("x", subject=one, performer=[other]))

    assert (await north.post("", content=bundle(same))).status_code == 200
    assert (await north.post("", content=bundle(different))).status_code == 400


@pytest.mark.parametrize("second", ["POST", "PUT"])
async def test_two_entries_with_the_same_criteria_do_not_create_the_same_twice(
    north: httpx.AsyncClient, second: str
) -> None:
    again = {
        "POST": entry("POST", "Patient", resource=patient(), request={"ifNoneExist": KVNR}),
        "PUT": entry("PUT", f"Patient?{KVNR}", resource=patient()),
    }
    once = entry("POST", "Patient", resource=patient(), request={"ifNoneExist": KVNR})

    refused = await north.post("", content=bundle(once, again[second]))

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["code"] == "duplicate"
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_address_may_begin_with_our_own_base_and_with_no_other(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    made = await answered(
        north,
        entry("GET", f"{BASE}/Patient/{id}"),
        entry("GET", f"https://elsewhere.example/fhir/Patient/{id}"),
        entry("GET", f"/Patient/{id}"),
        type="batch",
    )

    assert statuses(made) == ["200", "400", "400"]


@pytest.mark.parametrize("part", ["Bundle", "entry", "request"])
async def test_a_bundle_that_says_more_than_is_understood_is_refused(north: httpx.AsyncClient, part: str) -> None:
    id = await created(north, patient())
    sent = json.loads(bundle(entry("PUT", f"Patient/{id}", resource=patient(id=id))))
    place = {"Bundle": sent, "entry": sent["entry"][0], "request": sent["entry"][0]["request"]}[part]
    place["ifMtach"] = 'W/"7"'

    refused = await north.post("", content=json.dumps(sent))

    assert refused.status_code == 400
    assert "ifMtach" in refused.json()["issue"][0]["diagnostics"]
    assert (await north.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


async def test_a_relative_link_leads_into_the_bundle_only_from_beside_what_it_names(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())
    link = f"Patient/{id}"
    foreign = "http://elsewhere.example/fhir"

    made = await answered(
        north,
        entry("POST", "Patient", resource=patient(), fullUrl=f"{foreign}/{link}"),
        entry("POST", "Observation", resource=observation(id), fullUrl=f"{foreign}/Observation/1"),
        entry("POST", "Observation", resource=observation(id), fullUrl=PATIENT),
        entry("POST", "Observation", resource=observation(id), fullUrl="http://third.example/Observation/1"),
        entry("POST", "Observation", resource=observation(id)),
        headers=REPRESENTATION,
    )

    new = f"Patient/{made[0]['resource']['id']}"
    assert [one["resource"]["subject"]["reference"] for one in made[1:]] == [new, link, link, link]


@pytest.mark.parametrize("place", ["reference", "criteria"])
async def test_criteria_about_a_type_that_the_caller_may_not_see_are_refused_and_logged(
    north: httpx.AsyncClient, policy: LocalPolicy, place: str
) -> None:
    policy.closed.add("Patient")
    about = observation("x", subject={"reference": f"Patient?{KVNR}"})
    unless = entry("POST", "Patient", resource=patient(), request={"ifNoneExist": KVNR})

    answer = await north.post(
        "", content=bundle(entry("POST", "Observation", resource=about) if place == "reference" else unless)
    )

    assert answer.status_code == 403
    log = (await north.get("/AuditEvent?_count=50")).json()["entry"]
    assert any(one["resource"].get("outcome") == "4" for one in log)
