"""The rule in SQL, the rule in memory and a brute-force oracle agree on every small world."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, create_engine, insert, select, true
from sqlmodel import Session, SQLModel

from fhir.policy import REGION_WIDE, Action
from fhir.rows import COMPARTMENT, RESOURCE, RESTRICTION
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Database
from infra.problems import Forbidden
from telemed.access import rule
from telemed.access.policy import CarePolicy
from telemed.access.rule import CARE_GRANT, CONSENT_RULE

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TENANTS = ("a", "b", "c")
TYPES = ("Patient", "Appointment", "Observation", "Organization", "Slot", "Questionnaire", "Task", "Consent")
SCOPES = frozenset({"system/*.cruds", "user/*.cruds", "patient/*.cruds"})


# Whom a grant lets in: everybody of the tenant, or one person in an emergency.
SUBJECTS = ("", "eva", "ole")
# As many as it takes until one of them has what a broken part is about.
WORLDS = 120


@dataclass(frozen=True)
class Item:
    """A resource of a small world; `compartment` is an index into the homes."""

    id: str
    type: str
    tenant: str
    compartment: str | None
    restricted: bool = False


@dataclass(frozen=True)
class Opened:
    """A grant of a small world, in hours from now."""

    compartment: str
    tenant: str
    since: float
    until: float
    type: str = ""
    item: str = ""
    subject: str = ""
    kind: str = "CareTeam"


@dataclass(frozen=True)
class Told:
    """A line of a Consent of a small world: a denial or an exception to one."""

    compartment: str
    source: str
    path: str
    permits: bool
    tenant: str
    type: str
    item: str
    since: float
    until: float

    def is_about(self, tenant: str, item: Item, *, whole: bool) -> bool:
        """True if it speaks now of the tenant and the item; of the whole record, if nothing narrows it."""
        if self.compartment != item.compartment or self.tenant not in ("", tenant) or not self.since <= 0 < self.until:
            return False
        if whole:
            return self.type == self.item == ""
        return self.type in ("", item.type) and self.item in ("", item.id)

    subject: str = ""


@dataclass(frozen=True)
class Small:
    """A small world: whose patients there are, what was written, who was let in, what was denied."""

    homes: dict[str, str]
    items: list[Item]
    grants: list[Opened]
    told: list[Told]
    patients: dict[str, str] = field(default_factory=dict)  # by compartment
    restricted: dict[str, tuple[float, float]] = field(default_factory=dict)  # by compartment: since and until


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
            *_part(dice),
            dice.choice(SUBJECTS),
            dice.choice(["CareTeam", "Consent"]),
        )
        for _ in range(dice.randint(0, 6))
    ]
    told = [_told(dice, list(homes)) for _ in range(dice.choice([0, 1, 3]))]
    # Since when and until when: what is over may stand there for a while.
    restricted: dict[str, tuple[float, float]] = {
        each: (dice.randint(-2, 0), dice.choice([-1, 1, 1])) for each in homes if dice.random() < 0.4
    }
    filed = [replace(item, restricted=item.compartment in restricted) for item in items]
    return Small(homes, filed, grants, told, restricted=restricted)


def _part(dice: random.Random) -> tuple[str, str]:
    return dice.choice(["", "", *TYPES[:3]]), dice.choice(["", "", "", "item-1"])


def _told(dice: random.Random, homes: list[str]) -> Told:
    consent, path = dice.choice(["Consent/1", "Consent/2"]), dice.choice([".", ".0.", ".1.", ".0.0."])
    whom, times = dice.choice(["", *TENANTS]), (dice.randint(-2, 0), dice.randint(0, 2))
    return Told(dice.choice(homes), consent, path, dice.random() < 0.4, whom, *_part(dice), *times)


def oracle(small: Small, caller: Caller, action: Action) -> set[str]:
    """What the caller may reach, said once more in the plainest way."""
    return {item.id for item in small.items if may(small, item, caller=caller, action=action)}


def may(small: Small, item: Item, *, caller: Caller, action: Action) -> bool:
    """Whether the caller may do so with this one."""
    if caller.role is Role.PATIENT:
        about = item.compartment is not None and small.patients.get(item.compartment) == caller.patient
        return item.type in REGION_WIDE or (about if caller.patient else item.id == caller.subject)
    if caller.role is Role.PRIVACY_OFFICER:
        return item.type in REGION_WIDE or item.tenant == caller.tenant
    own, kept = item.tenant == caller.tenant, _kept(small, item, caller)
    at_home = item.compartment is not None and small.homes[item.compartment] == caller.tenant and not kept
    whole = action.changes
    known_as = ("", caller.subject) if caller.purpose == "ETREAT" else ("",)
    let_in = any(
        grant.compartment == item.compartment
        and grant.tenant == caller.tenant
        and grant.since <= 0 < grant.until
        and (grant.type == grant.item == "" if whole else _fits(grant, item))
        for grant in small.grants
        if grant.subject in known_as
        if not kept or (grant.kind == "Consent" and grant.since >= small.restricted[str(item.compartment)][0])
    )
    denied = _denied(small, item, caller.tenant, whole=whole) and not (at_home and item.type == "Consent")
    if action.changes:
        return own and (item.compartment is None or at_home or (let_in and not denied))
    return item.type in REGION_WIDE or (own and not kept) or ((at_home or let_in) and not denied)


def _kept(small: Small, item: Item, caller: Caller) -> bool:
    """Whether the record is only kept now; who stores it is not kept from it."""
    return small.restricted.get(item.compartment or "", (0, 0))[1] > 0 and caller.role is not Role.SERVICE


def _fits(grant: Opened, item: Item) -> bool:
    return grant.type in ("", item.type) and grant.item in ("", item.id)


def _denied(small: Small, item: Item, tenant: str, *, whole: bool) -> bool:
    spoken = [line for line in small.told if line.is_about(tenant, item, whole=whole)]
    for denial in (line for line in spoken if not line.permits):
        nested = [line for line in spoken if line.source == denial.source and line.path.startswith(denial.path)]
        if not any(line.permits for line in nested):
            return True
    return False


def fill(session: Session, small: Small) -> None:
    """Write the world's rows as they are, without a store."""
    common = {"version": 1, "deleted": False, "last_updated": NOW, "data_key": 1, "body": b""}
    rows = [
        common | {"rid": n, "id": item.id, "type": item.type, "tenant": item.tenant, "compartment": item.compartment}
        for n, item in enumerate(small.items)
    ]
    homes = [
        {"id": c, "tenant": t, "patient_id": f"p-{c}", "person": c, "own": c, "apart": False}
        for c, t in small.homes.items()
    ]
    grants = [
        {"compartment": g.compartment, "tenant": g.tenant, "kind": g.kind, "source": "x/1", "granted_by": "a"}
        | {"type": g.type, "item": g.item, "subject": g.subject}
        | {"from": NOW + timedelta(hours=g.since), "until": NOW + timedelta(hours=g.until), "asked_until": NOW}
        for g in small.grants
    ]
    rules = [
        {"compartment": t.compartment, "source": t.source, "path": t.path, "permits": t.permits, "tenant": t.tenant}
        | {"type": t.type, "item": t.item}
        | {"from": NOW + timedelta(hours=t.since), "until": NOW + timedelta(hours=t.until)}
        for t in small.told
    ]
    kept = [
        {"compartment": c, "since": NOW + timedelta(hours=since), "until": NOW + timedelta(hours=until)}
        for c, (since, until) in small.restricted.items()
    ]
    filled = (
        (RESOURCE, rows), (COMPARTMENT, homes), (CARE_GRANT, grants), (CONSENT_RULE, rules), (RESTRICTION, kept),
    )  # fmt: skip
    for table, content in filled:
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
        for role in (Role.SYSTEM, Role.PATIENT, Role.PRIVACY_OFFICER, Role.SERVICE):
            yield Caller(tenant, "item-1", role, SCOPES)
        # Somebody at their daily work, and in an emergency in which they may have broken glass.
        for purpose in ("TREAT", "ETREAT"):
            yield Caller(tenant, SUBJECTS[1], Role.PHYSICIAN, SCOPES, purpose)


def _type(small: Small, id: str) -> str:
    return next(item.type for item in small.items if item.id == id)


@contextmanager
def memory() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine, tables=[RESOURCE, COMPARTMENT, CARE_GRANT, CONSENT_RULE, RESTRICTION])
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


@pytest.mark.parametrize(
    "name", ["_home", "_granted", "_valid", "_denial", "_in_force", "_about", "_restriction", "_outweighed"]
)
@pytest.mark.parametrize("broken", [_open_to_all, _closed_to_all])
def test_a_broken_part_of_the_clause_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., Clause]
) -> None:
    monkeypatch.setattr(rule, name, broken)

    assert any(_noticed(seed) for seed in range(WORLDS))


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

    assert any(_noticed(seed) for seed in range(WORLDS))
