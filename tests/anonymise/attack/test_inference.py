"""Composition, minimality and presence against plain counting of all that could be."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise.attack.composition import kept
from anonymise.attack.folder import Tried
from anonymise.attack.minimality import Cut, Part, told, told_by_coarseness, told_by_failing
from anonymise.attack.presence import told_by_presence
from anonymise.rule import Rule, may_be_broken_down
from tests.anonymise.attack.folders import release
from tests.effort import examples

CUTS: tuple[list[tuple[int, ...]], ...] = ([(0,), (1,), (2,)], [(0, 1), (2,)], [(0,), (1, 2)], [(0, 1, 2)])


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[tuple[tuple[int, ...], int], ...]]:
    """What two or three periods say of a group, each with categories joined in its own way."""
    said = []
    for _ in range(draw(st.integers(2, 3))):
        cut = draw(st.sampled_from(CUTS))
        said.append(tuple((members, draw(st.integers(0, 4))) for members in cut))
    return said


@examples(40)
@given(groups())
def test_what_can_be_in_all_periods_is_what_counting_every_way_finds(
    said: list[tuple[tuple[tuple[int, ...], int], ...]],
) -> None:
    left = kept([tuple((np.array(m), n) for m, n in each) for each in said], 3)

    ways = [
        way
        for way in product(range(5), repeat=3)
        if all(sum(way[c] for c in members) <= n for each in said for members, n in each)
    ]
    most = max(sum(way) for way in ways)
    full = [way for way in ways if sum(way) == most]
    assert left.persons == most
    for atom, upper, lower in zip(left.atoms, left.most.tolist(), left.least.tolist(), strict=True):
        numbers = [sum(way[c] for c in atom.tolist()) for way in full]
        assert lower == min(numbers)
        assert max(numbers) <= upper


@pytest.mark.parametrize(("young", "chance"), [(10, None), (6, 0.8)])
def test_the_chance_after_coarsening_is_that_of_all_worlds_that_break_the_rule(
    young: int, chance: float | None
) -> None:
    rule, counts = Rule(1, 0.8, 1), {"J": 14, "F": 6}
    parts = [Part("young", young), Part("old", 20 - young)]

    found = told(Cut("g", 0, tuple(parts), counts), rule=rule, within=rule.share_limit)

    random = np.random.default_rng(5)
    persons = np.repeat([1, 0], [14, 6])
    worlds = np.array([random.permutation(persons)[:young].sum() for _ in range(20_000)])
    tables = [np.array([[j, young - j], [14 - j, 20 - young - (14 - j)]]) for j in worlds.tolist()]
    broken = np.array([not may_be_broken_down(t, rule=rule).all() for t in tables])
    expected = float(worlds[broken].mean()) / young
    assert (chance is not None) == (expected > 0.8)
    assert bool([part for part, name, _ in found if part.name == "young" and name == "J"]) == (expected > 0.8)


def test_parts_that_mostly_break_the_rule_tell_nothing() -> None:
    cut = Cut("g", 0, (Part("young", 12), Part("old", 15)), {"J": 15, "F": 12})

    assert told(cut, rule=Rule(10, 0.8, 2), within=0.8) == []


def test_a_step_that_failed_is_reckoned_with_in_all_worlds_in_which_some_group_breaks_it() -> None:
    rule = Rule(1, 0.75, 1)
    one = Cut("one", 0, (Part("young", 6), Part("old", 14)), {"J": 14, "F": 6})
    two = Cut("two", 0, (Part("young", 8), Part("old", 8)), {"J": 9, "F": 7})
    random = np.random.default_rng(6)

    def world(cut: Cut) -> tuple[int, bool]:
        persons = random.permutation(np.repeat([1, 0], list(cut.counts.values())))
        young = cut.parts[0].persons
        table = np.array([[persons[:young].sum(), young - persons[:young].sum()]])
        table = np.concatenate([table, np.array([list(cut.counts.values())]) - table])
        return int(table[0, 0]), not may_be_broken_down(table, rule=replace(rule, share_limit=0.8)).all()

    worlds = [(world(one), world(two)) for _ in range(20_000)]
    failed = [first for (first, broke), (_, other) in worlds if broke or other]
    alone = [first for (first, broke), _ in worlds if broke]

    [*both] = told_by_failing([one, two], rule=rule, within=0.8, finer=False)
    [*by_itself] = told_by_failing([one], rule=rule, within=0.8, finer=False)

    assert np.mean(alone) / 6 > 0.75 + 0.02
    assert (np.mean(failed) / 6 > 0.75) == bool([each for _, each in both if each[0].name == "young"])
    [chance] = [share for _, (part, name, share) in by_itself if (part.name, name) == ("young", "J")]
    assert abs(chance - np.mean(alone) / 6) < 0.03


def test_of_one_group_alone_a_step_that_failed_tells_what_its_coarseness_tells() -> None:
    cut = Cut("g", 0, (Part("young", 6), Part("old", 14)), {"J": 14, "F": 6})

    failed = told_by_failing([cut], rule=Rule(1, 0.7, 1), within=0.8, finer=False)

    assert [each for _, each in failed] == told(cut, rule=Rule(1, 0.7, 1), within=0.8) != []


def test_where_finer_categories_failed_a_joined_one_is_weighed_as_its_parts() -> None:
    # Told are J and the others joined. A single person among these would have broken the rule wherever they are.
    cut = Cut("g", 0, (Part("young", 12), Part("old", 28)), {"J": 30, "F|M": 10}, frozenset({"F|M"}))
    rule = Rule(2, 0.74, 2)

    plain = told_by_failing([cut], rule=rule, within=0.95, finer=False)
    finer = told_by_failing([cut], rule=rule, within=0.95, finer=True)

    assert {each[:2] for _, each in plain} < {each[:2] for _, each in finer}


BLOCKS = ((1, "", "a", "*", 17), (2, "", "b+c", "*", 30))


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ({"a": 20, "b": 100, "c": 100}, {"place a": (17, 20)}),
        ({"a": 22, "b": 20, "c": 17}, {"place b, c": (30, 37)}),
        ({"a": 22, "b": 20, "c": 18}, {}),
        ({"a": 20, "b": 100}, {"place a": (17, 20)}),
    ],
)
def test_a_place_of_which_nearly_all_are_in_is_found(
    population: dict[str, int], expected: dict[str, tuple[int, int]]
) -> None:
    findings = told_by_presence(release(blocks=BLOCKS), population, dimension="place")

    assert {f.what: (f.lower, f.of) for f in findings} == expected


def test_presence_is_seen_in_rows_without_blocks_too() -> None:
    findings = told_by_presence(release(("a", "*", "*", 17)), {"a": 20, "b": 50, "c": 50}, dimension="place")

    assert [(f.what, f.lower, f.of) for f in findings] == [("place a", 17, 20)]


def test_the_steps_that_a_release_names_are_part_of_the_attack_on_it() -> None:
    made = release(
        blocks=((1, "g", "a", "*", 50), (2, "g", "b+c", "*", 150)), groups=(("g", "J", 148), ("g", "F|M", 52)), k=5
    )
    taken, before = Tried("kin", 0.75), Tried("reason", 0.8)

    silent = told_by_coarseness(replace(made, tried=(taken,)))
    found = told_by_coarseness(replace(made, tried=(before, taken)))

    assert silent == ()
    assert {(f.kind, f.what, f.certain) for f in found} >= {("minimality", "place a of group g: J", "42 of 50")}
