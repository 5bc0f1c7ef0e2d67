"""Unions of whole blocks that may be shown by a sensitive dimension: a sweep like COVER's, over blocks.

A block that is coarser than a level vector keeps its own node there. What no vector places joins a group of its stratum,
else of the cohort, for which the persons of both then lose least and which stays admissible.
"""

from collections.abc import Callable, Sequence

import numpy as np

from anonymise.hierarchy import Codes
from anonymise.losses import Loss
from anonymise.partition import Partition
from anonymise.rule import Mask

Admissible = Callable[[Codes], Mask]
"""Which of some groups, given as persons per category (columns), may be shown."""


def grouped(counts: Codes, partition: Partition, *, loss: Loss, strata: Codes, admissible: Admissible) -> Codes:
    """The group of every block, numbered by its first block. All blocks together must be admissible, then every group is.

    `counts` are the persons per block and category, `strata` the stratum of every block.
    """
    sweep = _Sweep(counts, partition, loss, admissible)
    vectors = loss.ordered(sweep.some, partition.sizes).vectors
    for vector in vectors:
        sweep.visit(vector, strata)
    sweep.join(strata)
    for vector in vectors:
        sweep.visit(vector, np.zeros_like(strata))
    sweep.join(np.zeros_like(strata))
    sweep.settle()
    _, first, inverse = np.unique(sweep.group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbered: Codes = rank[inverse]
    return numbered


class _Sweep:
    def __init__(self, counts: Codes, partition: Partition, loss: Loss, admissible: Admissible) -> None:
        self._counts, self._loss, self._admissible = counts, loss, admissible
        self._hierarchies = partition.hierarchies
        self._levels = partition.levels
        # What is public of a block, not where its persons are: groups must tell nothing of that.
        self.some = partition.first
        self.group = np.full(len(counts), -1, dtype=np.int64)

    def visit(self, vector: Codes, strata: Codes) -> None:
        """Make groups of the blocks that are left, share their nodes at a vector and are admissible together."""
        left = np.flatnonzero(self.group < 0)
        if not len(left):
            return
        keys = strata[left]
        for d, hierarchy in enumerate(self._hierarchies):
            level = np.maximum(self._levels[left, d], vector[d])
            node = level * hierarchy.levels.shape[1] + hierarchy.levels[level, self.some[left, d]]
            keys = np.unique(np.stack([keys, node], axis=1), axis=0, return_inverse=True)[1].ravel()
        sums = np.zeros((int(keys.max()) + 1, self._counts.shape[1]), dtype=np.int64)
        np.add.at(sums, keys, self._counts[left])
        enough = self._admissible(sums)
        made = int(self.group.max()) + 1
        taken = enough[keys]
        self.group[left[taken]] = (np.cumsum(enough) - 1)[keys[taken]] + made

    def join(self, strata: Codes) -> None:
        """Let each block that is left join the group of its stratum that it costs least, if one may take it."""
        for stratum in np.unique(strata[self.group < 0]):
            inside = np.flatnonzero(strata == stratum)
            placed = inside[self.group[inside] >= 0]
            if not len(placed):
                continue
            numbers, place = np.unique(self.group[placed], return_inverse=True)
            sums = np.zeros((len(numbers), self._counts.shape[1]), dtype=np.int64)
            np.add.at(sums, place, self._counts[placed])
            levels = self._shared(place, placed)
            some = self.some[placed[np.unique(place, return_index=True)[1]]]
            for block in inside[self.group[inside] < 0]:
                wider = self._widened(levels, some, block)
                total = sums.sum(axis=1)
                cost = (self._loss.of(wider, some) - self._loss.of(levels, some)) * total
                cost = np.where(self._admissible(sums + self._counts[block]), np.round(cost, 9), np.inf)
                best = int(np.argmin(cost))
                if np.isfinite(cost[best]):
                    self.group[block] = numbers[best]
                    levels[best] = wider[best]
                    sums[best] += self._counts[block]

    def settle(self) -> None:
        """Put what is still left together with the smallest groups until that is admissible."""
        left = self.group < 0
        if not left.any():
            return
        numbers = np.unique(self.group[~left])
        sizes = {int(n): int(self._counts[self.group == n].sum()) for n in numbers}
        number = int(self.group.max()) + 1
        self.group[left] = number
        for other in sorted(sizes, key=lambda n: (sizes[n], n)):
            if self._admissible(self._counts[self.group == number].sum(axis=0)[None, :])[0]:
                return
            self.group[self.group == other] = number

    def _shared(self, place: Codes, blocks: Codes) -> Codes:
        """Per group and dimension the finest level at which its blocks share a node."""
        levels = np.zeros((int(place.max()) + 1, len(self._hierarchies)), dtype=np.int64)
        np.maximum.at(levels, place, self._levels[blocks])
        first = self.some[blocks[np.unique(place, return_index=True)[1]]]
        for d, hierarchy in enumerate(self._hierarchies):
            for level, row in enumerate(hierarchy.levels[:-1]):
                apart = row[self.some[blocks, d]] != row[first[place, d]]
                np.maximum.at(levels[:, d], place[apart], level + 1)
        return levels

    def _widened(self, levels: Codes, some: Codes, block: int) -> Codes:
        wider = np.maximum(levels, self._levels[block])
        for d, hierarchy in enumerate(self._hierarchies):
            for level, row in enumerate(hierarchy.levels[:-1]):
                apart = row[some[:, d]] != row[self.some[block, d]]
                wider[:, d] = np.where(apart, np.maximum(wider[:, d], level + 1), wider[:, d])
        result: Codes = wider
        return result


def together(parts: Sequence[Admissible], widths: Sequence[int]) -> Admissible:
    """Admissible by each of several counts that stand beside each other, so many columns each."""

    def every(counts: Codes) -> Mask:
        allowed = np.ones(len(counts), dtype=bool)
        start = 0
        for part, width in zip(parts, widths, strict=True):
            allowed &= part(counts[:, start : start + width])
            start += width
        return allowed

    return every
