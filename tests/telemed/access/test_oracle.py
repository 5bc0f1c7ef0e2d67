"""The whole region against a brute-force oracle: no answer to anybody holds a word that was not for them."""

import json
import random
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import false, select, true
from sqlmodel import Session

from fhir import rows
from fhir.policy import Action
from fhir.rows import COMPARTMENT, HEADS, VERSIONS, Stored
from infra.caller import Caller, Role
from telemed.access.rule import CARE_GRANT, CONSENT_RULE
from tests.effort import repetitions
from tests.telemed.access.region import WORD, Region
from tests.telemed.access.test_rule import Item, Opened, Small, Told, may
from tests.telemed.access.test_table import letters_of
from tests.telemed.service import BASE, FHIR, Service


@dataclass(frozen=True)
class Kept:
    """All that the database holds: every version, and the rule's facts as the brute-force oracle takes them."""

    versions: list[Stored]
    facts: Small


def kept(session: Session, service: Service) -> Kept:
    """Everything, read past the store."""
    vault, connection, now = service.services.vault, session.connection(), service.services.clock.now()
    found = [*rows.many(session, HEADS), *rows.many(session, VERSIONS)]
    versions = [rows.opened(vault, row) for row in found]
    homes = {row.id: row.tenant for row in connection.execute(select(COMPARTMENT))}
    patients = {row.id: row.patient_id for row in connection.execute(select(COMPARTMENT))}

    def hours(moment: Any) -> int:
        return 1 if moment > now else -1

    def period(row: Any) -> tuple[int, int]:
        return hours(row._mapping["from"]), hours(row.until)

    grants = [
        Opened(row.compartment, row.tenant, *period(row), row.type, row.item)
        for row in connection.execute(select(CARE_GRANT))
    ]
    told = [
        Told(row.compartment, row.source, row.path, row.permits, row.tenant, row.type, row.item, *period(row))
        for row in connection.execute(select(CONSENT_RULE))
    ]
    return Kept(versions, Small(homes, [], grants, told, patients))


def visible(kept: Kept, caller: Caller) -> list[Stored]:
    """The versions that the caller may see, told in the plainest way: role, then scope, then row."""
    scopes = [scope.partition("/")[2].partition(".") for scope in caller.scopes]
    found = []
    for one in kept.versions:
        letters = set(letters_of(caller.role, one.type)) & set("rs")
        if caller.role is not Role.SERVICE:
            letters &= {letter for type, _, some in scopes if type in ("*", one.type) for letter in some}
        item = Item(one.id, one.type, one.tenant, one.compartment)
        if letters and may(kept.facts, item, caller=caller, action=Action.READ):
            found.append(one)
    return found


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Caller]:
    """Whoever stands here under a token is its caller."""
    known: dict[str, Caller] = {}

    async def by_token(_connection: object, authorization: str) -> Caller:
        return known[authorization.partition(" ")[2]]

    monkeypatch.setattr("telemed.identity.callers._by_token", by_token)
    return known


def asking(service: Service, callers: dict[str, Caller], caller: Caller) -> httpx.AsyncClient:
    """A client of this caller."""
    token = f"token-{len(callers)}"
    callers[token] = caller
    headers = {"Authorization": f"Bearer {token}", "Content-Type": FHIR}
    return httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url=BASE, headers=headers)


async def leaks(service: Service, region: Region, client: httpx.AsyncClient, caller: Caller) -> list[tuple[str, ...]]:
    """What was told to the caller that was not for them, of everything that can be asked."""
    found: list[tuple[str, ...]] = []
    for method, path, body, headers in region.questions():
        before = await service.services.database.read(lambda session: kept(session, service))
        seen = visible(before, caller)
        if method == "PATCH":
            headers = headers | {"Content-Type": "application/json-patch+json"}
        content = None if body is None else json.dumps(body).encode()
        answer = await client.request(method, f"/fhir/{path}".rstrip("/"), content=content, headers=headers)
        assert answer.status_code < 500, (method, path, answer.text)
        allowed = {word for one in seen for word in WORD.findall(one.body.decode())}
        own = set(WORD.findall(json.dumps(body)))
        words = set(WORD.findall(answer.text)) - allowed - own
        known = path + json.dumps(body) + " ".join(one.body.decode() + one.id for one in seen)
        hidden = {one.id for one in before.versions} - {one.id for one in seen}
        ids = set() if "AuditEvent" in path else {id for id in hidden if id in answer.text and id not in known}
        if words or ids:
            found.append((str(caller.role), method, path, *words, *ids))
        found += _counts(path, answer, seen, caller)
    return found


def _counts(path: str, answer: httpx.Response, seen: list[Stored], caller: Caller) -> list[tuple[str, ...]]:
    """A total tells of what may be seen, no more and no less."""
    type = path.removesuffix("?_summary=count")
    if answer.status_code != 200 or not type.isalpha() or type == "AuditEvent":
        return []
    present = {one.id: one for one in sorted(seen, key=lambda one: one.version) if one.type == type}
    expected = sum(not one.deleted for one in present.values())
    told = answer.json()
    total = told["total"] if told["resourceType"] == "Bundle" else expected
    return [] if total == expected else [(str(caller.role), "total", path, str(total), str(expected))]


@pytest.mark.parametrize("seed", range(repetitions(2)))
async def test_no_answer_holds_what_is_not_for_the_caller(
    service: Service, callers: dict[str, Caller], seed: int
) -> None:
    region = Region(service.services, random.Random(seed))
    await region.fill()

    for _ in range(6):
        caller = region.caller()
        async with asking(service, callers, caller) as client:
            assert await leaks(service, region, client, caller) == [], caller


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("guard", ["_denied", "_granted", "_home"])
async def test_a_twin_whose_filter_lacks_a_part_is_noticed(
    service: Service, callers: dict[str, Caller], guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"telemed.access.rule.{guard}", lambda *_, **__: false() if guard == "_denied" else true())
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)

    region = Region(service.services, random.Random(1))
    await region.fill()
    asked_by = [Caller(tenant, "twin", Role.SYSTEM, frozenset({"system/*.rs"})) for tenant in region.tenants]
    found: list[tuple[str, ...]] = []
    for caller in asked_by * 3:
        async with asking(service, callers, caller) as client:
            found = found or await leaks(service, region, client, caller)

    assert found
