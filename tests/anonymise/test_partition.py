"""The base partition of a region, the hierarchies it works on, and the counts that go in."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from anonymise import synthetic
from anonymise.build import base_partition, build
from anonymise.counts import count
from anonymise.definition import shipped
from anonymise.hierarchies import ages, municipalities
from anonymise.hierarchy import build as hierarchy
from anonymise.hierarchy import read_hierarchy
from anonymise.losses import Generic
from anonymise.partition import partition
from anonymise.problems import HierarchyInvalid, InputInvalid, TooFewPersons
from anonymise.strata import strata
from tests.anonymise.builders import cohort, definition, group

TEN = ages().from_level("10")


def test_every_block_holds_k_and_totals_are_exact_but_for_the_one_that_takes_in_few() -> None:
    persons = synthetic.persons(5000, seed=4)
    built = build(persons, definition())
    flags = {row.keys[0]: row.flag for row in built.table.rows if set(row.keys[1:]) == {"*"}}
    tree = municipalities()

    assert built.blocks.persons.min() >= 10
    assert built.blocks.persons.sum() == 5000
    assert {flags[code] for code in tree.nodes[2]} == {""}
    for level in (0, 1):
        parent = dict(zip((tree.nodes[level][n] for n in tree.levels[level]), tree.levels[level + 1], strict=True))
        sizes = persons.group_by(pl.col("municipality").replace_strict(owners(level))).len().rows()
        inexact = Counter(parent[code] for code, number in sizes if number >= 10 and flags[code] != "")
        assert not inexact or max(inexact.values()) == 1


def owners(level: int) -> dict[str, str]:
    """The node of a level that each municipality belongs to."""
    return {value: code for code, values in municipalities().holds(level).items() for value in values}


def test_persons_with_the_same_values_stand_in_the_same_block() -> None:
    built = build(synthetic.persons(3000, seed=4), definition())

    where = built.persons.join(built.members.select("person", "block"), on="person")
    assert where.group_by("municipality", "age_band", "sex").agg(blocks="block").filter(
        pl.col("blocks").list.n_unique() > 1
    ).height == 0  # fmt: skip


def test_all_data_sets_of_a_cohort_stand_on_one_partition() -> None:
    persons = synthetic.persons(2000, seed=4)
    made = [build(persons, shipped(slug)) for slug in ("reasons-for-encounter", "waiting-times", "travel-saved")]

    assert all(np.array_equal(made[0].partition.block, other.partition.block) for other in made[1:])


def test_a_sensitive_value_cannot_change_the_partition() -> None:
    persons = synthetic.persons(800, seed=4)
    definition = shipped()
    hierarchies = [definition.hierarchies[d.name] for d in definition.identifying]

    one = base_partition(count(persons, hierarchies), definition)
    other = base_partition(count(persons.with_columns(chapter=pl.lit("J00-J99")), hierarchies), definition)

    assert np.array_equal(one.block, other.block)


def test_strata_with_too_few_persons_are_put_together_under_their_parent() -> None:
    tree = hierarchy("places", {"place": list("abcdef"), "half": ["x", "x", "x", "y", "y", "y"]})
    cells = np.arange(6, dtype=np.int64)[:, None]

    found = strata(cells, np.array([20, 4, 6, 30, 12, 3]), hierarchies=(tree,), hard={0: 0}, k=10)

    assert found[1] == found[2] not in (found[0], found[3])  # ten together
    assert found[5] == found[3]  # three, taken in by the largest beside them
    assert len(set(found.tolist())) == 4


def test_a_person_in_two_rows_or_an_unknown_value_is_refused() -> None:
    hierarchies = [shipped().hierarchies[name] for name in ("municipality", "age_band", "sex")]
    people = group(12)

    with pytest.raises(InputInvalid, match="more than one row"):
        count(cohort([*people, people[0]]), hierarchies, sensitive=shipped().hierarchies["chapter"])
    with pytest.raises(InputInvalid, match="A value of age_band"):
        count(cohort([*people, ("x", "01002000", "30-40", "male", "J00-J99")]), hierarchies)


@pytest.mark.parametrize("raw", ["-1", "131", "3.5", ""])
def test_an_impossible_age_is_no_age(raw: str) -> None:
    assert TEN.place_of(raw) is None


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"1": ["a", "b", "c"], "2": ["x", "x", "y"], "3": ["1", "2", "2"]}, "two parents"),
        ({"1": ["a", "b"], "2": ["x", ""]}, "no node"),
        ({"1": ["a", "b"], "2": ["x"]}, "no node"),
        ({"1": ["a", "a"], "2": ["x", "x"]}, "stands twice"),
        ({"1": ["a", "b"], "2": ["b", "a"], "3": ["x", "y"], "4": ["a", "a"], "5": ["a", "b"]}, "two parents"),
    ],
)
def test_a_hierarchy_with_a_hole_or_a_cycle_is_refused(columns: dict[str, list[str]], said: str) -> None:
    with pytest.raises(HierarchyInvalid, match=said):
        hierarchy("letters", columns)


def test_a_hierarchy_comes_from_a_file_with_one_column_per_level(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text("village,county\nA,x\nB,x\nC,y\n")

    found = read_hierarchy(path, "place")

    assert found.level_names == ("village", "county", "all")
    assert found.holds(1) == {"x": ("A", "B"), "y": ("C",)}
    path.write_text("village,county\nA,x\nB\n")
    with pytest.raises(HierarchyInvalid, match="line 3"):
        read_hierarchy(path, "place")


def test_a_hundred_thousand_values_of_one_person_each_become_blocks_of_their_parents() -> None:
    codes = [f"{number:05}" for number in range(100_000)]
    tree = hierarchy("post", {"code": codes, "region": [code[:3] for code in codes]})
    persons = pl.DataFrame({"person": codes, "post": codes})
    counted = count(persons, [tree])

    found = partition(
        counted.cells, counted.persons, hierarchies=(tree,), loss=Generic((tree,)), k=10, hard={0: 0}
    )  # fmt: skip

    assert found.sizes.tolist() == [100] * 1000


def test_k_above_the_number_of_persons_is_refused() -> None:
    with pytest.raises(TooFewPersons):
        build(synthetic.persons(40, seed=1), definition(41))


def test_persons_who_are_all_alike_are_one_block_and_show_no_category() -> None:
    built = build(cohort(group(200)), definition())

    assert built.blocks.persons.tolist() == [200]
    assert built.blocks.group is None


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(TooFewPersons):
        build(cohort([]), definition())
