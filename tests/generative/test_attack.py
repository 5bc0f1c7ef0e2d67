"""The attack finds nothing in what is built by the rule, and everything that a planted flaw opens."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, find, given, settings

from anonymise import synthetic
from anonymise.attack.findings import Finding, Kind
from anonymise.attack.folder import Folder
from anonymise.attack.published import Statement
from anonymise.attack.run import attack
from anonymise.build import Built, build
from anonymise.periods import Quarter
from tests.anonymise.builders import QUARTER, definition
from tests.effort import examples
from tests.generative.populations import populations
from tests.generative.releases import folder, released, sequences

UNSHRUNK = settings(phases=[Phase.generate], max_examples=200, database=None)
LOCAL: tuple[Kind, ...] = ("set", "share", "categories", "more", "contradiction", "undecided")
"""What one release must never give away; what several do together depends on what happened to people in between."""


def found(*folders: Folder) -> tuple[Finding, ...]:
    return attack(folders, explain=0).findings


@examples(12)
@given(populations())
def test_nothing_is_found_in_a_release_built_by_the_rule(persons: pl.DataFrame) -> None:
    assert [f for f in found(released(persons)) if f.kind in LOCAL] == []


@examples(8)
@given(sequences())
def test_quarters_of_people_who_come_go_and_move_give_away_nothing_but_by_what_stays_the_same(
    cohorts: list[pl.DataFrame],
) -> None:
    quarters = (Quarter(2026, 2), QUARTER)

    findings = found(*(released(persons, quarter=q) for persons, q in zip(cohorts, quarters, strict=True)))

    assert [f for f in findings if f.kind in LOCAL] == []
    assert all(len(f.releases) == 2 for f in findings if f.kind == "composition")


@pytest.fixture(scope="module")
def built() -> Built:
    return build(synthetic.persons(900, seed=1), definition())


def test_planted_k_off_by_one_is_found() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        return bool((build(persons, definition(9)).blocks.persons < 10).any())

    persons = find(populations(), exposes, settings=UNSHRUNK)

    loose = replace(released(persons, k=9), rule=definition(10).rule)
    assert "set" in {f.kind for f in found(loose)}


def test_planted_zero_for_a_withheld_number_is_found(built: Built) -> None:
    zeros = tuple(
        replace(r, value=0, flag="", lower=None, upper=None) if r.flag == "c" else r for r in built.table.rows
    )

    assert "more" in {f.kind for f in found(folder(replace(built, table=replace(built.table, rows=zeros))))}


def test_planted_estimate_replaced_by_the_number_itself_is_found(built: Built) -> None:
    exact = tuple(replace(row, flag="", lower=None, upper=None) if row.flag == "e" else row for row in built.table.rows)

    assert "more" in {f.kind for f in found(folder(replace(built, table=replace(built.table, rows=exact))))}


def test_planted_events_instead_of_persons_are_found(built: Built) -> None:
    twice = tuple(replace(r, value=r.value + 1) if r.value and r.flag == "" else r for r in built.table.rows)

    assert "more" in {f.kind for f in found(folder(replace(built, table=replace(built.table, rows=twice))))}


def test_planted_second_partition_of_the_same_persons_is_found(built: Built) -> None:
    one = folder(built)
    without_blocks = replace(one, name="other 2026-Q3", blocks=(), groups=(), rows=narrow(one))

    assert found(one) == ()
    assert "set" in {f.kind for f in found(without_blocks)}


def narrow(release: Folder) -> tuple[Statement, ...]:
    """The total, and the total without a single person of one place: overlapping areas."""
    total = next(row for row in release.rows if all(label == "*" for label in row.labels))
    place = release.dimensions[0]
    others = (place.everything[1:], *total.members[1:])
    return (total, replace(total, members=others, lower=total.lower - 1, upper=total.lower - 1, where="others"))


def test_planted_group_that_tells_everybody_the_same_is_found(built: Built) -> None:
    one = folder(built)
    first = one.groups[0].group
    persons = sum(share.persons for share in one.groups if share.group == first)
    numbers = iter([persons, *np.zeros(1000, dtype=int).tolist()])
    same = tuple(replace(s, persons=next(numbers)) if s.group == first else s for s in one.groups)

    kinds = {f.kind for f in found(replace(one, groups=tuple(s for s in same if s.group != "*"), rows=one.rows[:1]))}

    assert {"share", "categories"} <= kinds
