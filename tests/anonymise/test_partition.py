"""COVER on small examples whose result can be worked out by hand."""

import numpy as np
import pytest

from anonymise import synthetic
from anonymise.counts import cells
from anonymise.hierarchies import ages, build, chapters, municipalities, sexes
from anonymise.partition import Attribute, Codes, cover, partition, values_reached
from anonymise.problems import InputInvalid
from anonymise.rule import Counts, Mask, Rule
from tests.anonymise.builders import cohort, group

RULE = Rule(k=10)


def classes(counts: list[int], *columns: list[str], within: list[int] | None = None) -> list[int]:
    """The class of each value of a hierarchy with these node columns, for k = 10."""
    hierarchy = build("letters", columns)
    attribute = Attribute(hierarchy.levels, hierarchy.sizes())
    strata = np.array(within or [0] * len(counts))

    def enough(sums: Counts) -> Mask:
        result: Mask = sums[:, 0] >= RULE.k
        return result

    found: Codes = cover(np.array(counts)[:, None], [attribute], within=strata, admissible=enough)
    return [int(number) for number in found]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([10, 10, 10, 10], [0, 1, 2, 3]),
        ([12, 4, 6, 20], [0, 0, 1, 1]),  # b and c each join their sibling: widening over the halves costs more
        ([5, 5, 20, 20], [0, 0, 1, 2]),  # too few apart, enough together
        ([3, 3, 20, 0], [0, 0, 0, 0]),  # one class, because the rest can only join the one there is
        ([3, 3, 3, 3], [0, 0, 0, 0]),
    ],
)
def test_values_that_are_too_few_go_where_it_costs_least(counts: list[int], expected: list[int]) -> None:
    assert classes(counts, list("abcd"), ["ab", "ab", "cd", "cd"]) == expected


def test_classes_never_reach_over_a_stratum() -> None:
    found = classes([6, 6, 6, 6], list("abcd"), ["ab", "ab", "cd", "cd"], within=[0, 1, 0, 1])

    assert found == [0, 1, 0, 1]


def test_every_block_of_a_region_holds_k_persons_and_totals_of_districts_are_exact() -> None:
    counted = cells(synthetic.persons(5000, seed=4), [municipalities(), ages(), sexes()], sensitive=chapters())

    blocks = partition(counted.persons, counted.identifying, rule=RULE)

    assert blocks.sizes.min() >= RULE.k
    assert blocks.sizes.sum() == 5000
    district = municipalities().levels[2]
    assert all(
        len({int(district[m]) for m in values_reached(blocks.reach(0), np.array([b]))}) == 1
        for b in range(len(blocks.sizes))
    )


def test_a_person_in_two_rows_or_an_unknown_value_is_refused() -> None:
    hierarchies = [municipalities(), ages(), sexes()]
    people = group(12)

    with pytest.raises(InputInvalid, match="more than one row"):
        cells(cohort([*people, people[0]]), hierarchies, sensitive=chapters())
    with pytest.raises(InputInvalid, match="age_band"):
        cells(cohort([*people, ("x", "01002000", "30-40", "male", "J00-J99")]), hierarchies, sensitive=chapters())


def test_a_hierarchy_in_which_a_node_has_two_parents_is_refused() -> None:
    with pytest.raises(ValueError, match="two parents"):
        build("letters", [["a", "b", "c"], ["x", "x", "y"], ["1", "2", "2"]])
