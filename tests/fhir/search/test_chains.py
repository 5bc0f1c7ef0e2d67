"""Chains, `_has`, includes and sorting over HTTP: what they find, and that they never lead to what is closed."""

from typing import Any

import httpx
import pytest

from fhir.policy import Action
from fhir.search import asking, chains, hits, includes, pages, plans
from fhir.store import Store
from tests.fhir import record
from tests.fhir.record import created, observation, patient
from tests.fhir.test_search_pages import all_ids, link

MADE_UP: dict[str, Any] = {"resourceType": "Practitioner", "name": [{"family": "Feldmann"}]}


def encounter(patient_id: str, **others: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient_id}"},
    } | others


async def ids(http: httpx.AsyncClient, address: str, *, mode: str = "match") -> list[str]:
    answer = await http.get(address)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode]


async def test_a_chain_finds_by_what_the_reference_leads_to(north: httpx.AsyncClient) -> None:
    one = await created(north, patient())
    other = await created(north, patient(name=[{"family": "Beispiel"}]))
    about = await created(north, observation(one))
    await created(north, observation(other))

    for query in ("patient.family=muster", "subject:Patient.family=muster", "patient.birthdate=1964&status=final"):
        assert about in await ids(north, f"/Observation?{query}")
    assert await ids(north, "/Observation?patient.family=muster") == [about]
    assert await ids(north, "/Observation?patient.family=niemand") == []


async def test_a_chain_goes_through_three_references(north: httpx.AsyncClient) -> None:
    clinic = await created(north, {"resourceType": "Organization", "name": "Praxis Nord"})
    person = await created(north, patient(managingOrganization={"reference": f"Organization/{clinic}"}))
    visit = await created(north, encounter(person))
    about = await created(north, observation(person, encounter={"reference": f"Encounter/{visit}"}))
    await created(north, observation(person))

    assert await ids(north, "/Observation?encounter.patient.organization.name=praxis") == [about]
    assert (await north.get("/Observation?encounter.patient.organization.partof.name=x")).status_code == 400


async def test_has_finds_by_what_refers_to_the_resource(north: httpx.AsyncClient) -> None:
    one, other = await created(north, patient()), await created(north, patient())
    visit = await created(north, encounter(other))
    await created(north, observation(one, status="final"))
    await created(north, observation(other, status="amended", encounter={"reference": f"Encounter/{visit}"}))

    assert await ids(north, "/Patient?_has:Observation:patient:status=final") == [one]
    assert await ids(north, "/Patient?_has:Observation:patient:code=8867-4") == [other, one]
    assert await ids(north, "/Patient?_has:Encounter:patient:_has:Observation:encounter:status=amended") == [other]


@pytest.mark.parametrize("first", [True, False])
async def test_it_does_not_matter_which_side_of_a_chain_is_searched_first(
    north: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    first: bool,  # noqa: FBT001  a column of the table
) -> None:
    monkeypatch.setattr(chains, "_goes_first", lambda *_: first)
    monkeypatch.setattr(chains, "BATCH", 2)
    people = [await created(north, patient(gender="male" if n % 2 else "female")) for n in range(6)]
    about = [await created(north, observation(person)) for person in people]

    found = await all_ids(north, "/Observation?patient.gender=male&_count=2")
    had = await all_ids(north, "/Patient?_has:Observation:patient:status=final&gender=female&_count=2")

    assert found == about[1::2][::-1]
    assert had == people[::2][::-1]


async def test_what_is_closed_is_not_found_through_a_chain_or_has(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    stranger = await created(south, patient())
    # North may write about somebody it can't see, and the reference is there for it to read.
    mine = await created(north, observation(stranger))
    await created(south, observation(stranger, status="amended"))
    own = await created(north, patient())
    await created(south, observation(own, status="amended"))

    assert await ids(south, "/Observation?patient.family=muster&status=amended") != []
    assert mine not in await ids(north, "/Observation?patient.family=muster")
    assert await ids(north, "/Patient?_has:Observation:patient:status=amended") == []


async def test_the_permit_is_what_keeps_a_chain_closed(
    north: httpx.AsyncClient, south: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = await created(south, patient())
    mine = await created(north, observation(stranger))
    everything = store.policy.permit(record.caller("south"), Action.SEARCH, "Patient")
    own = asking.Asker.permit
    monkeypatch.setattr(everything, "admits", lambda *_: True)
    monkeypatch.setattr(asking.Asker, "permit", lambda self, type: everything if type == "Patient" else own(self, type))

    assert mine in await ids(north, "/Observation?patient.family=muster")


async def test_a_chain_to_a_type_out_of_scope_is_refused(north: httpx.AsyncClient, policy: record.LocalPolicy) -> None:
    await created(north, observation(await created(north, patient())))
    policy.closed.add("Patient")

    assert (await north.get("/Observation?patient.family=muster")).status_code == 403
    assert (await north.get("/Observation?encounter.patient.family=muster")).status_code == 403
    assert (await north.get("/Observation?_has:Encounter:reason-reference:patient.family=muster")).status_code == 403


async def test_includes_bring_what_the_hits_refer_to_once(north: httpx.AsyncClient) -> None:
    doctor = await created(north, MADE_UP)
    person = await created(north, patient(generalPractitioner=[{"reference": f"Practitioner/{doctor}"}]))
    for _ in range(3):
        await created(north, observation(person, performer=[{"reference": f"Practitioner/{doctor}"}]))

    assert await ids(north, "/Observation?_include=Observation:patient", mode="include") == [person]
    assert await ids(north, "/Observation?_include=Observation:subject:Group", mode="include") == []
    assert set(await ids(north, "/Observation?_include=*", mode="include")) == {person, doctor}
    further = "/Observation?_include=Observation:patient&_include:iterate=Patient:general-practitioner"
    assert await ids(north, further, mode="include") == [person, doctor]
    assert (await north.get(further)).json()["total"] == 3


async def test_a_reverse_include_brings_what_refers_to_the_hits(north: httpx.AsyncClient) -> None:
    person, other = await created(north, patient()), await created(north, patient())
    visit = await created(north, encounter(person))
    about = await created(north, observation(person, encounter={"reference": f"Encounter/{visit}"}))
    await created(north, observation(other))

    assert await ids(north, f"/Patient?_id={person}&_revinclude=Observation:patient", mode="include") == [about]
    both = f"/Patient?_id={person}&_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter"
    assert set(await ids(north, both, mode="include")) == {visit, about}


async def test_a_reference_to_a_version_includes_that_version(north: httpx.AsyncClient) -> None:
    person = await created(north, patient(gender="male"))
    await north.put(f"/Patient/{person}", json=patient(id=person, gender="other"))
    await created(north, observation(person, subject={"reference": f"Patient/{person}/_history/1"}))

    answer = (await north.get("/Observation?_include=Observation:patient")).json()

    assert [entry["resource"].get("gender") for entry in answer["entry"]] == [None, "male"]


async def test_nothing_closed_is_included(north: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    stranger = await created(south, patient())
    await created(north, observation(stranger))
    own = await created(north, patient())
    await created(south, observation(own, subject={"reference": f"Patient/{own}/_history/1"}))

    assert await ids(north, "/Observation?_include=Observation:patient", mode="include") == []
    assert await ids(south, "/Observation?_include=Observation:patient", mode="include") == []
    assert await ids(north, f"/Patient?_id={own}&_revinclude=Observation:patient", mode="include") == []


async def test_what_is_cut_from_the_includes_is_told(north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MOST_INCLUDED", 2)
    person = await created(north, patient())
    for _ in range(3):
        await created(north, observation(person))

    answer = (await north.get("/Patient?_revinclude=Observation:patient")).json()

    assert [entry["search"]["mode"] for entry in answer["entry"]] == ["match", "include", "include", "outcome"]
    assert answer["entry"][-1]["resource"]["issue"][0]["code"] == "incomplete"


async def test_several_keys_sort_with_what_is_missing_last(north: httpx.AsyncClient) -> None:
    def person(family: str, born: str | None) -> dict[str, Any]:
        made = patient(name=[{"family": family}], birthDate=born)
        return {key: value for key, value in made.items() if value is not None}

    rows = [("Ötker", "1990"), ("adler", "1980-05-01"), ("Adler", "1970"), ("Zander", None)]
    made = {row: await created(north, person(*row)) for row in rows}
    names = {id: row for row, id in made.items()}

    async def order(sort: str) -> list[tuple[str, str | None]]:
        return [names[id] for id in await all_ids(north, f"/Patient?_sort={sort}&_count=1")]

    ascending = [rows[2], rows[1], rows[0], rows[3]]
    assert await order("family,birthdate") == ascending
    assert await order("birthdate") == ascending
    assert await order("-birthdate") == [rows[0], rows[1], rows[2], rows[3]]
    assert await order("-family,-birthdate") == [rows[3], rows[0], rows[1], rows[2]]
    assert await order("_id") == rows
    assert await order("-_id,family") == rows[::-1]


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("sort", ["", "&_sort=family", "&_sort=_lastUpdated", "&_sort=-_lastUpdated", "&_sort=-_id"])
@pytest.mark.parametrize("query", ["", "&identifier=X123456789", "&gender=female"])
async def test_writes_between_two_pages_repeat_nothing_and_lose_nothing_unchanged(
    north: httpx.AsyncClient, sort: str, query: str
) -> None:
    made = [await created(north, patient(name=[{"family": f"M{n}"}])) for n in range(8)]

    page = await north.get(f"/Patient?_count=3{query}{sort}")
    seen = [entry["resource"]["id"] for entry in page.json()["entry"]]
    await north.put(f"/Patient/{seen[0]}", json=patient(id=seen[0], name=[{"family": "Zz"}]))
    unseen = [id for id in made if id not in seen]
    await north.put(f"/Patient/{unseen[1]}", json=patient(id=unseen[1], name=[{"family": "Aa"}]))
    await north.delete(f"/Patient/{unseen[2]}")
    await created(north, patient(name=[{"family": "M4"}]))
    rest = await all_ids(north, link(page, "next"))

    assert len({*seen, *rest}) == len(seen) + len(rest)
    assert {*made} - {unseen[1], unseen[2]} <= {*seen, *rest}
    assert unseen[2] not in rest


async def test_an_order_that_would_open_too_much_is_refused(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_SORTED", 2)
    for _ in range(3):
        await created(north, patient())

    refused = await north.get("/Patient?_sort=family")

    assert refused.status_code == 422
    assert refused.json()["issue"][0]["code"] == "too-costly"


async def test_large_sets_of_tokens_are_read_in_order_and_in_steps(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "NARROW", 2)
    made = [await created(north, patient(birthDate=f"19{60 + n}-01-01")) for n in range(9)]

    assert await all_ids(north, "/Patient?birthdate=ge1962&_count=2") == made[:1:-1]
    assert (await north.get("/Patient?birthdate=ge1962&_count=2")).json()["total"] == 7
    assert await all_ids(north, "/Patient?birthdate=1961,1964,1968&_count=2") == [made[8], made[4], made[1]]


async def test_parts_of_the_hits_come_as_they_were_sent(north: httpx.AsyncClient) -> None:
    await created(north, observation(await created(north, patient()), note=[{"text": "x"}]))

    found = (await north.get("/Observation?_elements=valueQuantity&_include=Observation:patient")).json()["entry"]
    summary = (await north.get("/Observation?_summary=true")).json()["entry"][0]["resource"]

    assert set(found[0]["resource"]) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert "name" not in found[1]["resource"]
    assert "note" not in summary
    assert [tag["code"] for tag in summary["meta"]["tag"]] == ["SUBSETTED"]


async def test_lenient_handling_tells_what_it_left_out_and_links_to_what_it_understood(
    north: httpx.AsyncClient,
) -> None:
    for _ in range(2):
        await created(north, patient())

    lenient = {"prefer": "handling=lenient"}
    answer = await north.get("/Patient?favourite=x&family=muster&_count=1", headers=lenient)
    rest = await north.get(link(answer, "next"))

    assert link(answer, "self").endswith("/Patient?family=muster&_count=1")
    assert [entry["search"]["mode"] for entry in answer.json()["entry"]] == ["match", "outcome"]
    assert "favourite" in answer.json()["entry"][1]["resource"]["issue"][0]["diagnostics"]
    assert len(rest.json()["entry"]) == 1
    assert link(rest, "first")
    assert (await north.get("/Patient?favourite=x&family=muster")).status_code == 400


async def test_totals_are_told_as_they_were_asked_for(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await created(north, patient())

    async def total(query: str) -> int | None:
        number: int | None = (await north.get(f"/Patient?{query}")).json().get("total")
        return number

    assert await total("gender=female&_total=estimate&_count=2") == 4
    monkeypatch.setattr(pages, "ESTIMATED", 3)
    assert await total("gender=female&_total=estimate&_count=2") == 3
    assert await total("gender=female&_count=2") == 4
    assert await total("gender=female&_total=none") is None
    monkeypatch.setattr(hits, "MOST_OPENED", 3)
    refused = await north.get("/Patient?gender=female&_count=1")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
    assert "_total=none" in refused.json()["issue"][0]["diagnostics"]


async def test_a_search_over_several_types_is_refused_by_name(north: httpx.AsyncClient) -> None:
    for answer in (await north.get("?_type=Patient,Observation"), await north.post("/_search", content=b"")):
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "not-supported"), answer.text


@pytest.mark.parametrize("sort", ["_lastUpdated", "-_lastUpdated", "_id", "-_id"])
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_order_that_the_index_does_not_have_keeps_to_what_was_asked(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(plans, "SORTABLE", 1)
    one, other = await created(north, patient()), await created(north, patient())
    made = [await created(north, observation(person)) for person in (one, other, one, other, one)]

    found = await all_ids(north, f"/Observation?patient={one}&_sort={sort}&_count=2")

    assert found == (made[::-2] if sort.startswith("-") else made[::2])


async def test_to_include_more_than_can_be_looked_for_is_too_costly(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [{"entity": {"reference": f"Patient/absent-{n}"}} for n in range(50)]
    await created(north, {"resourceType": "Group", "type": "person", "actual": True, "member": members})
    asked = "/Group?_include=Group:member"
    assert (await north.get(asked)).status_code == 200

    monkeypatch.setattr(includes, "MOST_OPENED", 20)
    refused = await north.get(asked)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
