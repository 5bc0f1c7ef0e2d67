"""The whole region against a brute-force oracle: no answer to anybody holds a word that was not for them."""

import json
import random
from dataclasses import dataclass
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import false, select, true
from sqlmodel import Session

from fhir import rows
from fhir.policy import Action
from fhir.rows import COMPARTMENT, HEADS, RESTRICTION, VERSIONS, Stored
from infra.caller import Caller, Role
from infra.database import PostgresDatabase
from telemed.access import rule
from telemed.access.rule import CARE_GRANT, CONSENT_RULE, Reach, Standing
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.identity.models import Clinician
from telemed.identity.sessions import SignedIn
from tests.effort import examples
from tests.telemed.access.region import WORD, Region
from tests.telemed.access.test_rule import Item, Opened, Small, Told, may
from tests.telemed.access.test_strangers import ABSENT, QUESTIONS, Question, asked, seen_by
from tests.telemed.access.test_table import letters_of
from tests.telemed.service import BASE, FHIR, Service

IN_THE_CONSOLE = frozenset(
    {Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR, Role.RECEPTIONIST, Role.PRIVACY_OFFICER, Role.RELEASE_BOARD}
)
# Of a stranger's questions those that name one resource; the log tells whom it knows from whom it does not.
ABOUT_ONE = [question for question in QUESTIONS if "AuditEvent" not in question[1]]


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

    def hours(moment: Any) -> float:
        return float((moment - now).total_seconds()) / 3600

    def period(row: Any) -> tuple[float, float]:
        return hours(row._mapping["from"]), hours(row.until)

    grants = [
        Opened(row.compartment, row.tenant, *period(row), row.type, row.item, kind=row.kind)
        for row in connection.execute(select(CARE_GRANT))
    ]
    told = [
        Told(row.compartment, row.source, row.path, row.permits, row.tenant, row.type, row.item, *period(row))
        for row in connection.execute(select(CONSENT_RULE))
    ]
    restricted = {
        row.compartment: (hours(row.since), hours(row.until)) for row in connection.execute(select(RESTRICTION))
    }
    return Kept(versions, Small(homes, [], grants, told, patients, restricted))


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


class Callers(dict[str, Caller]):
    """Callers by token."""

    def __repr__(self) -> str:
        """So many; hypothesis refuses to print more."""
        return f"{len(self)} callers"


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> Callers:
    """Whoever stands here under a token, or a console's cookie, is its caller."""
    known = Callers()

    async def by_token(_connection: object, authorization: str) -> Caller:
        return known[authorization.partition(" ")[2]]

    async def by_cookie(_services: object, secret: str) -> SignedIn:
        caller = known[secret]
        return SignedIn(
            Clinician(
                id=caller.subject, tenant=caller.tenant, practitioner_id=caller.subject, role=caller.role, active=True
            ),
            stale=False,
        )

    monkeypatch.setattr("telemed.identity.callers._by_token", by_token)
    monkeypatch.setattr("telemed.identity.callers._signed_in", by_cookie)
    return known


def asking(service: Service, callers: Callers, caller: Caller) -> httpx.AsyncClient:
    """A client of this caller, and for a clinician a browser in the console."""
    token = f"token-{len(callers)}"
    callers[token] = caller
    headers = {"Authorization": f"Bearer {token}", "Content-Type": FHIR}
    transport, cookies = httpx.ASGITransport(service.app), {"telemed_session": token}
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers, cookies=cookies)


async def leaks(service: Service, region: Region, client: httpx.AsyncClient, caller: Caller) -> list[tuple[str, ...]]:
    """What was told to the caller that was not for them, of everything that can be asked."""
    found: list[tuple[str, ...]] = []
    asked = [(question, caller) for question in region.questions()]
    if caller.role in IN_THE_CONSOLE:
        at_work = caller._replace(scopes=CONSOLE_SCOPES)
        asked += [(question, at_work) for question in region.pages()]
    before: Kept | None = None
    for (method, path, body, headers), acting in asked:
        if before is None:
            before = await service.services.database.read(lambda session: kept(session, service))
        seen, current = visible(before, acting), newest(before.versions)
        hidden = {one.id for one in before.versions} - {one.id for one in seen}
        if method != "GET":
            before = None  # it may have written
        if method == "PATCH":
            headers = headers | {"Content-Type": "application/json-patch+json"}
        content = None if body is None else json.dumps(body).encode()
        answer = await client.request(method, path, content=content, headers=headers)
        assert answer.status_code < 500, (method, path, answer.text)
        allowed = {word for one in seen for word in WORD.findall(one.body.decode())}
        own = set(WORD.findall(json.dumps(body)))
        words = set(WORD.findall(answer.text)) - allowed - own
        known = path + json.dumps(body) + " ".join(one.body.decode() + one.id for one in seen)
        ids = set() if "AuditEvent" in path else {id for id in hidden if id in answer.text and id not in known}
        if words or ids:
            found.append((str(acting.role), method, path, *words, *ids))
        counts = _counts(path, answer, [one for one in seen if (one.id, one.version) in current], acting)
        # The second net knows no roles: of a restricted record it gives the platform itself less, never more.
        is_netted = acting.role is Role.SERVICE and isinstance(service.services.database, PostgresDatabase)
        found += [line for line in counts if not is_netted or int(line[3]) > int(line[4])]
    return found


def newest(versions: list[Stored]) -> set[tuple[str, int]]:
    """Id and present version of each resource: one that moved to where it is hidden is not there in the one before."""
    return set({one.id: one.version for one in sorted(versions, key=lambda one: one.version)}.items())


def _counts(path: str, answer: httpx.Response, seen: list[Stored], caller: Caller) -> list[tuple[str, ...]]:
    """A total tells of what may be seen at present, no more and no less."""
    type = path.removeprefix("/fhir/").removesuffix("?_summary=count")
    if answer.status_code != 200 or not type.isalpha() or type == "AuditEvent":
        return []
    expected = sum(not one.deleted for one in seen if one.type == type)
    told = answer.json()
    total = told["total"] if told["resourceType"] == "Bundle" else expected
    return [] if total == expected else [(str(caller.role), "total", path, str(total), str(expected))]


# A smaller region is another one, as all of it hangs on the dice: looking for the smallest takes minutes and shows nothing.
QUICKLY = (Phase.explicit, Phase.reuse, Phase.generate)
SEEDS = st.integers(0, 2**32 - 1)
SOMEBODY = st.tuples(st.sampled_from(Role), st.integers(0, 2), st.sampled_from(["wide", "looking", "narrow"]))


@given(seed=SEEDS, who=st.lists(SOMEBODY, min_size=2, max_size=2, unique=True))
@example(seed=884202, who=[(Role.SYSTEM, 1, "narrow"), (Role.RELEASE_BOARD, 1, "looking")])  # may see nothing at all
@example(seed=36479, who=[(Role.NURSE, 1, "narrow"), (Role.RELEASE_BOARD, 1, "looking")])  # a restriction is over
@settings(examples(6), phases=QUICKLY)
async def test_no_answer_holds_what_is_not_for_the_caller(
    service: Service, callers: Callers, seed: int, who: list[tuple[Role, int, str]]
) -> None:
    region = Region(service.services, random.Random(seed))
    await region.fill()

    for role, place, breadth in who:
        caller = region.caller(role, place=place, breadth=breadth)
        async with asking(service, callers, caller) as client:
            assert await leaks(service, region, client, caller) == [], caller


@given(seed=SEEDS, somebody=SOMEBODY, question=st.sampled_from(ABOUT_ONE))
@settings(examples(24), phases=QUICKLY)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_is_hidden_costs_what_nothing_costs(
    service: Service,
    callers: Callers,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    somebody: tuple[Role, int, str],
    question: Question,
) -> None:
    region = Region(service.services, random.Random(seed))
    await region.fill()
    caller = region.caller(somebody[0], place=somebody[1], breadth=somebody[2])
    stored = await service.services.database.read(lambda session: kept(session, service))
    hidden = sorted(
        {one.id for one in stored.versions if one.type == "Patient"} - {o.id for o in visible(stored, caller)}
    )
    assume(hidden)

    async with asking(service, callers, caller) as client:
        await asked(client, question, ABSENT)
        of_hidden = await seen_by(service, client, question, hidden[0], monkeypatch)
        of_absent = await seen_by(service, client, question, _absent(hidden[0]), monkeypatch)

    assert of_hidden == of_absent


def _absent(id: str) -> str:
    return id[:-1] + ("0" if id[-1] != "0" else "1")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("guard", ["_denied", "_granted", "_home"])
async def test_a_twin_whose_filter_lacks_a_part_is_noticed(
    service: Service, callers: Callers, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"telemed.access.rule.{guard}", lambda *_, **__: false() if guard == "_denied" else true())
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)

    assert await _leaking(service, callers, Role.SYSTEM)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_twin_whose_console_asks_without_the_clinicians_rights_is_noticed(
    service: Service, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = rule.clause(Reach.REGION, Standing(""), now=service.services.clock.now)
    monkeypatch.setattr("telemed.access.policy.clause", lambda *_, **__: everything)
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)
    monkeypatch.setattr("telemed.console.chart.holder", lambda *_, **__: ANY)  # whoever has an appointment holds it
    monkeypatch.setattr(Region, "questions", lambda _: iter(()))

    assert await _leaking(service, callers, Role.PHYSICIAN)


async def _leaking(service: Service, callers: Callers, role: Role) -> list[tuple[str, ...]]:
    """What somebody of this role hears that is not for them; looked for in one region after the other."""
    for seed in range(1, 9):
        region = Region(service.services, random.Random(seed))
        await region.fill()
        for place in (0, 1, 2) * 2:
            caller = region.caller(role, place=place, breadth="looking")
            async with asking(service, callers, caller) as client:
                if found := await leaks(service, region, client, caller):
                    return found
    return []
