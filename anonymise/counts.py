"""From one row per person to the grid of persons that the partition starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymise.hierarchies import Hierarchy
from anonymise.problems import InputInvalid
from anonymise.rule import Counts

PERSON: Final = "person"
# How many values a refusal names.
EXAMPLES: Final = 30


@dataclass(frozen=True, slots=True)
class Cells:
    """The persons per cell of the identifying dimensions and, along the last axis, the sensitive one."""

    identifying: tuple[Hierarchy, ...]
    sensitive: Hierarchy
    grid: Counts

    @property
    def persons(self) -> Counts:
        """The persons per identifying cell."""
        result: Counts = self.grid.sum(axis=-1)
        return result

    def by_block(self, blocks: NDArray[np.int64]) -> Counts:
        """The persons per block and sensitive value, for a grid that names the block of every identifying cell."""
        sums = np.zeros((int(blocks.max()) + 1, self.grid.shape[-1]), dtype=np.int64)
        np.add.at(sums, blocks.ravel(), self.grid.reshape(-1, self.grid.shape[-1]))
        return sums


def cells(persons: pl.DataFrame, identifying: Sequence[Hierarchy], *, sensitive: Hierarchy) -> Cells:
    """The grid of distinct persons; a person in two rows or a value outside its hierarchy is refused."""
    if persons.select(pl.col(PERSON).n_unique() != pl.len()).item():
        raise InputInvalid("A person stands in more than one row.")
    hierarchies = (*identifying, sensitive)
    grouped = persons.group_by([h.name for h in hierarchies]).agg(pl.len().alias("persons"))
    grid = np.zeros([len(h.values) for h in hierarchies], dtype=np.int64)
    np.add.at(grid, positions(grouped, hierarchies), grouped["persons"].to_numpy())
    kept = []
    for axis, hierarchy in enumerate(identifying):
        last = grid.shape[axis] - 1
        if hierarchy.seldom == hierarchy.values[-1] and not grid.take(last, axis=axis).any():
            grid = np.delete(grid, last, axis=axis)
            hierarchy = hierarchy.without_seldom()
        kept.append(hierarchy)
    return Cells(tuple(kept), sensitive, grid)


def positions(frame: pl.DataFrame, hierarchies: Sequence[Hierarchy]) -> tuple[NDArray[np.int64], ...]:
    """For each hierarchy the position of every row's value."""
    found = []
    for hierarchy in hierarchies:
        place = {value: position for position, value in enumerate(hierarchy.values)}
        column = frame[hierarchy.name].replace_strict(place, default=None, return_dtype=pl.Int64)
        if column.null_count():
            known = ", ".join(hierarchy.values[:EXAMPLES]) + (", ..." if len(hierarchy.values) > EXAMPLES else "")
            count = len(hierarchy.values)
            raise InputInvalid(f"A value of {hierarchy.name} is not in its hierarchy. Use one of its {count}: {known}")
        found.append(column.to_numpy())
    return tuple(found)
