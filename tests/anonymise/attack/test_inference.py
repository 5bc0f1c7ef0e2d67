"""Composition, minimality and presence against plain counting of all that could be."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise.attack.composition import kept
from anonymise.attack.minimality import Part, told
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

    found = told(parts, counts, rule=rule)

    random = np.random.default_rng(5)
    persons = np.repeat([1, 0], [14, 6])
    worlds = np.array([random.permutation(persons)[:young].sum() for _ in range(20_000)])
    tables = [np.array([[j, young - j], [14 - j, 20 - young - (14 - j)]]) for j in worlds.tolist()]
    broken = np.array([not may_be_broken_down(t, rule=rule).all() for t in tables])
    expected = float(worlds[broken].mean()) / young
    assert (chance is not None) == (expected > 0.8)
    assert bool([part for part, name, _ in found if part.name == "young" and name == "J"]) == (expected > 0.8)


def test_parts_that_mostly_break_the_rule_tell_nothing() -> None:
    assert told([Part("young", 12), Part("old", 15)], {"J": 15, "F": 12}, rule=Rule(10, 0.8, 2)) == []


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
