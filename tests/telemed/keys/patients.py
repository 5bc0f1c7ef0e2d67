"""Patients of a clinic to rotate, erase, back up and restore; and what can still be seen of one."""

import json
from typing import Any

import httpx
from sqlalchemy import text

from fhir.compartments import pseudonym
from infra.caller import Caller, Role
from infra.database import Database
from infra.vault import Vault
from telemed.keys.erasing import Order
from tests.fhir.record import observation, patient

OPERATOR = Caller("", "tests", Role.OPERATOR, purpose="PATADMIN")


async def registered(http: httpx.AsyncClient, family: str, *, treated: bool = False) -> str:
    """The id of a new patient; with something of a treatment in the record if there was one."""
    id = await created(http, patient(name=[{"family": family}]))
    if treated:
        await created(http, observation(id))
    return id


async def created(http: httpx.AsyncClient, resource: dict[str, Any]) -> str:
    """The id of a new resource."""
    answer = await http.post(f"/fhir/{resource['resourceType']}", content=json.dumps(resource))
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


async def found(http: httpx.AsyncClient, family: str) -> list[str]:
    """The ids of the patients whom a search finds."""
    answer = await http.get("/fhir/Patient", params={"family": family})
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


async def status(http: httpx.AsyncClient, id: str) -> int:
    """What a read of a patient answers."""
    return (await http.get(f"/fhir/Patient/{id}")).status_code


def order(id: str) -> Order:
    """An order to erase a patient's record."""
    return Order(id, OPERATOR, "asked for it")


async def left(database: Database, vault: Vault, id: str) -> dict[str, int]:
    """How many rows still name a patient's compartment, id or scope, by table; and data keys and tokens without a row."""
    compartment = pseudonym(vault, id)
    asked = {
        "data_key": f"SELECT count(*) FROM data_key WHERE scope = 'c:{compartment}'",
        "token": "SELECT count(*) FROM token WHERE rid NOT IN (SELECT rid FROM resource)",
        "unique_token": "SELECT count(*) FROM unique_token WHERE rid NOT IN (SELECT rid FROM resource)",
        "compartment": f"SELECT count(*) FROM compartment WHERE patient_id = '{id}'",
        **{
            table: f"SELECT count(*) FROM {table} WHERE compartment = '{compartment}'"
            for table in (
                *("resource", "resource_history", "care_grant", "consent_rule", "notice", "sink_message"),
                *("person_question", "person_refusal", "letter_code", "my_session"),
            )
        },
        "person_link": f"SELECT count(*) FROM person_link WHERE one = '{compartment}' OR other = '{compartment}'",
    }
    counts = await database.read(
        lambda session: {name: session.connection().execute(text(sql)).scalar_one() for name, sql in asked.items()}
    )
    return {name: count for name, count in counts.items() if count}
