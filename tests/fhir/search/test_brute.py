"""Search against a second search by brute force: random worlds, random questions, before and after changes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, text, true
from sqlmodel import Session, SQLModel

from fhir import compartments
from fhir.codec import parse as parsed
from fhir.reindex import Rebuild
from fhir.rows import TOKEN, Stored
from fhir.search import candidates, chains, plans
from fhir.search.asking import Asker, PageEnd
from fhir.search.pages import Page
from fhir.search.parsing import parse
from fhir.store import Store
from infra.database import open_database
from tests.effort import examples
from tests.fhir import record
from tests.fhir.search import brute
from tests.fhir.search.brute import Criterion, Data, Resource, World

MADE = 14
ASKED = 6

Key = Callable[[Data], Any]
SORTS: dict[str, dict[str, Key]] = {
    "Patient": {
        "family": lambda d: d["name"][0]["family"].lower(),
        "birthdate": lambda d: brute.stretch(d["birthDate"]) if "birthDate" in d else None,
    },
    "Observation": {
        "status": lambda d: d["status"],
        "value-quantity": lambda d: d.get("valueQuantity", {}).get("value"),
        "date": lambda d: brute.stretch(d["effectiveDateTime"]) if "effectiveDateTime" in d else None,
    },
    "Encounter": {"status": lambda d: d["status"]},
    "Organization": {"name": lambda d: d["name"].lower()},
    "Practitioner": {"family": lambda d: d["name"][0]["family"].lower()},
}


@dataclass
class Bench:
    """A world in the record and beside it."""

    session: Session
    store: Store
    policy: record.LocalPolicy
    world: World

    def write(self, tenant: str, type: str, data: Data, *, old: Resource | None = None) -> None:
        """Nothing; the resource is there, or there in its next version."""
        id = old.id if old else uuid4().hex
        body = parsed(json.dumps(data).encode(), type=type)
        who = record.caller(tenant)
        if old is None:
            self.store.create(self.session, who, body, id=id)
        else:
            self.store.update(self.session, who, type, id, body, if_match=None)
        named = id if type == "Patient" else next((one[8:] for one in brute.links(data, "subject")), None)
        stays = old is not None and named == old.compartment
        enters = named is not None and (type == "Patient" or stays or self.world.entitled(tenant, named))
        self.world.resources[f"{type}/{id}"] = Resource(type, id, tenant, named if enters else None, data)

    def delete(self, resource: Resource) -> None:
        """Nothing; the resource is gone."""
        self.store.delete(self.session, record.caller(resource.tenant), resource.type, resource.id)
        resource.deleted = True

    def grant(self, patient: str, tenant: str) -> None:
        """Nothing; the patient's record is open to the tenant."""
        self.world.grants.add((patient, tenant))
        self.policy.grants.add((compartments.pseudonym(self.store.vault, patient), tenant))

    def pages(self, tenant: str, type: str, pairs: list[tuple[str, str]]) -> list[Page]:
        """All pages of a search."""
        found: list[Page] = []
        after: PageEnd | None = None
        while not found or after is not None:
            query = parse(type, pairs)
            found.append(self.store.found(self.session, record.caller(tenant), query, after=after))
            after = found[-1].next
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("brute")


@given(st.data())
@examples(25)
def test_every_search_finds_what_brute_force_finds(folder: Path, data: st.DataObject) -> None:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        run(session, folder, data)
    engine.dispose()


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_every_search_finds_what_brute_force_finds_on_postgresql(empty_database_url: str, folder: Path) -> None:
    asyncio.run(with_tables(empty_database_url, None))

    @given(st.data())
    @examples(3)
    def each(data: st.DataObject) -> None:
        with pytest.raises(RolledBack):
            asyncio.run(with_tables(empty_database_url, lambda session: run(session, folder, data)))

    each()


def test_without_the_permit_brute_force_disagrees(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = record.LocalPermit(true(), set())
    monkeypatch.setattr(record.LocalPermit, "admits", lambda *_: True)
    monkeypatch.setattr(Asker, "permit", lambda *_: everything)

    @given(st.data())
    @settings(max_examples=50, phases=[Phase.generate], database=None, derandomize=True)
    def each(data: st.DataObject) -> None:
        engine = create_engine("sqlite://")
        SQLModel.metadata.create_all(engine)
        with Session(engine) as session:
            run(session, folder, data)

    with pytest.raises(AssertionError):
        each()


def test_the_same_is_found_after_the_index_was_made_anew(folder: Path) -> None:
    @given(st.data())
    @examples(3)
    def each(data: st.DataObject) -> None:
        url = f"sqlite:///{folder / uuid4().hex}.sqlite3"
        policy = record.LocalPolicy()
        world, store, engine = World(), record.store(folder, policy=policy), create_engine(url)
        SQLModel.metadata.create_all(engine)
        with Session(engine) as session:
            bench = Bench(session, store, policy, world)
            populate(bench, data)
            change(bench, data)
            session.connection().execute(delete(TOKEN))
            session.commit()
        asyncio.run(rebuild(url, store))
        with Session(engine) as session:
            for _ in range(ASKED):
                ask(Bench(session, store, policy, world), data)
        engine.dispose()

    each()


async def rebuild(url: str, store: Store) -> None:
    """Nothing; the index is made anew."""
    database = open_database(url)
    await Rebuild(database, store.vault).run()
    await database.close()


class RolledBack(Exception):  # noqa: N818  # what ends an example
    """The example is over and leaves nothing behind."""


async def with_tables(url: str, unit: Callable[[Session], None] | None) -> None:
    database = open_database(url)

    def example(session: Session) -> None:
        assert unit is not None
        unit(session)
        raise RolledBack

    try:
        if unit is None:
            await database.create_all()
            await database.write(without_the_net)
        else:
            await database.write(example)
    finally:
        await database.close()


def without_the_net(session: Session) -> None:
    """Nothing; row security is off. It is the platform's, there where its modules were imported before, and knows nothing
    of what a policy of the tests has granted."""
    for table in ("resource", "resource_history", "audit_event"):
        session.connection().execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))


def run(session: Session, folder: Path, data: st.DataObject) -> None:
    """A world is made, asked, changed and asked again."""
    policy = record.LocalPolicy()
    bench = Bench(session, record.store(folder, policy=policy), policy, World())
    populate(bench, data)
    for _ in range(ASKED):
        ask(bench, data)
    change(bench, data)
    for _ in range(ASKED):
        ask(bench, data)


def populate(bench: Bench, data: st.DataObject) -> None:
    for _ in range(MADE):
        type = data.draw(st.sampled_from((*brute.TYPES, "Patient", "Observation", "Observation")))
        tenant = data.draw(st.sampled_from(brute.TENANTS))
        bench.write(tenant, type, data.draw(brute.contents(type, sorted(bench.world.resources))))
        if type == "Patient" and data.draw(st.booleans()):
            bench.grant(list(bench.world.resources)[-1][8:], data.draw(st.sampled_from(brute.TENANTS)))


def change(bench: Bench, data: st.DataObject) -> None:
    for resource in list(bench.world.resources.values()):
        match data.draw(st.sampled_from(["", "", "update", "delete"])):
            case "update":
                if resource.compartment is None or bench.world.entitled(resource.tenant, resource.compartment):
                    content = data.draw(brute.contents(resource.type, sorted(bench.world.resources)))
                    bench.write(resource.tenant, resource.type, content, old=resource)
            case "delete":
                bench.delete(resource)


def ask(bench: Bench, data: st.DataObject) -> None:
    tenant, type = data.draw(st.sampled_from(brute.TENANTS)), data.draw(st.sampled_from(brute.TYPES))
    depth = data.draw(st.integers(0, 3))
    asked: list[Criterion] = data.draw(st.lists(brute.criteria(type, depth=depth), max_size=2))
    if data.draw(st.booleans()) and (led := brute.links_of(type, sorted(bench.world.resources))):
        # Alone as well: what tokens decide is never opened, so nothing else would notice a lost filter.
        asked = [*data.draw(st.sampled_from([[], asked])), data.draw(st.sampled_from(led))]
    by_values = st.lists(st.sampled_from(sorted(SORTS[type])), max_size=2, unique=True)
    sort = data.draw(by_values) if data.draw(st.booleans()) else []
    descending = data.draw(st.booleans())
    pairs = [(one.name, one.value) for one in asked]
    pairs += [("_count", str(data.draw(st.sampled_from([1, 2, 50]))))]
    beside = data.draw(st.sampled_from([("", ""), *brute.beside(type)]))
    pairs += [beside] if beside[0] else []
    column = data.draw(st.sampled_from(["", "", "_id", "-_id", "_lastUpdated", "-_lastUpdated"]))
    if sort or column:
        pairs.append(("_sort", ",".join(("-" if descending else "") + name for name in sort) or column))
    expected = {
        one.id for one in bench.world.seen(tenant, type) if all(each.holds(bench.world, tenant, one) for each in asked)
    }

    with in_steps() if data.draw(st.booleans()) else nullcontext():
        found = bench.pages(tenant, type, pairs)

    hits = [stored for page in found for stored in page.entries]
    assert sorted(stored.id for stored in hits) == sorted(expected), pairs
    assert {page.total for page in found} == {len(expected)}, pairs
    for page in found if beside[0] else []:
        shown = {stored.reference for stored in page.entries}
        wanted = brute.brought(bench.world, tenant, beside, shown) - shown
        assert {stored.reference for stored in page.included} == wanted, pairs
    for name in sort[:1]:
        assert_sorted(hits, SORTS[type][name], descending=descending)


@contextmanager
def in_steps() -> Iterator[None]:
    """Everything is large: what leads is read in steps, and inner searches find too much to go first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "NARROW", 1)
        patch.setattr(plans, "SORTABLE", 1)
        patch.setattr(plans, "_is_rare", lambda _: False)
        patch.setattr(candidates, "FIRST", 2)
        patch.setattr(candidates, "SORTED_AT_ONCE", 1)
        patch.setattr(chains, "MOST_FIRST", 1)
        patch.setattr(chains, "BATCH", 2)
        yield


def assert_sorted(hits: list[Stored], key: Key, *, descending: bool) -> None:
    keys = [key(stored.data) for stored in hits]
    held = [one for one in keys if one is not None]
    ends = [one[descending] if isinstance(one, tuple) else one for one in held]
    assert keys[len(held) :] == [None] * (len(keys) - len(held)), "what has no value comes last"
    assert all(a >= b if descending else a <= b for a, b in pairwise(ends))
