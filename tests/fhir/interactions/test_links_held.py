"""What is acknowledged holds together: every link of a transaction leads to a resource that is there."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir import resolving, rows
from fhir.choices import Choices
from fhir.store import Store
from infra.database import Database, open_database
from tests.effort import examples
from tests.fhir import record
from tests.fhir.interactions.test_transactions import REPRESENTATION, answered, binary, statuses
from tests.fhir.record import BASE, created, observation, patient
from tests.fhir.test_bundles import bundle, entry

HOUSE, *URNS = [f"urn:uuid:{n}c3151bd-1cbf-4d64-b04d-cd9187a4c6e0" for n in range(4)]
NUMBERS = count(1)


def of(number: str, **others: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": "urn:s", "value": number}], **others)


def about(urn: str) -> dict[str, Any]:
    return entry("POST", "Observation", resource=observation("x", subject={"reference": urn}))


def housed() -> dict[str, Any]:
    """A FHIRPath Patch that refers to another entry."""
    parts: list[dict[str, Any]] = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "managingOrganization"},
        {"name": "value", "valueReference": {"reference": HOUSE}},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


# What an entry may do with the patient of a number, whose id is this if there is one.
WAYS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "POST": lambda number, id: entry("POST", "Patient", resource=of(number)),
    "POST unless": lambda number, id: entry(
        "POST", "Patient", resource=of(number), request={"ifNoneExist": f"identifier=urn:s|{number}"}
    ),
    "PUT": lambda number, id: entry("PUT", f"Patient?identifier={number}", resource=of(number)),
    "PUT by id": lambda number, id: entry("PUT", f"Patient/{id}", resource=of(number, id=id)),
    "PATCH": lambda number, id: entry("PATCH", f"Patient?identifier={number}", resource=housed()),
    "PATCH by id": lambda number, id: entry("PATCH", f"Patient/{id}", resource=housed()),
    "DELETE": lambda number, id: entry("DELETE", f"Patient?identifier={number}"),
    "DELETE by id": lambda number, id: entry("DELETE", f"Patient/{id}"),
}


def links(node: Any) -> Iterator[str]:
    """All references in a resource."""
    if isinstance(node, dict):
        for name, one in node.items():
            yield from [one] if name == "reference" else links(one)
    elif isinstance(node, list):
        for one in node:
            yield from links(one)


async def lost(http: httpx.AsyncClient, entries: list[dict[str, Any]]) -> list[str]:
    """The links that lead nowhere after a transaction; none if it was refused."""
    answer = await http.post("", content=bundle(*entries), headers=REPRESENTATION)
    assert answer.status_code < 500, answer.text
    made = answer.json()["entry"] if answer.status_code == 200 else []
    wanted = {link for one in made for link in links(one.get("resource"))}
    return [link for link in wanted if (await http.get(f"/{link}")).status_code != 200]


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[tuple[str, int]], set[int], bool]:
    """What is done with which of three patients, which of them are there, and whether links come first."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.integers(0, 2)), min_size=1, max_size=3))
    return chosen, draw(st.sets(st.integers(0, 2))), draw(st.booleans())


def test_every_link_of_an_acknowledged_transaction_leads_somewhere(database_url: str, tmp_path: Path) -> None:
    async def hold(drawn: tuple[list[tuple[str, int]], set[int], bool]) -> None:
        (chosen, there, first), run = drawn, next(NUMBERS)
        ids = {n: await created(http, of(f"{run}-{n}")) for n in sorted(there)}
        urns = [urn for urn, _ in zip(URNS, chosen, strict=False)]
        parts = [
            WAYS[way](f"{run}-{n}", ids.get(n, "none")) | {"fullUrl": urn}
            for (way, n), urn in zip(chosen, urns, strict=True)
        ]
        house = entry("POST", "Organization", resource={"resourceType": "Organization", "name": "A"}, fullUrl=HOUSE)
        observed = [about(urn) for urn in urns]

        assert await lost(http, [*observed, *parts, house] if first else [house, *parts, *observed]) == []

    with asyncio.Runner() as runner:
        database = open_database(database_url)
        http = record.client(record.app(database, record.store(tmp_path)))
        examples(60)(given(requests())(lambda drawn: runner.run(hold(drawn))))()
        runner.run(http.aclose())
        runner.run(database.close())


CHANGES = {
    "POST": lambda id: entry("POST", "Patient", resource=of("1")),
    "PUT": lambda id: entry("PUT", f"Patient/{id}", resource=of("1", id=id)),
    "PATCH": lambda id: entry(
        "PATCH", f"Patient/{id}", resource=binary({"op": "replace", "path": "/identifier/0/value", "value": "1"})
    ),
}


@pytest.mark.parametrize("other", CHANGES)
@pytest.mark.parametrize("way", ["POST unless", "PUT"])
async def test_criteria_that_match_what_another_entry_writes_are_refused_naming_both(
    north: httpx.AsyncClient, way: str, other: str
) -> None:
    id = await created(north, of("9"))

    refused = await north.post(
        "", content=bundle(CHANGES[other](id), WAYS[way]("1", "") | {"fullUrl": URNS[0]}, about(URNS[0]))
    )

    assert refused.status_code == 400
    issue = refused.json()["issue"][0]
    assert (issue["code"], issue["expression"]) == ("duplicate", ["Bundle.entry[1]", "Bundle.entry[0]"])
    assert (await north.get("/Observation?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize("way", ["POST unless", "PUT"])
@pytest.mark.parametrize("other", CHANGES)
async def test_criteria_that_have_found_one_are_about_this_one_whatever_else_is_written(
    north: httpx.AsyncClient, way: str, other: str
) -> None:
    found, id = await created(north, of("1")), await created(north, of("9"))

    made = await answered(
        north, CHANGES[other](id), WAYS[way]("1", "") | {"fullUrl": URNS[0]}, about(URNS[0]), headers=REPRESENTATION
    )

    assert made[1]["resource"]["id"] == found
    assert made[2]["resource"]["subject"]["reference"] == f"Patient/{found}"


async def test_without_the_look_at_what_was_written_a_duplicate_is_made(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving.Resolver, "refuse_met", lambda *_: None)

    made = await answered(north, WAYS["POST"]("1", ""), WAYS["PUT"]("1", ""))

    assert statuses(made) == ["201", "201"]
    assert (await north.get("/Patient?identifier=1&_summary=count")).json()["total"] == 2


@pytest.mark.parametrize("there", ["nobody", "1"])
@pytest.mark.parametrize("way", ["POST unless", "PUT"])
async def test_a_patient_that_criteria_find_or_make_has_what_comes_along_in_its_record(
    north: httpx.AsyncClient, way: str, there: str
) -> None:
    await created(north, of(there))

    made = await answered(north, about(URNS[0]), WAYS[way]("1", "") | {"fullUrl": URNS[0]}, headers=REPRESENTATION)

    reference = made[0]["resource"]["subject"]["reference"]
    assert reference == f"Patient/{made[1]['resource']['id']}"
    log = (await north.get(f"/AuditEvent?patient={reference}&_count=100")).json()["entry"]
    named = {entity["what"]["reference"] for one in log for entity in one["resource"]["entity"] if "what" in entity}
    assert any(name.startswith("Observation/") for name in named)


async def test_links_lead_to_the_id_that_the_client_chose_for_what_its_criteria_make(
    database: Database, store: Store
) -> None:
    async with record.client(record.app(database, store, choices=Choices(update_creates=True))) as http:
        update = entry("PUT", "Patient?identifier=1", resource=of("1", id="mine"), fullUrl=URNS[0])

        made = await answered(http, about(URNS[0]), update, headers=REPRESENTATION)
        twice = await http.post("", content=bundle(update, entry("PUT", "Patient/mine", resource=of("2", id="mine"))))

    assert made[0]["resource"]["subject"]["reference"] == "Patient/mine"
    assert (made[1]["response"]["status"], twice.status_code) == ("201 Created", 400)


async def test_links_in_a_patch_lead_to_what_criteria_found(north: httpx.AsyncClient) -> None:
    organization = {"resourceType": "Organization", "identifier": [{"value": "7"}], "name": "A"}
    ids = [await created(north, one) for one in (organization, of("1"), of("2"))]
    house = entry("PUT", "Organization?identifier=7", resource=organization, fullUrl=HOUSE)
    operation = {"op": "add", "path": "/managingOrganization", "value": {"reference": HOUSE}}
    by_pointer = entry("PATCH", f"Patient/{ids[2]}", resource=binary(operation))

    made = await answered(north, WAYS["PATCH"]("1", ""), house, by_pointer, headers=REPRESENTATION)

    for one in (made[0], made[2]):
        assert one["resource"]["managingOrganization"] == {"reference": f"Organization/{ids[0]}"}


@pytest.mark.parametrize("type", ["batch", "transaction"])
async def test_a_patch_that_leaves_a_link_to_an_entry_is_refused_and_one_of_what_has_such_links_is_not(
    north: httpx.AsyncClient, type: str
) -> None:
    id = await created(north, observation("x", subject={"reference": URNS[0]}))
    change = {"op": "add", "path": "/performer", "value": [{"reference": URNS[1]}]}
    harmless = {"op": "replace", "path": "/status", "value": "amended"}

    async def status(operation: dict[str, Any]) -> str:
        patch = entry("PATCH", f"Observation/{id}", resource=binary(operation))
        answer = await north.post("", content=bundle(patch, type=type))
        return str(answer.json()["entry"][0]["response"]["status"][:3] if type == "batch" else answer.status_code)

    assert (await status(change), await status(harmless)) == ("422", "200")
    assert "performer" not in (await north.get(f"/Observation/{id}")).json()


async def test_criteria_in_a_reference_may_begin_with_our_own_base(north: httpx.AsyncClient) -> None:
    id = await created(north, of("1"))

    made = await answered(north, about(f"{BASE}/Patient?identifier=1"), headers=REPRESENTATION)

    assert made[0]["resource"]["subject"]["reference"] == f"Patient/{id}"


async def test_a_kept_bundle_stays_as_it_was_sent_in_a_transaction_too(north: httpx.AsyncClient) -> None:
    await created(north, of("1"))
    inner = [about(urn)["resource"] for urn in (URNS[0], "Patient?identifier=1", "Patient?identifier=none")]
    kept = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in inner]}

    made = await answered(
        north,
        entry("POST", "Bundle", resource=kept),
        WAYS["PUT"]("1", "") | {"fullUrl": URNS[0]},
        headers=REPRESENTATION,
    )

    assert made[0]["resource"]["entry"] == kept["entry"]


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_only_what_is_still_as_it_was_found_is_held(database: Database, store: Store) -> None:
    found = await database.write(lambda s: store.create(s, record.caller(), record.parsed(of("1"))))
    again = record.parsed(of("1"))
    changed = await database.write(
        lambda s: store.update(s, record.caller(), "Patient", found.id, again, if_match=None)
    )

    assert not await database.write(lambda session: rows.hold(session, [found]))
    assert await database.write(lambda session: rows.hold(session, [changed]))
