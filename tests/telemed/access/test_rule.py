"""The rule in SQL, the rule in memory and a brute-force oracle agree on every small world."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, create_engine, insert, select, true
from sqlmodel import Session, SQLModel

from fhir.policy import REGION_WIDE, Action
from fhir.rows import COMPARTMENT, RESOURCE
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Database
from infra.problems import Forbidden
from telemed.access import rule
from telemed.access.policy import CarePolicy
from telemed.access.rule import CARE_GRANT

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TENANTS = ("a", "b", "c")
TYPES = ("Patient", "Appointment", "Observation", "Organization", "Slot", "Questionnaire")
SCOPES = frozenset({"system/*.cruds", "user/*.cruds", "patient/*.cruds"})


# Whom a grant lets in: everybody of the tenant, or one person in an emergency.
SUBJECTS = ("", "eva", "ole")


@dataclass(frozen=True)
class Item:
    """A resource of a small world; `compartment` is an index into the homes."""

    id: str
    type: str
    tenant: str
    compartment: str | None


@dataclass(frozen=True)
class Opened:
    """A grant of a small world, in hours from now."""

    compartment: str
    tenant: str
    since: int
    until: int
    subject: str = ""


@dataclass(frozen=True)
class Small:
    """A small world: whose patients there are, what was written, who was let in."""

    homes: dict[str, str]
    items: list[Item]
    grants: list[Opened]


@st.composite
def worlds(draw: st.DrawFn) -> Small:
    return _world(draw(st.randoms(use_true_random=False)))


def _world(dice: random.Random) -> Small:
    homes = {f"compartment-{n}": dice.choice(TENANTS) for n in range(dice.randint(1, 3))}
    items = [
        Item(f"item-{n}", dice.choice(TYPES), dice.choice(TENANTS), dice.choice([None, *homes]))
        for n in range(dice.randint(0, 12))
    ]
    grants = [
        Opened(
            dice.choice(list(homes)),
            dice.choice(TENANTS),
            dice.randint(-2, 1),
            dice.randint(-1, 2),
            dice.choice(SUBJECTS),
        )
        for _ in range(dice.randint(0, 4))
    ]
    return Small(homes, items, grants)


def oracle(small: Small, caller: Caller, action: Action) -> set[str]:
    """What the caller may reach, said once more in the plainest way."""
    return {item.id for item in small.items if _may(small, item, caller=caller, action=action)}


def _may(small: Small, item: Item, *, caller: Caller, action: Action) -> bool:
    if caller.role is Role.PATIENT:
        return item.type == "Appointment" and item.id == caller.subject
    at_home = item.compartment is not None and small.homes[item.compartment] == caller.tenant
    known_as = ("", caller.subject) if caller.purpose == "ETREAT" else ("",)
    let_in = any(
        grant.compartment == item.compartment and grant.tenant == caller.tenant and grant.since <= 0 < grant.until
        for grant in small.grants
        if grant.subject in known_as
    )
    if action.changes:
        return item.tenant == caller.tenant and (item.compartment is None or at_home or let_in)
    return item.type in REGION_WIDE or item.tenant == caller.tenant or at_home or let_in


def fill(session: Session, small: Small) -> None:
    """Write the world's rows as they are, without a store."""
    common = {"version": 1, "deleted": False, "last_updated": NOW, "data_key": 1, "body": b""}
    rows = [
        common | {"rid": n, "id": item.id, "type": item.type, "tenant": item.tenant, "compartment": item.compartment}
        for n, item in enumerate(small.items)
    ]
    homes = [{"id": c, "tenant": t, "patient_id": f"p-{c}", "person": c} for c, t in small.homes.items()]
    grants = [
        {"compartment": g.compartment, "tenant": g.tenant, "kind": "x", "source": "x/1", "granted_by": "a"}
        | {"subject": g.subject}
        | {"from": NOW + timedelta(hours=g.since), "until": NOW + timedelta(hours=g.until), "asked_until": NOW}
        for g in small.grants
    ]
    for table, content in ((RESOURCE, rows), (COMPARTMENT, homes), (CARE_GRANT, grants)):
        if content:
            session.connection().execute(insert(table), content)


def disagreements(session: Session, small: Small) -> list[tuple[object, ...]]:
    """Where the three tellings of the rule differ, for every caller, type and action."""
    policy = CarePolicy(FixedClock(NOW))
    found: list[tuple[object, ...]] = []
    for caller in callers():
        for action in (Action.READ, Action.UPDATE):
            for type in TYPES:
                expected = {id for id in oracle(small, caller, action) if _type(small, id) == type}
                try:
                    permit = policy.permit(caller, action, type)
                except Forbidden:
                    continue
                statement = select(RESOURCE.c.id).where(RESOURCE.c.type == type, permit.clause)
                by_sql = set(session.connection().execute(statement).scalars())
                mine = [item for item in small.items if item.type == type]
                by_rule = {item.id for item in mine if permit.admits(session, caller, item)}
                if not by_sql == by_rule == expected:
                    found.append((caller.tenant, caller.role, action, type, by_sql, by_rule, expected))
    return found


def callers() -> Iterator[Caller]:
    """A caller of each kind in each tenant."""
    for tenant in TENANTS:
        for role in (Role.SYSTEM, Role.PATIENT):
            yield Caller(tenant, "item-1", role, SCOPES)
        # Somebody at their daily work, and in an emergency in which they may have broken glass.
        for purpose in ("TREAT", "ETREAT"):
            yield Caller(tenant, SUBJECTS[1], Role.PHYSICIAN, SCOPES, purpose)


def _type(small: Small, id: str) -> str:
    return next(item.type for item in small.items if item.id == id)


@contextmanager
def memory() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine, tables=[RESOURCE, COMPARTMENT, CARE_GRANT])
    with Session(engine) as session:
        yield session
    engine.dispose()


@given(worlds())
def test_sql_memory_and_oracle_agree(small: Small) -> None:
    with memory() as session:
        fill(session, small)

        assert disagreements(session, small) == []


@pytest.mark.parametrize("seed", range(3))
async def test_they_agree_on_both_databases(database: Database, seed: int) -> None:
    small = _world(random.Random(seed))

    def unit(session: Session) -> list[tuple[object, ...]]:
        fill(session, small)
        return disagreements(session, small)

    assert await database.write(unit) == []


Clause = ColumnElement[bool]


def _open_to_all(*_: object) -> Clause:
    return true()


def _closed_to_all(*_: object) -> Clause:
    return ~true()


@pytest.mark.parametrize("name", ["_home", "_granted", "_valid"])
@pytest.mark.parametrize("broken", [_open_to_all, _closed_to_all])
def test_a_broken_part_of_the_clause_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., Clause]
) -> None:
    monkeypatch.setattr(rule, name, broken)

    assert any(_noticed(seed) for seed in range(20))


def _noticed(seed: int) -> bool:
    small = _world(random.Random(seed))
    with memory() as session:
        fill(session, small)
        return disagreements(session, small) != []


@pytest.mark.parametrize("answer", [True, False])
def test_a_broken_rule_in_memory_is_noticed(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: answer)

    with memory() as session:
        small = _world(random.Random(1))
        fill(session, small)

        assert disagreements(session, small) != []


def test_daily_work_that_gets_in_by_an_emergency_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemed.access.policy.in_emergency", lambda caller: caller.subject)

    assert any(_noticed(seed) for seed in range(20))
