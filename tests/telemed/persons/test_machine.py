"""Random joining and separating against a model that knows Patients, numbers and pairs, and nothing of pseudonyms."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fhir.compartments import pseudonym
from fhir.reader import Reader
from infra.clock import FixedClock
from infra.database import SqliteDatabase
from infra.problems import Problem
from telemed.keys.erasing import close
from telemed.persons.linking import Said
from tests.effort import repetitions
from tests.fhir.record import kvnr
from tests.telemed.booking.clinic import MONDAY, make_desk
from tests.telemed.persons.people import People, person

LATER = datetime(2100, 1, 1, tzinfo=UTC)

TENANTS = ("north", "south", "west")
NUMBERS = st.sampled_from((None, 1, 2))
MOST = 8  # so that most steps join or separate somebody


@dataclass
class Known:
    """What the model knows of a Patient."""

    id: str
    tenant: str
    number: int | None
    apart: bool = False

    @property
    def believed(self) -> int | None:
        return None if self.apart else self.number


class Persons(RuleBasedStateMachine):
    """Create, link, merge, separate, correct numbers, erase."""

    def __init__(self, people: People, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.people, self.loop = people, loop
        self.known: list[Known] = []
        self.merges: list[tuple[Known, Known]] = []
        self.links: list[tuple[Known, Known]] = []
        self.pairs = 0

    def wait(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def two(self, first: int, second: int) -> tuple[Known, Known]:
        """Two Patients; the same one twice only where there is no other."""
        many = len(self.known)
        return self.known[first % many], self.known[(first + 1 + second % max(1, many - 1)) % many]

    @initialize(
        numbers=st.lists(NUMBERS, min_size=6, max_size=6), joined=st.lists(st.booleans(), min_size=5, max_size=5)
    )
    def begin(self, numbers: list[int | None], joined: list[bool]) -> None:
        """Begin with a few persons of several Patients each: nothing separates what was never joined."""
        for tenant, number in zip(cycle(TENANTS), numbers, strict=False):
            self.come(tenant, number)
        for place, join in enumerate(joined):
            if join:
                self.link(place, 0)

    @precondition(lambda self: len(self.known) < MOST)
    @rule(tenant=st.sampled_from(TENANTS), number=NUMBERS)
    def come(self, tenant: str, number: int | None) -> None:
        id = self.wait(self.people.come(tenant, person(number=number)))
        self.known.append(Known(id, tenant, number))

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 9), number=NUMBERS)
    def correct(self, which: int, number: int | None) -> None:
        each = self.known[which % len(self.known)]
        identifier = None if number is None else [kvnr(number)]
        self.wait(self.people.change(each.tenant, each.id, identifier=identifier))
        each.number = number

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 9), apart=st.booleans())
    def believe(self, which: int, apart: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        each = self.known[which % len(self.known)]
        self.wait(self.people.believe(each.tenant, each.id, apart=apart))
        each.apart = apart

    @precondition(lambda self: self.known)
    @rule(first=st.integers(0, 9), second=st.integers(0, 9), back=st.booleans())
    def merge(self, first: int, second: int, back: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        source, target = self.two(first, second)
        replaced = {one.id for one, _ in self.merges}
        numbers = {source.number, target.number} - {None}
        fits = source is not target and source.tenant == target.tenant and len(numbers) < 2
        fits = fits and not {source.id, target.id} & replaced
        before = self.bodies(source, target)

        merged = self.attempt(self.people.merge(source.tenant, source.id, target.id)) is not None

        assert merged == fits
        if merged and not back:
            self.merges.append((source, target))
        elif merged:
            self.wait(self.people.unmerge(source.tenant, source.id, target.id))
            assert self.bodies(source, target) == before

    @precondition(lambda self: self.merges)
    @rule(which=st.integers(0, 9))
    def unmerge(self, which: int) -> None:
        source, target = self.merges.pop(which % len(self.merges))
        self.wait(self.people.unmerge(source.tenant, source.id, target.id))

    @precondition(lambda self: self.known)
    @rule(first=st.integers(0, 9), second=st.integers(0, 9))
    def link(self, first: int, second: int) -> None:
        here, there = self.two(first, second)
        if here.tenant == there.tenant or self.linked(here, there.tenant) or self.linked(there, here.tenant):
            return
        self.pairs += 1
        for each in (here, there):
            name = [{"family": f"Paar{self.pairs}", "given": ["Ada"]}]
            self.wait(self.people.change(each.tenant, each.id, name=name))
        agreeing = len({here.believed, there.believed} - {None}) < 2

        self.wait(self.people.link(here.tenant, here.id, there.tenant))
        said = self.wait(self.people.link(there.tenant, there.id, here.tenant))

        assert said is (Said.LINKED if agreeing else Said.ASKED)
        if agreeing:
            self.links.append((here, there))

    @precondition(lambda self: self.links)
    @rule(which=st.integers(0, 9), turned=st.booleans())
    def unlink(self, which: int, turned: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        here, there = self.links.pop(which % len(self.links))
        if turned:
            here, there = there, here
        self.wait(self.people.unlink(here.tenant, here.id, there.tenant))
        # Several of the other clinic's may have been joined with this one.
        self.links = [p for p in self.links if not (here in p and there.tenant in (p[0].tenant, p[1].tenant))]

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 9))
    def erase(self, which: int) -> None:
        each = self.known.pop(which % len(self.known))
        compartment = pseudonym(self.people.store.vault, each.id)
        self.wait(self.people.run(partial(close, compartment=compartment)))
        self.merges = [pair for pair in self.merges if each not in pair]
        self.links = [pair for pair in self.links if each not in pair]

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        expected = self.expected()
        assert self.wait(self.people.together()) == expected
        # One person counts once, however many clinics have them.
        assert self.counted() == len(expected)

    def expected(self) -> set[frozenset[str]]:
        """Which Patients are one person, by walking from each to its neighbours."""
        pairs = [(one.id, other.id) for one, other in (*self.merges, *self.links)]
        pairs += [
            (one.id, other.id)
            for one in self.known
            for other in self.known
            if one.believed is not None and one.believed == other.believed
        ]
        found = set()
        for each in self.known:
            group = {each.id}
            while more := {end for pair in pairs if group & set(pair) for end in pair} - group:
                group |= more
            found.add(frozenset(group))
        return found

    def counted(self) -> int:
        rows = partial(Reader(self.people.store.vault).rows, types=["Patient"], at=LATER)
        found: set[str] = self.wait(self.people.database.read(lambda session: {row.person for row in rows(session)}))
        return len(found)

    def linked(self, each: Known, tenant: str) -> bool:
        return any(each in pair and tenant in (pair[0].tenant, pair[1].tenant) for pair in self.links)

    def bodies(self, *patients: Known) -> list[Any]:
        return [self.wait(self.people.read(each.tenant, each.id)) for each in patients]

    def attempt(self, coroutine: Any) -> Any:
        with suppress(Problem):
            return self.wait(coroutine)
        return None

    def teardown(self) -> None:
        """Erase what is left, so that the next run begins with nobody."""
        for _ in range(len(self.known)):
            self.erase(0)


def test_random_joining_and_separating_agrees_with_the_model(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        database = SqliteDatabase(tmp_path / "telemed.sqlite3")
        runner.run(database.create_all())
        people = People(database, make_desk(database, tmp_path, FixedClock(MONDAY)).store)
        runner.run(people.open(*TENANTS))
        effort = settings(max_examples=repetitions(20), stateful_step_count=30, deadline=None)

        class Here(Persons):
            def __init__(self) -> None:
                super().__init__(people, runner.get_loop())

        run_state_machine_as_test(Here, settings=effort)
        runner.run(database.close())
