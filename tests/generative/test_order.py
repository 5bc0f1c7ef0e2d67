"""The order and the numbers of what is published tell nothing: two populations that publish the same values publish the
same bytes, wherever inside their blocks the persons are."""

from random import Random

import polars as pl
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from anonymise import partition as partitions
from anonymise.blocks import plain_blocks
from anonymise.build import Built, build
from anonymise.hierarchy import Codes
from anonymise.partition import Partition, as_before
from anonymise.release import number_files
from tests.anonymise.builders import definition
from tests.effort import examples
from tests.generative.populations import populations
from tests.generative.test_partition import CHOICES, World, made

Line = tuple[str, ...]


def lines(made: Partition) -> list[Line]:
    """Per block what `blocks.csv` says of it, its number aside."""
    told = plain_blocks(made)
    return [
        (*(told.code(block, d) for d in range(len(made.hierarchies))), str(persons))
        for block, persons in enumerate(told.persons.tolist())
    ]


def moved(found: Partition, random: Random) -> Partition:
    """The same blocks with one cell's persons in another cell of the region that was empty; or as it was."""
    told = plain_blocks(found)
    cell = random.randrange(len(found.cells))
    block = int(found.block[cell])
    regions = [told.regions[d][int(told.region[block, d])].values for d in range(len(found.hierarchies))]
    elsewhere = [random.choice(values) for values in regions]
    if any((found.cells == elsewhere).all(axis=1)):
        return found
    cells: Codes = found.cells.copy()
    cells[cell] = elsewhere
    hard = dict.fromkeys(found.held, 0)
    return as_before(cells, found.persons, found.block, hierarchies=found.hierarchies, k=10, hard=hard)


def tells_where(world: World, declared: int, hard: int, seed: int) -> bool:
    """Whether two populations publish the same blocks in another order."""
    first = made(world, declared=declared, hard=hard)
    second = moved(first, Random(seed))
    return sorted(lines(first)) == sorted(lines(second)) and lines(first) != lines(second)


SEEDS = st.integers(0, 1 << 30)


@given(CHOICES[0], CHOICES[1], CHOICES[3], SEEDS)
@examples(150)
def test_the_numbers_of_blocks_follow_from_what_is_published(world: World, declared: int, hard: int, seed: int) -> None:
    assert not tells_where(world, declared, hard, seed)


def test_numbers_by_the_first_cell_that_holds_somebody_would_tell_where_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "_first_values", lambda hierarchy, levels, some, stratum, held: some)
    quick = settings(max_examples=4000, phases=[Phase.generate], database=None, derandomize=True)

    find(st.tuples(CHOICES[0], SEEDS), lambda case: tells_where(case[0], 0, 0, case[1]), settings=quick)


@given(CHOICES[0], CHOICES[3])
@examples(60)
def test_of_one_region_there_is_one_block(world: World, hard: int) -> None:
    told = lines(made(world, hard=hard))

    assert len({line[:-1] for line in told}) == len(told)


@given(populations(least=40), SEEDS)
@examples(40)
def test_the_files_are_the_same_wherever_in_its_block_somebody_is(persons: pl.DataFrame, seed: int) -> None:
    first = build(persons, definition())
    second = build(exchanged(first, persons, Random(seed)), definition())
    if sorted(lines(first.partition)) != sorted(lines(second.partition)):
        return

    assert number_files(first) == number_files(second)


def exchanged(built: Built, persons: pl.DataFrame, random: Random) -> pl.DataFrame:
    """The persons, one of whom has other values of the same block."""
    row = random.randrange(persons.height)
    block = int(built.members["block"][row])
    blocks = built.blocks
    changed = persons
    for d, hierarchy in enumerate(blocks.identifying):
        values = blocks.regions[d][int(blocks.region[block, d])].values
        column = changed[hierarchy.name].to_list()
        column[row] = hierarchy.values[random.choice(values)]
        changed = changed.with_columns(pl.Series(hierarchy.name, column))
    return changed
