"""What is published about persons, before it is made into tables: blocks, and categories of groups of whole blocks.

Everything else in a release is a function of this, the hierarchies and the definition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.hierarchy import ALL, Codes, Hierarchy
from anonymise.partition import Partition

EVERYBODY: Final = -1
"""The group of all blocks, of which categories too rare for groups are told."""

OTHER: Final = "other"
JOIN: Final = "|"
PART: Final = "~"

Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A set of values of a dimension and its code: that of a node, or of a numbered part of one."""

    code: str
    values: Values


@dataclass(frozen=True, slots=True)
class Category:
    """How many persons of a group have one of some values of the sensitive dimension."""

    group: int
    values: Values
    persons: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Per block (rows) and identifying dimension (columns) the number of its region, its persons, its group (-1: none).

    `categories` of a group are disjoint and cover all values; those of everybody cover `other`, the values that groups
    do not name.
    """

    identifying: tuple[Hierarchy, ...]
    regions: tuple[tuple[Region, ...], ...]
    region: Codes
    persons: Codes
    sensitive: Hierarchy | None = None
    group: Codes | None = None
    categories: tuple[Category, ...] = ()
    other: Values = ()

    def code(self, block: int, dimension: int) -> str:
        """The code of a block's region in a dimension."""
        return self.regions[dimension][int(self.region[block, dimension])].code

    def group_sizes(self) -> Codes:
        """The persons of every group."""
        if self.group is None:
            return np.zeros(0, dtype=np.int64)
        return np.bincount(self.group, weights=self.persons).astype(np.int64)


def plain_blocks(base: Partition) -> Blocks:
    """The blocks of a partition: the smallest node of each dimension, of it what its stratum can hold."""
    columns, regions = [], []
    for d, hierarchy in enumerate(base.hierarchies):
        kinds = np.stack(
            [base.levels[:, d], base.nodes[:, d], base.strata if d in base.held else 0 * base.strata], axis=1
        )
        distinct, column = np.unique(kinds, axis=0, return_inverse=True)
        values = [_inside(hierarchy, int(level), int(node), base.held.get(d, {}).get(s)) for level, node, s in distinct]
        named, place = _named(hierarchy, values)
        regions.append(named)
        columns.append(place[column.ravel()])
    return Blocks(base.hierarchies, tuple(regions), np.stack(columns, axis=1), base.sizes)


def _inside(hierarchy: Hierarchy, level: int, node: int, held: frozenset[int] | None) -> Values:
    values = np.flatnonzero(hierarchy.levels[level] == node).tolist()
    return tuple(value for value in values if held is None or value in held)


def _named(hierarchy: Hierarchy, sets: list[Values]) -> tuple[tuple[Region, ...], Codes]:
    """The distinct sets with codes: that of the node if the set is all of it, else of a numbered part; and each one's place."""
    regions: list[Region] = []
    parts: dict[str, int] = {}
    place = {values: number for number, values in enumerate(sorted(set(sets)))}
    for values in place:
        level = int(np.argmax((hierarchy.levels[:, list(values)] == hierarchy.levels[:, [values[0]]]).all(axis=1)))
        node = int(hierarchy.levels[level, values[0]])
        code = hierarchy.nodes[level][node]
        if int((hierarchy.levels[level] == node).sum()) != len(values):
            parts[code] = parts.get(code, 0) + 1
            code = f"{'all' if code == ALL else code}{PART}{parts[code]}"
        regions.append(Region(code, values))
    return tuple(regions), np.array([place[values] for values in sets], dtype=np.int64)


def value_set_code(hierarchy: Hierarchy, values: Iterable[int], *, other: Values = ()) -> str:
    """The code of a set of values: `other`, or the largest nodes that it is made of, joined by a bar."""
    left = set(values)
    if other and left == set(other):
        return OTHER
    codes = []
    for level in range(len(hierarchy.levels) - 2, -1, -1):
        for number, code in enumerate(hierarchy.nodes[level]):
            members = set(np.flatnonzero(hierarchy.levels[level] == number).tolist())
            if members <= left:
                codes.append((min(members), code))
                left -= members
    return JOIN.join(code for _, code in sorted(codes))
