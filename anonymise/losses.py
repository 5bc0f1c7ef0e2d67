"""What it costs to tell a person's values only as nodes: the plug-in point of the partition.

A loss is a number per class node, between 0 (nothing lost) and about 1. `Generic` is the normalised certainty penalty
(Xu et al. 2006) for microdata; `Declared` is the expected share of persons whom a uniform spread over the node puts in a
wrong cell of the declared tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from anonymise.hierarchy import Codes, Hierarchy

Floats = NDArray[np.float64]

ENTROPY: Final = 0.1
"""Weight of log(node size) beside the penalty: measured on half of Adult, it lowers query errors at no cost in penalty."""

TIE: Final = 1e-3
"""Weight of the generic loss beside the declared one: among vectors that the tables can't tell apart, the finer first."""


class Loss(Protocol):
    """A loss over the nodes of some hierarchies."""

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node; one row per node: its level in each dimension, and the values of one cell inside it."""
        ...

    def ordered(self, cells: Codes, persons: Codes) -> Codes:
        """All level vectors by mean loss over the persons, finest first; one row per vector."""
        ...


@dataclass(frozen=True, slots=True)
class Generic:
    """Mean over the dimensions of (node size - 1) / (values - 1), plus a share of log(node size) / log(values)."""

    hierarchies: tuple[Hierarchy, ...]
    entropy: float = ENTROPY

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node."""
        parts = [table[levels[:, d], cells[:, d]] for d, table in enumerate(self._tables())]
        result: Floats = np.mean(parts, axis=0)
        return result

    def ordered(self, cells: Codes, persons: Codes) -> Codes:
        """All level vectors, finest first."""
        means = [table @ _share(table, cells[:, d], persons) for d, table in enumerate(self._tables())]
        return by_loss(_sums(means))

    def _tables(self) -> list[Floats]:
        """Per dimension the loss of every level (rows) and value (columns)."""
        tables = []
        for sizes in (h.sizes().astype(np.float64) for h in self.hierarchies):
            values = sizes.shape[1]
            tables.append((sizes - 1) / max(values - 1, 1) + self.entropy * np.log(sizes) / np.log(max(values, 2)))
        return tables


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a declared table: for its dimensions, by their place, the level; and how much an error matters."""

    levels: Mapping[int, int]
    weight: float


@dataclass(frozen=True, slots=True)
class Declared:
    """The weighted mean over the declared tables of the share that a uniform spread puts in a wrong cell."""

    hierarchies: tuple[Hierarchy, ...]
    tables: tuple[Table, ...]

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node."""
        right = [self._right(d) for d in range(len(self.hierarchies))]
        loss = TIE * Generic(self.hierarchies).of(levels, cells)
        for table in self.tables:
            shares = [right[d][level][levels[:, d], cells[:, d]] for d, level in table.levels.items()]
            loss += table.weight * (1 - np.prod(shares, axis=0))
        return loss

    def ordered(self, cells: Codes, persons: Codes) -> Codes:
        """All level vectors, finest first. The mean of a product is taken as the product of the means: it only orders."""
        shapes = [len(h.levels) for h in self.hierarchies]
        generic = Generic(self.hierarchies)
        tables = generic._tables()
        loss = TIE * _sums([table @ _share(table, cells[:, d], persons) for d, table in enumerate(tables)])
        for table in self.tables:
            right = np.ones(shapes)
            for d, level in table.levels.items():
                mean = self._right(d)[level] @ _share(tables[d], cells[:, d], persons)
                right = right * mean.reshape([-1 if axis == d else 1 for axis in range(len(shapes))])
            loss = loss + table.weight * (1 - right)
        return by_loss(loss)

    def _right(self, dimension: int) -> list[Floats]:
        """Per declared level: the share of every level's node (rows) of a value (columns) that the right cell takes up."""
        sizes = self.hierarchies[dimension].sizes().astype(np.float64)
        return [np.minimum(sizes[level] / sizes, 1.0) for level in range(len(sizes))]


def by_loss(loss: Floats) -> Codes:
    """The level vectors of a grid of losses in rising order; equal ones, to twelve digits, in the order of the levels."""
    order = np.argsort(np.round(loss.ravel(), 12), kind="stable")
    return np.stack(np.unravel_index(order, loss.shape), axis=1).astype(np.int64)


def _share(table: Floats, values: Codes, persons: Codes) -> Floats:
    """The share of the persons with each value."""
    counts = np.bincount(values, weights=persons, minlength=table.shape[1])
    result: Floats = counts / max(counts.sum(), 1)
    return result


def _sums(parts: Sequence[Floats]) -> Floats:
    """The mean of one part of each dimension, for every combination."""
    total = parts[0]
    for part in parts[1:]:
        total = np.add.outer(total, part)
    result: Floats = total / len(parts)
    return result


def lattice_size(hierarchies: Sequence[Hierarchy]) -> int:
    """How many level vectors there are."""
    return int(np.prod([len(h.levels) for h in hierarchies]))


def one_step_parents(vectors: Codes, tops: Sequence[int]) -> set[tuple[int, ...]]:
    """The vectors, and those that are one level coarser in one dimension."""
    found = {tuple(int(level) for level in vector) for vector in vectors}
    return found | {
        (*v[:d], v[d] + 1, *v[d + 1 :]) for v, d in product(sorted(found), range(len(tops))) if v[d] < tops[d]
    }
