"""What it costs to tell a person's values only as nodes: the plug-in point of the partition.

A loss is a number per class node, between 0 (nothing lost) and about 1. `Generic` is the normalised certainty penalty
(Xu et al. 2006) for microdata; `Declared` is the expected share of persons whom a uniform spread over the node puts in a
wrong cell of the declared tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Order:
    """Level vectors, finest first (one row each), the mean loss of each, and by how much that is above the next finer one."""

    vectors: Codes
    loss: Floats
    step: Floats

    def only(self, chosen: Codes) -> "Order":
        """Those at some places."""
        return Order(self.vectors[chosen], self.loss[chosen], self.step[chosen])


class Loss(Protocol):
    """A loss over the nodes of some hierarchies."""

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node; one row per node: its level in each dimension, and the values of one cell inside it."""
        ...

    def ordered(self, cells: Codes, persons: Codes) -> Order:
        """All level vectors by mean loss over the persons, finest first."""
        ...


@dataclass(frozen=True, slots=True)
class Generic:
    """Mean over the dimensions of (node size - 1) / (values - 1), plus a share of log(node size) / log(values)."""

    hierarchies: tuple[Hierarchy, ...]
    entropy: float = ENTROPY
    tables: tuple[Floats, ...] = field(init=False, repr=False, compare=False)
    """Per dimension the loss of every level (rows) and value (columns)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(_penalties(h, self.entropy) for h in self.hierarchies))

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node."""
        parts = [table[levels[:, d], cells[:, d]] for d, table in enumerate(self.tables)]
        result: Floats = np.mean(parts, axis=0)
        return result

    def ordered(self, cells: Codes, persons: Codes) -> Order:
        """All level vectors, finest first."""
        shares = _shares(cells, persons, self.hierarchies)
        return by_loss(_sums([table @ share for table, share in zip(self.tables, shares, strict=True)]))


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
    generic: Generic = field(init=False, repr=False, compare=False)
    right: tuple[tuple[Floats, ...], ...] = field(init=False, repr=False, compare=False)
    """Per dimension and declared level: the share of every level's node (rows) of a value (columns) that the right cell
    takes up."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "generic", Generic(self.hierarchies))
        object.__setattr__(self, "right", tuple(_right(h) for h in self.hierarchies))

    def of(self, levels: Codes, cells: Codes) -> Floats:
        """The loss of each node."""
        loss = TIE * self.generic.of(levels, cells)
        for table in self.tables:
            shares = [self.right[d][level][levels[:, d], cells[:, d]] for d, level in table.levels.items()]
            loss += table.weight * (1 - np.prod(shares, axis=0))
        return loss

    def ordered(self, cells: Codes, persons: Codes) -> Order:
        """All level vectors, finest first. The mean of a product is taken as the product of the means: it only orders."""
        shapes = [len(h.levels) for h in self.hierarchies]
        shares = _shares(cells, persons, self.hierarchies)
        loss = TIE * _sums([table @ share for table, share in zip(self.generic.tables, shares, strict=True)])
        for table in self.tables:
            right = np.ones(shapes)
            for d, level in table.levels.items():
                mean = self.right[d][level] @ shares[d]
                right = right * mean.reshape([-1 if axis == d else 1 for axis in range(len(shapes))])
            loss = loss + table.weight * (1 - right)
        return by_loss(loss)


def by_loss(loss: Floats) -> "Order":
    """The level vectors of a grid of losses in rising order; equal ones, to twelve digits, in the order of the levels."""
    order = np.argsort(np.round(loss.ravel(), 12), kind="stable")
    vectors = np.stack(np.unravel_index(order, loss.shape), axis=1).astype(np.int64)
    steps = np.full(loss.shape, np.inf)
    for axis in range(loss.ndim):
        inner = np.moveaxis(steps, axis, 0)[1:]
        np.minimum(inner, np.diff(np.moveaxis(loss, axis, 0), axis=0), out=inner)
    return Order(vectors, loss.ravel()[order], steps.ravel()[order])


def _penalties(hierarchy: Hierarchy, entropy: float) -> Floats:
    sizes = hierarchy.sizes().astype(np.float64)
    values = sizes.shape[1]
    penalties: Floats = (sizes - 1) / max(values - 1, 1) + entropy * np.log(sizes) / np.log(max(values, 2))
    return penalties


def _right(hierarchy: Hierarchy) -> tuple[Floats, ...]:
    sizes = hierarchy.sizes().astype(np.float64)
    return tuple(np.minimum(row / sizes, 1.0) for row in sizes)


def _shares(cells: Codes, persons: Codes, hierarchies: Sequence[Hierarchy]) -> list[Floats]:
    """Per dimension the share of the persons with each value."""
    weights, total = persons.astype(np.float64), max(int(persons.sum()), 1)
    return [
        np.bincount(cells[:, d], weights=weights, minlength=len(h.values)) / total for d, h in enumerate(hierarchies)
    ]


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
