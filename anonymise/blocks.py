"""What is published about persons, before it is made into tables: blocks, and categories of groups of whole blocks.

Everything else in a release is a function of this, the hierarchies and the definition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.hierarchy import Codes, Hierarchy

EVERYBODY: Final = -1
"""The group of all blocks, of which categories too rare for groups are told."""


@dataclass(frozen=True, slots=True)
class Category:
    """How many persons of a group have one of some values of the sensitive dimension."""

    group: int
    values: tuple[int, ...]
    persons: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Per block: in each identifying dimension the level and number of its node, its persons, its group (-1: none).

    `categories` of a group are disjoint and cover all values; those of everybody cover `other`, the values that groups
    do not name.
    """

    identifying: tuple[Hierarchy, ...]
    levels: Codes
    nodes: Codes
    persons: Codes
    sensitive: Hierarchy | None = None
    group: Codes | None = None
    categories: tuple[Category, ...] = ()
    other: tuple[int, ...] = ()

    def code(self, block: int, dimension: int) -> str:
        """The code of a block's node in a dimension."""
        return self.identifying[dimension].nodes[self.levels[block, dimension]][self.nodes[block, dimension]]

    def group_sizes(self) -> Codes:
        """The persons of every group."""
        if self.group is None or not len(self.group):
            return np.zeros(0, dtype=np.int64)
        return np.bincount(self.group, weights=self.persons).astype(np.int64)


def value_set_code(hierarchy: Hierarchy, values: Iterable[int], *, other: tuple[int, ...] = ()) -> str:
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


OTHER: Final = "other"
JOIN: Final = "|"
