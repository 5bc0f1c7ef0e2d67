"""Whoever is shown in an answer has a line about it in the log, named by the search or not; and only they have one."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import Session

from fhir import audit, audit_event, compartments
from fhir.audit import AUDIT
from fhir.store import Store
from infra.database import Database
from tests.fhir.record import created, observation, patient
from tests.fhir.test_audit import events

LOOKS = ("search-type", "history-type", "history-instance", "operation")


class World(NamedTuple):
    """Three patients, each with a pulse; Abel measured Bach's."""

    abel: str
    bach: str
    cramer: str


async def world(http: httpx.AsyncClient) -> World:
    """Nobody has looked yet."""
    made = World(*[await created(http, patient(name=[{"family": each}])) for each in ("Abel", "Bach", "Cramer")])
    for id in made:
        by = [{"reference": f"Patient/{made.abel}"}] if id == made.bach else []
        await created(http, observation(id) | ({"performer": by} if by else {}))
    await created(http, {"resourceType": "Location", "name": "Raum 2"})
    return made


# What is asked, and who stands in the answer: a(bel), b(ach), c(ramer).
ASKED = {
    "Patient?family=Abel": "a",
    "Patient?identifier=X123456789": "abc",
    "Patient": "abc",
    "Patient?_id={a},{b}": "ab",
    "Patient?_id={a}": "a",
    "Patient?_has:Observation:patient:code=8867-4": "abc",
    "Patient?family=Nobody": "",
    "Patient?_summary=count": "",
    "Patient?_count=0": "",
    "Patient?family=Abel&_revinclude=Observation:performer": "ab",
    "Observation?_count=50": "abc",
    "Observation?patient.family=Bach": "b",
    "Observation?patient={a},{b}": "ab",
    "Observation?patient={c}": "c",
    "Observation?patient={b}&_include=Observation:performer": "ab",
    "Observation?performer=Patient/{a}": "ab",
    "Observation?code=8867-4&_include=Observation:subject&_elements=status": "abc",
    "Observation/_history": "abc",
    "_history": "abc",
    "Location": "",
    "Location?_count=50": "",
}


def lines(session: Session) -> list[tuple[int, str, str, str | None]]:
    """The looks in the log, in order."""
    wanted = select(AUDIT.c.id, AUDIT.c.tenant, AUDIT.c.action, AUDIT.c.compartment).where(AUDIT.c.action.in_(LOOKS))
    return [tuple(row) for row in session.connection().execute(wanted.order_by(AUDIT.c.id))]


def told(store: Store, who: Iterable[str]) -> set[str]:
    return {compartments.pseudonym(store.vault, id) for id in who}


def shown(answer: dict[str, Any]) -> set[str]:
    """The ids of the patients in an answer."""
    found = [entry["resource"] for entry in answer.get("entry", []) if "resource" in entry]
    found += [inner for outer in found for inner in [each.get("resource", {}) for each in outer.get("entry", [])]]
    own = {each["id"] for each in found if each.get("resourceType") == "Patient"}
    return own | {each["subject"]["reference"].removeprefix("Patient/") for each in found if "subject" in each}


async def test_everybody_in_an_answer_has_one_line_about_it(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    made = await world(north)
    before = 0

    for asked, who in ASKED.items():
        answer = await north.get("/" + asked.format(a=made.abel, b=made.bach, c=made.cramer))
        now = await database.read(lines)
        new, before = now[before:], len(now)
        told_of = [compartment for *_, compartment in new if compartment]
        expected = told(store, (id for id, letter in zip(made, "abc", strict=True) if letter in who))
        assert (answer.status_code, set(told_of), len(told_of)) == (200, expected, len(expected)), asked
        assert {tenant for _, tenant, *_ in new} == {"north"}
        # One line about the asking itself; where it names one patient, that is the patient's.
        names_one = asked in ("Patient?_id={a}", "Observation?performer=Patient/{a}") or asked.startswith(
            ("Observation?patient={b}&", "Observation?patient={c}")
        )
        assert len(new) == len(expected) + (not names_one), asked


async def test_each_page_tells_of_those_on_it(north: httpx.AsyncClient, database: Database, store: Store) -> None:
    await world(north)
    address, pages, before = "/Patient?_count=2&_sort=family", 0, 0

    while address:
        page = (await north.get(address)).json()
        now = await database.read(lines)
        assert {each for *_, each in now[before:] if each} == told(store, shown(page))
        before, pages = len(now), pages + 1
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert pages == 2


@pytest.mark.parametrize("url", ["Patient?family=Abel", "Observation?_count=50&_total=none", "Observation?date=ne2020"])
async def test_a_search_in_a_form_or_a_bundle_tells_of_the_same(
    north: httpx.AsyncClient, database: Database, store: Store, url: str
) -> None:
    await world(north)
    type, _, form = url.partition("?")
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}}]}
    whole = bundle | {"type": "transaction"}
    posted = {"content-type": "application/x-www-form-urlencoded"}

    before = 0
    for answer in (
        await north.post(f"/{type}/_search", content=form, headers=posted),
        await north.post("/", content=json.dumps(bundle)),
        await north.post("/", content=json.dumps(whole)),
    ):
        assert answer.status_code == 200 and shown(answer.json())
    now = await database.read(lines)
    assert [each for *_, each in now[before:]].count(None) == 3
    for compartment in told(store, shown(answer.json())):
        assert [each for *_, each in now].count(compartment) == 3


async def test_a_line_about_who_was_found_says_who_and_in_which_search(north: httpx.AsyncClient) -> None:
    made = await world(north)
    await north.get("/Patient?family=Abel")

    asking, found = (await events(north, "&subtype=search-type"))[:2]
    (seen,) = await events(north, f"&patient={made.abel}&subtype=search-type")

    patient = {"reference": f"Patient/{made.abel}"}
    assert seen == found
    assert [entity.get("what") for entity in found["entity"]] == [None, patient]
    assert [entity.get("what") for entity in asking["entity"]] == [None]
    assert found["entity"][0] == asking["entity"][0]


async def test_which_lines_tell_of_somebody_whom_the_search_did_not_name(
    north: httpx.AsyncClient, database: Database, store: Store
) -> None:
    made = await world(north)
    await north.get(f"/Observation?performer=Patient/{made.abel}")

    now = await database.read(lines)
    unnamed = await database.read(
        lambda session: audit_event.found_unnamed(store.vault, session, [id for id, *_ in now])
    )

    assert {compartment for id, *_, compartment in now if id in unnamed} == told(store, [made.bach])
    assert {compartment for id, *_, compartment in now if id not in unnamed} == told(store, [made.abel])


async def test_without_what_was_seen_nobody_who_was_found_would_know(
    north: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world(north)
    monkeypatch.setattr(audit, "seen", lambda _: frozenset())

    await north.get("/Patient?family=Abel")
    await north.get("/_history")

    assert [each for *_, each in await database.read(lines)] == [None, None]
