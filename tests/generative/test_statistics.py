"""No set of persons that published cells can form is smaller than k, and no group tells its persons' chapter."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from anonymise.build import build
from anonymise.definition import Definition
from anonymise.problems import ReleaseRefused
from anonymise.rule import Rule
from anonymise.screen import Earlier, screen
from anonymise.tables import Table
from tests.anonymise.builders import definition
from tests.effort import examples
from tests.generative.populations import RECIPES, Persons, atoms, formed, populations, sets_by_category, sets_by_place

RULE = Rule()
# The twins only have to meet a leak, not to make it small.
UNSHRUNK = settings(phases=[Phase.generate], max_examples=200, database=None)


class Unprotected(Definition, frozen=True):
    """A definition whose rule asks for nothing: the guard that the twins remove."""

    @property
    def rule(self) -> Rule:
        """One person is enough, any share goes."""
        return Rule(k=1, share_limit=1.0, min_categories=1)


def without_guard() -> Definition:
    fields = definition()
    return Unprotected(**{name: getattr(fields, name) for name in fields.__struct_fields__})


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
    table = build(persons, definition(k))
    sets = sets_by_place(table, persons)

    made = formed(sets, recipe)

    assert not made or len(made) >= k
    assert not small(sets, k)


@examples(25)
@given(populations(), RECIPES)
def test_whatever_is_formed_from_groups_shown_by_chapter_keeps_the_share_limit(
    persons: pl.DataFrame, recipe: list[tuple[int, str]]
) -> None:
    table = build(persons, definition())
    groups = sets_by_category(table, persons)
    reason = dict(persons.select("person", "chapter").iter_rows())

    made = formed(groups, recipe) if groups else frozenset()

    shares = Counter(reason[person] for person in made)
    assert not made or (len(shares) >= 2 and max(shares.values()) * 10 <= 8 * len(made))
    assert not told(groups, persons)


@examples(25)
@given(populations())
def test_the_independent_screen_agrees_and_no_number_lies_below_k(persons: pl.DataFrame) -> None:
    table = build(persons, definition())

    assert screen(table, persons, rule=RULE).findings == ()
    assert [row for row in table.rows if row.value is not None and 0 < row.value < RULE.k] == []


@examples(12)
@given(populations(), st.integers(0, 2**32))
def test_the_order_of_the_rows_changes_nothing(persons: pl.DataFrame, seed: int) -> None:
    shuffled = persons.sample(fraction=1.0, shuffle=True, seed=seed)

    assert build(shuffled, definition()) == build(persons, definition())


@examples(15)
@given(populations(least=30), st.integers(0, 40), st.integers(0, 2**32))
def test_what_the_screen_clears_holds_k_in_differences_between_releases_too(
    persons: pl.DataFrame, leaving: int, seed: int
) -> None:
    later = persons.sample(max(10, persons.height - leaving), seed=seed)
    before, after = build(persons, definition()), build(later, definition())
    cleared = screen(before, persons, rule=RULE)

    met = screen(after, later, rule=RULE, earlier=[Earlier("before", cleared.members)])

    both = [*sets_by_place(before, persons), *sets_by_place(after, later)]
    assert bool(met.findings) or not small(both)


def test_twin_without_k_the_attacker_finds_somebody() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        return bool(small(sets_by_place(build(persons, without_guard()), persons)))

    persons = find(populations(), exposes, settings=UNSHRUNK)

    with pytest.raises(ReleaseRefused, match="fewer than 10 persons"):
        screen(build(persons, without_guard()), persons, rule=RULE).require()


def test_twin_without_the_share_limit_a_group_tells_its_chapter() -> None:
    def table_of(persons: pl.DataFrame) -> Table:
        return build(persons, without_guard())

    persons = find(populations(), lambda p: bool(told(sets_by_category(table_of(p), p), p)), settings=UNSHRUNK)

    with pytest.raises(ReleaseRefused, match="tells the category"):
        screen(table_of(persons), persons, rule=RULE).require()


def test_twin_without_the_meet_one_withdrawn_person_is_found() -> None:
    def exposes(persons: pl.DataFrame) -> bool:
        before, after = build(persons, definition()), build(persons.slice(1), definition())
        return bool(small([*sets_by_place(before, persons), *sets_by_place(after, persons.slice(1))]))

    persons = find(populations(least=40), exposes, settings=UNSHRUNK)
    members = screen(build(persons, definition()), persons, rule=RULE).members

    later = persons.slice(1)
    with pytest.raises(ReleaseRefused, match="Together with before"):
        screen(build(later, definition()), later, rule=RULE, earlier=[Earlier("before", members)]).require()
