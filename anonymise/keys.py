"""Cells as pairs of half cells, so that the key of a cell at any levels is the sum of two looked-up numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anonymise.coding import SPARSE, WORD, distinct, packed, present, unpacked
from anonymise.hierarchy import Codes, Hierarchy

Keys = NDArray[np.uint64]

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that products of different numbers differ; their upper bits are a hash (Knuth, TAOCP 3, 6.4)."""
_CACHED: Final = 30_000_000
"""Keys that are kept at a time: 240 MB."""


@dataclass(frozen=True, slots=True)
class Half:
    """Some of the dimensions: the number of each cell's combination of their values (`code`), and what makes the key of a
    combination at given levels: its values, each dimension's levels and weight, and what is added and multiplied."""

    code: Codes
    dimensions: range
    values: Codes
    tables: tuple[Codes, ...]
    weights: tuple[int, ...]
    base: Keys
    factor: int | None
    known: dict[tuple[int, ...], Keys] = field(default_factory=dict)

    def at(self, some: Codes) -> "Half":
        """That of some of the cells."""
        return replace(self, code=self.code[some])

    def keys(self, vector: Sequence[int]) -> Keys:
        """Per combination its part of the key at a level vector of all dimensions. Keys of cells are hashes."""
        levels = tuple(vector[d] for d in self.dimensions)
        found = self.known.get(levels)
        if found is None:
            if len(self.known) * len(self.base) > _CACHED:
                self.known.clear()
            found = self.known[levels] = self._made(levels) * _MULTIPLIER
        return found

    def _made(self, levels: tuple[int, ...]) -> Keys:
        keys = self.base
        for place, (table, level, weight) in enumerate(zip(self.tables, levels, self.weights, strict=True)):
            nodes, values = table[level].astype(np.uint64), self.values[:, place]
            if self.factor is None:
                keys = keys + (nodes * np.uint64(weight))[values]
            else:
                pairs = np.stack([keys, nodes[values]], axis=1)
                keys = np.unique(pairs, axis=0, return_inverse=True)[1].ravel().astype(np.uint64)
        return keys if self.factor is None else keys * np.uint64(self.factor)


def halves(cells: Codes, within: Codes, *, hierarchies: Sequence[Hierarchy]) -> tuple[Half, Half]:
    """The cells as pairs. The sum of both keys is the same where the stratum (`within`) and all nodes are, and only there."""
    tables = tuple(h.levels for h in hierarchies)
    sizes = [int(within.max(initial=0)) + 1, *(table.shape[1] for table in tables)]
    weights = tuple(prod(sizes[:place]) for place in range(1, len(sizes)))
    # Beyond a word the sum of weighted nodes would wrap around. Then each half gets dense numbers: of two halves there are
    # no more than cells, so that a pair of them is a number again.
    dense = prod(sizes) >= 2**63
    columns = [within, *(cells[:, d] for d in range(cells.shape[1]))]
    middle = max(len(hierarchies) // 2, 1)
    code, held = _combined(columns[: middle + 1], sizes[: middle + 1], rows=len(cells))
    first = Half(
        code, range(middle), held[:, 1:], tables[:middle], weights[:middle], held[:, 0].astype(np.uint64),
        1 if dense else None,
    )  # fmt: skip
    code, held = _combined(columns[middle + 1 :], sizes[middle + 1 :], rows=len(cells))
    second = Half(
        code, range(middle, len(hierarchies)), held, tables[middle:], weights[middle:],
        np.zeros(len(held), dtype=np.uint64), len(cells) if dense else None,
    )  # fmt: skip
    return first, second


def _combined(columns: Sequence[Codes], sizes: Sequence[int], *, rows: int) -> tuple[Codes, Codes]:
    """The number of each row's combination, and the values of each combination."""
    if not columns:
        return np.zeros(rows, dtype=np.int64), np.zeros((1, 0), dtype=np.int64)
    space = prod(sizes)
    if space >= min(SPARSE * rows, WORD):
        held, code = distinct(np.stack(columns, axis=1), sizes)
        return code, held
    code = packed(columns, sizes)
    there = present(code)
    numbers = np.empty(space, dtype=np.int64)
    numbers[there] = np.arange(len(there))
    return numbers[code], unpacked(there, sizes)
