"""Every interaction asks the policy twice, in SQL and on the row, and either look alone keeps a stranger out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from sqlalchemy import true
from sqlmodel import Session

from fhir.policy import Action, Protected
from fhir.store import Store
from infra.caller import Caller
from infra.clock import SystemClock
from infra.database import Database
from tests.fhir import record
from tests.fhir.record import LocalPermit, LocalPolicy, client, created, observation, patient, vault
from tests.fhir.test_bundles import bundle, entry

SECRET: Final = "Verschlossen"
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
JSON_PATCH: Final = {"content-type": "application/json-patch+json"}
MALE: Final = json.dumps([{"op": "replace", "path": "/gender", "value": "male"}])
ABOUT: Final = {"subject": {"reference": "Patient?identifier=closed"}}


class Blind(LocalPermit):
    """Admits every row."""

    def admits(self, session: Session, caller: Caller, row: Protected) -> bool:
        return True


class FilterAlone(LocalPolicy):
    """What SQL lets through is not looked at again."""

    def permit(self, caller: Caller, action: Action, type: str) -> LocalPermit:
        permit = super().permit(caller, action, type)
        return Blind(permit.clause, permit.grants, permit.changes)


class LookAlone(LocalPolicy):
    """SQL lets everything through."""

    def permit(self, caller: Caller, action: Action, type: str) -> LocalPermit:
        return replace(super().permit(caller, action, type), clause=true())


class Neither(LocalPolicy):
    """Nothing is closed to anybody."""

    def permit(self, caller: Caller, action: Action, type: str) -> LocalPermit:
        permit = super().permit(caller, action, type)
        return Blind(true(), permit.grants, permit.changes)


class Case(NamedTuple):
    """A request of a stranger."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  # nobody changes it


class Told(NamedTuple):
    """What an answer tells."""

    status: int
    secret: bool
    total: int | None


CASES: Final[dict[str, Case]] = {
    "read": Case("GET", "/Patient/{closed}"),
    "vread": Case("GET", "/Patient/{closed}/_history/1"),
    "vread of what was in a closed record": Case("GET", "/Observation/{moved}/_history/1"),
    "history": Case("GET", "/Patient/{closed}/_history"),
    "history through a closed record": Case("GET", "/Observation/{moved}/_history"),
    "history of a type": Case("GET", "/Observation/_history"),
    "history of all": Case("GET", "/_history"),
    "search": Case("GET", "/Patient"),
    "search that is counted": Case("GET", "/Patient?_summary=count"),
    "search by id": Case("GET", "/Patient?_id={closed}"),
    "search by a token": Case("GET", "/Patient?identifier=closed"),
    "search by several tokens": Case("GET", "/Patient?birthdate=ge1950-01-01&birthdate=le1999-12-30"),
    "search that opens": Case("GET", "/Patient?gender=female&_total=estimate"),
    "search by ids in order": Case("GET", "/Patient?_sort=_id"),
    "search that is sorted": Case("GET", "/Patient?_sort=birthdate"),
    "search by POST": Case("POST", "/Patient/_search", "family=Verschlossen", FORM),
    "chain": Case("GET", "/Observation?derived-from.patient.family=Verschlossen"),
    "has": Case("GET", "/Patient?_has:Observation:patient:status=amended"),
    "include": Case("GET", "/Observation?_id={own}&_include=Observation:derived-from"),
    "include of a version": Case("GET", "/Observation?_id={versioned}&_include=Observation:derived-from"),
    "revinclude": Case("GET", "/Observation?_id={moved}&_revinclude=Observation:derived-from"),
    "everything": Case("GET", "/Patient/{closed}/$everything"),
    "meta": Case("GET", "/Patient/{closed}/$meta"),
    "meta of a type": Case("GET", "/Observation/$meta"),
    "validate": Case("GET", "/Patient/{closed}/$validate"),
    "batch": Case("POST", "", bundle(entry("GET", "Patient/{closed}"), type="batch")),
    "transaction": Case("POST", "", bundle(entry("POST", "Observation", resource=observation("x", **ABOUT)))),
    "patch": Case("PATCH", "/Patient/{closed}", MALE, JSON_PATCH),
    "update": Case("PUT", "/Patient/{closed}", json.dumps(patient(id="{closed}"))),
    "delete": Case("DELETE", "/Patient/{closed}"),
}
# What SQL counts nobody looks at row by row.
COUNTED: Final = {"history through a closed record", "history of a type", "history of all", "search that is counted"}


async def world(database: Database, store: Store, grants: set[tuple[str, str]]) -> dict[str, str]:
    """The ids of what two clinics have: a closed record and an opened one, and what leads from one into the other."""
    async with client(record.app(database, store)) as north, client(record.app(database, store), "south") as south:
        closed = await created(north, patient(name=[{"family": SECRET}], identifier=[{"value": "closed"}]))
        opened = await created(north, patient())
        grants.add((store.vault.pseudonym("compartment", opened), "south"))
        noted: dict[str, Any] = {"note": [{"text": SECRET}], "meta": {"tag": [{"code": SECRET}]}}
        moved = await created(north, observation(closed, **noted))
        await north.put(f"/Observation/{moved}", content=json.dumps(observation(opened, id=moved)))
        from_moved = [{"reference": f"Observation/{moved}"}]
        hidden = await created(north, observation(closed, status="amended", derivedFrom=from_moved, **noted))
        mine = await created(south, patient())
        own = await created(south, observation(mine, derivedFrom=[{"reference": f"Observation/{hidden}"}]))
        of_version = [{"reference": f"Observation/{moved}/_history/1"}]
        versioned = await created(south, observation(mine, derivedFrom=of_version))
    return {"closed": closed, "moved": moved, "own": own, "versioned": versioned}


async def told(database: Database, store: Store, ids: dict[str, str]) -> dict[str, Told]:
    """What a stranger learns by each request."""
    found: dict[str, Told] = {}
    async with client(record.app(database, store), "south") as http:
        for name, (method, path, body, headers) in CASES.items():
            for place, id in ids.items():
                path, body = path.replace(f"{{{place}}}", id), body.replace(f"{{{place}}}", id)
            answer = await http.request(method, path, content=body, headers=headers)
            held = answer.json() if answer.content else {}
            held.pop("link", None)  # which says what was asked
            statuses = [one["response"]["status"] for one in held.get("entry", ()) if "response" in one]
            status = int(statuses[0][:3]) if name == "batch" else answer.status_code
            found[name] = Told(status, SECRET in json.dumps(held), held.get("total"))
    return found


@pytest.mark.parametrize("alone", [FilterAlone, LookAlone])
async def test_either_look_alone_tells_a_stranger_no_more_than_both(
    database: Database, tmp_path: Path, alone: type[LocalPolicy]
) -> None:
    keys, both = vault(tmp_path), LocalPolicy()
    ids = await world(database, Store(keys, both, SystemClock()), both.grants)
    expected = await told(database, Store(keys, both, SystemClock()), ids)

    found = await told(database, Store(keys, alone(both.grants), SystemClock()), ids)

    uncounted = COUNTED if alone is LookAlone else set()
    differ = {name: one for name, one in found.items() if one != expected[name] and name not in uncounted}
    assert differ == {}
    assert not any(one.secret for one in (*found.values(), *expected.values()))


async def test_without_either_every_interaction_tells_more(database: Database, tmp_path: Path) -> None:
    keys, both = vault(tmp_path), LocalPolicy()
    ids = await world(database, Store(keys, both, SystemClock()), both.grants)
    expected = await told(database, Store(keys, both, SystemClock()), ids)

    found = await told(database, Store(keys, Neither(both.grants), SystemClock()), ids)

    assert [name for name, one in found.items() if one == expected[name]] == []
