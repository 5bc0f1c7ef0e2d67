"""Which share of each block lies in which cell of a table, if its persons are spread evenly over its region."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anonymise.blocks import Blocks, Values
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows of block and cell that touch: the share of the block expected in the cell, and whether all of it is there."""

    block: Codes
    cell: Codes
    share: Floats
    inside: NDArray[np.bool_]
    number: int

    def sums(self, persons: Codes) -> tuple[Floats, Codes, Codes]:
        """Per cell the persons expected, those certainly inside, and those who can be at most."""
        weights = persons[self.block].astype(np.float64)
        expected: Floats = np.bincount(self.cell, weights=weights * self.share, minlength=self.number).astype(
            np.float64
        )
        lower = np.bincount(self.cell, weights=weights * self.inside, minlength=self.number)
        upper = np.bincount(self.cell, weights=weights, minlength=self.number)
        return expected, np.rint(lower).astype(np.int64), np.rint(upper).astype(np.int64)


def spread(blocks: Blocks, levels: Mapping[int, int]) -> Spread:
    """How the blocks lie in the cells of a table, given by the level of each of its dimensions; cells are numbered like
    the combinations of their nodes, the last dimension fastest."""
    number = len(blocks.persons)
    found = Spread(np.arange(number), np.zeros(number, np.int64), np.ones(number), np.ones(number, bool), 1)
    for dimension, level in levels.items():
        found = _along(found, blocks, dimension, level)
    return found


def _along(found: Spread, blocks: Blocks, dimension: int, level: int) -> Spread:
    """The same, cut along one more dimension."""
    hierarchy = blocks.identifying[dimension]
    kind = blocks.region[:, dimension]
    parts = [_parts(hierarchy, region.values, level) for region in blocks.regions[dimension]]
    lengths = np.array([len(part[0]) for part in parts])
    starts = np.cumsum(lengths) - lengths
    cells, shares = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    of_row = kind[found.block]
    repeated = np.repeat(np.arange(len(found.block)), lengths[of_row])
    offset = np.arange(len(repeated)) - np.repeat(np.cumsum(lengths[of_row]) - lengths[of_row], lengths[of_row])
    place = starts[of_row][repeated] + offset
    width = len(hierarchy.nodes[level])
    return Spread(
        found.block[repeated],
        found.cell[repeated] * width + cells[place].astype(np.int64),
        found.share[repeated] * shares[place],
        found.inside[repeated] & (lengths[of_row][repeated] == 1),
        found.number * width,
    )


def _parts(hierarchy: Hierarchy, values: Values, level: int) -> tuple[Codes, Floats]:
    """The nodes of a level that a region touches, and the share of it in each. A value that stands in for none is expected
    in no wider region; it still is in its bounds."""
    usual = [value for value in values if hierarchy.values[value] != hierarchy.seldom] or list(values)
    touched = np.unique(hierarchy.levels[level][list(values)])
    counted = hierarchy.levels[level][usual]
    return touched, np.array([float((counted == part).mean()) for part in touched])
