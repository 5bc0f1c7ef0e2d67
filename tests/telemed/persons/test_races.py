"""Joining and separating at the same moment: some serial order of it, or a 409, on both databases."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from fhir import persons
from fhir.persons import LINK
from fhir.reader import Reader
from fhir.rows import COMPARTMENT
from infra.database import Database
from infra.problems import Conflict, StaleVersion
from telemed.persons import merging
from telemed.persons.linking import Said
from tests.effort import repetitions
from tests.fhir.record import kvnr
from tests.telemed.persons.people import People, desk, person

LATER = datetime(2100, 1, 1, tzinfo=UTC)

REFUSED = (Conflict, StaleVersion)


async def all_of(*doing: Any) -> list[Any]:
    """What each returns; a conflict is an answer, too."""
    answers = await asyncio.gather(*doing, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, REFUSED):
            raise answer
    return answers


async def settled(people: People) -> None:
    """Nothing; fails if the persons are not what follows from numbers and links."""

    def unit(session: Any) -> tuple[list[Any], list[Any]]:
        connection = session.connection()
        rows = connection.execute(select(COMPARTMENT.c.id, COMPARTMENT.c.own, COMPARTMENT.c.person)).fetchall()
        return list(rows), list(connection.execute(select(LINK.c.one, LINK.c.other)).fetchall())

    rows, links = await people.database.read(unit)
    behind = {id: own for id, own, _ in rows}
    for _ in rows:
        for one, other in links:
            behind[one] = behind[other] = min(behind[one], behind[other])
        least: dict[str, str] = {}
        for id, own, _ in rows:
            least[own] = min(least.get(own, own), behind[id])
        behind = {id: least[own] for id, own, _ in rows}
    assert {id: person for id, _, person in rows} == behind
    assert {id: own for id, own, _ in rows} == await stated(people)


async def stated(people: People) -> dict[str, str]:
    """What each Patient stands for by itself, from what the record says now."""
    vault = people.store.vault

    def unit(session: Session) -> dict[str, str]:
        known = session.connection().execute(select(COMPARTMENT.c.patient_id, COMPARTMENT.c.id, COMPARTMENT.c.apart))
        places = {id: (compartment, apart) for id, compartment, apart in known.fetchall()}
        found = {}
        for row in Reader(vault).rows(session, ["Patient"], at=LATER):
            compartment, apart = places[row.id]
            found[compartment] = persons.own(vault, row.id, json.loads(row.body), apart=apart)
        return found

    return await people.database.read(unit)


async def test_of_parallel_merges_of_one_patient_one_wins(people: People) -> None:
    for _ in range(repetitions(2)):
        old, *targets = [await people.come("north") for _ in range(6)]

        answers = await all_of(*(people.merge("north", old, target) for target in targets))

        assert sum(not isinstance(answer, REFUSED) for answer in answers) == 1
        assert len((await people.read("north", old))["link"]) == 1
        await settled(people)


async def test_opposite_merges_never_both_happen(people: People) -> None:
    for _ in range(repetitions(3)):
        one, other = [await people.come("north") for _ in range(2)]

        answers = await all_of(people.merge("north", one, other), people.merge("north", other, one))

        assert sum(not isinstance(answer, REFUSED) for answer in answers) == 1


async def test_merges_and_unmerges_at_once_leave_links_and_persons_in_step(people: People) -> None:
    one, other, third = [await people.come("north") for _ in range(3)]
    for _ in range(repetitions(3)):
        await all_of(
            people.merge("north", one, other),
            people.unmerge("north", one, other),
            people.merge("north", other, third),
            people.unmerge("north", other, third),
            people.change("north", one, gender="other"),
            people.change("north", third, birthDate="1980-02-28"),
        )

        merged = frozenset({one, other}) <= max(await people.together(), key=lambda group: len(group & {one, other}))
        assert ("link" in await people.read("north", one)) == merged
        await settled(people)


async def test_numbers_links_and_newcomers_at_once_leave_persons_in_step(people: People) -> None:
    here, there = await people.come("north", person(number=1)), await people.come("south")
    await people.link("north", here, "south")
    for round in range(repetitions(3)):
        await all_of(
            people.link("south", there, "north"),
            people.change("south", there, identifier=[kvnr(round)]),
            people.change("north", here, identifier=[kvnr(round + 1)]),
            *(people.come("south", person(family="Anders", number=number)) for number in (round, round + 1, 1)),
            people.unlink("north", here, "south"),
            people.link("north", here, "south"),
            people.believe("south", there, apart=bool(round % 2)),
            people.believe("north", here, apart=not round % 2),
        )

        await settled(people)


async def test_of_parallel_answers_one_joins_and_all_hear_it(people: People) -> None:
    here, there = await people.come("north"), await people.come("south")
    await people.link("north", here, "south")

    answers = await all_of(*(people.link("south", there, "north") for _ in range(8)))

    assert set(answers) == {Said.LINKED}
    assert await people.together() == {frozenset({here, there})}


async def test_a_unit_that_fails_after_the_merge_leaves_nothing_of_it(people: People, database: Database) -> None:
    """One atomic unit: what a kill at any moment leaves is what a rollback leaves (the databases' crash tests)."""
    old, kept = await people.come("north"), await people.come("north")
    before = [await people.read("north", id) for id in (old, kept)], await people.persons()

    def unit(session: Any) -> None:
        merging.merge(session, people.store, desk("north"), source_id=old, target_id=kept)
        raise Conflict

    await all_of(database.write(unit))

    assert ([await people.read("north", id) for id in (old, kept)], await people.persons()) == before
