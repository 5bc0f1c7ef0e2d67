"""No set of persons that published cells can form is smaller than k, and no group tells its persons' chapter."""

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from anonymise.build import build
from anonymise.cohort import Protection
from anonymise.definition import Definition
from anonymise.meet import meet, standings
from anonymise.problems import InputInvalid, ReleaseRefused
from anonymise.rule import Rule
from tests.anonymise.builders import cohort, definition, group, protected, screened
from tests.effort import examples
from tests.generative.populations import (
    RECIPES,
    Persons,
    Reader,
    atoms,
    formed,
    populations,
    sets_by_category,
    sets_by_place,
)

RULE = Rule()
# The twins only have to meet a leak, not to make it small.
UNSHRUNK = settings(phases=[Phase.generate], max_examples=200, database=None)


def without_guard() -> Definition:
    """The guard that the twins remove: one person is enough, any share goes."""
    return protected(definition(), Protection(k=1, share_limit=1.0, min_categories=1))


def small(sets: list[Persons], k: int = RULE.k) -> list[Persons]:
    return [each for each in atoms(sets) if len(each) < k]


def told(sets: list[Persons], persons: pl.DataFrame) -> list[Persons]:
    """The formed groups whose persons' chapter is as good as known."""
    reason = dict(persons.select("person", "chapter").iter_rows())
    found = []
    for each in atoms(sets):
        shares = Counter(reason[person] for person in each)
        if len(shares) < RULE.min_categories or max(shares.values()) * 10 > 8 * len(each):
            found.append(each)
    return found


@examples(25)
@given(populations(), RECIPES, st.integers(5, 14))
def test_whatever_unions_intersections_and_differences_form_is_empty_or_holds_k(
    persons: pl.DataFrame, recipe: list[tuple[int, str]], k: int
) -> None:
    if persons.height < k:
        return
    sets = sets_by_place(build(persons, definition(k)))

    made = formed(sets, recipe)

    assert not made or len(made) >= k
    assert not small(sets, k)


@examples(25)
@given(populations(), RECIPES)
def test_whatever_is_formed_from_groups_shown_by_chapter_keeps_the_share_limit(
    persons: pl.DataFrame, recipe: list[tuple[int, str]]
) -> None:
    groups = sets_by_category(build(persons, definition()))
    reason = dict(persons.select("person", "chapter").iter_rows())

    made = formed(groups, recipe) if groups else frozenset()

    shares = Counter(reason[person] for person in made)
    assert not made or (len(shares) >= 2 and max(shares.values()) * 10 <= 8 * len(made))
    assert not told(groups, persons)


@examples(25)
@given(populations())
def test_the_independent_screen_agrees_and_no_number_lies_below_k(persons: pl.DataFrame) -> None:
    built = build(persons, definition())

    assert screened(built).findings == ()
    assert [row for row in built.table.rows if row.value is not None and 0 < row.value < RULE.k] == []
    assert [c for c in built.blocks.categories if 0 < c.persons < RULE.k] == []


@examples(25)
@given(populations())
def test_bounds_are_certain_and_exact_rows_are_exact(persons: pl.DataFrame) -> None:
    built = build(persons, definition())
    reader = Reader(built)

    for row in built.table.rows:
        true = len(reader.named(row)) if row.flag != "c" else 0
        if row.flag == "e":
            assert row.lower is not None and row.upper is not None and row.lower <= true <= row.upper
        elif row.flag == "":
            assert row.value == true


@examples(12)
@given(populations(), st.integers(0, 2**32))
def test_the_order_of_the_rows_changes_nothing(persons: pl.DataFrame, seed: int) -> None:
    shuffled = persons.sample(fraction=1.0, shuffle=True, seed=seed)

    one, other = build(shuffled, definition()), build(persons, definition())

    assert one.table == other.table
    assert one.members.sort("person").equals(other.members.sort("person"))


@examples(15)
@given(populations(least=30), st.integers(0, 40), st.integers(0, 2**32))
def test_what_the_meet_clears_holds_k_in_differences_between_releases_too(
    persons: pl.DataFrame, leaving: int, seed: int
) -> None:
    later = persons.sample(max(10, persons.height - leaving), seed=seed)
    before, after = build(persons, definition()), build(later, definition())

    met = meet(standings({"before": before.members, "after": after.members}))

    both = [*sets_by_place(before), *sets_by_place(after)]
    assert bool(met.small(RULE.k)) or not small(both)


def test_twin_without_k_the_attacker_finds_somebody() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        return bool(small(sets_by_place(build(persons, without_guard()))))

    persons = find(populations(), exposes, settings=UNSHRUNK)

    with pytest.raises(ReleaseRefused, match="fewer than 10 persons"):
        screened(build(persons, without_guard())).require()


def test_twin_with_k_off_by_one_is_found() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        return bool(small(sets_by_place(build(persons, definition(RULE.k - 1)))))

    persons = find(populations(), exposes, settings=UNSHRUNK)

    with pytest.raises(ReleaseRefused, match="fewer than 10 persons"):
        screened(build(persons, definition(RULE.k - 1))).require()


def test_twin_that_writes_zero_for_what_is_withheld_is_found() -> None:
    def withholds(persons: pl.DataFrame) -> bool:
        built = build(persons, definition())
        reader = Reader(built)
        return any(row.flag == "c" and reader.named(row) for row in built.table.rows)

    built = build(find(populations(), withholds, settings=UNSHRUNK), definition())
    zeros = tuple(replace(row, value=0, flag="") if row.flag == "c" else row for row in built.table.rows)

    with pytest.raises(ReleaseRefused, match="do not say what the persons say"):
        screened(built, table=replace(built.table, rows=zeros)).require()


def test_twin_that_counts_events_is_refused_before_it_counts() -> None:
    persons = cohort([*group(30), *group(1)])

    with pytest.raises(InputInvalid, match="more than one row"):
        build(persons, definition())


def test_twin_without_the_share_limit_a_group_tells_its_chapter() -> None:
    def tells(persons: pl.DataFrame) -> bool:
        return bool(told(sets_by_category(build(persons, without_guard())), persons))

    persons = find(populations(), tells, settings=UNSHRUNK)

    with pytest.raises(ReleaseRefused, match="tells the category"):
        screened(build(persons, without_guard())).require()


def test_twin_without_the_meet_one_withdrawn_person_is_found() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        before, after = build(persons, definition()), build(persons.slice(1), definition())
        return bool(small([*sets_by_place(before), *sets_by_place(after)]))

    persons = find(populations(least=40), exposes, settings=UNSHRUNK)

    before, after = build(persons, definition()), build(persons.slice(1), definition())
    assert meet(standings({"before": before.members, "after": after.members})).small(RULE.k)
