"""COVER: a sweep over hierarchy levels, finest first, that turns cells into classes of at least k persons.

At each level vector the cells that are left and fall together are emitted as a class if they hold k persons; what is
left goes on to the next. The last vector is one node over everything, so fewer than k persons of a stratum are left.

What makes it fast: the key of a cell is the sum of two half keys, each cached per half vector together with the cells
that can still reach k under that half alone; keys are hashed and counted, and sorted only where a bucket reaches k.
Hashes only sort out: classes are made from the exact keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anonymise.hierarchy import Codes, Hierarchy

Keys = NDArray[np.uint64]

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_COMPACT: Final = 0.6
"""Cells that are done are cleared away when fewer than this share is left."""
_CACHED: Final = 30_000_000
"""Keys that are kept at a time: 240 MB."""


@dataclass(frozen=True, slots=True)
class Swept:
    """The class of each cell (-1 for none) and the level vector of each class."""

    classes: Codes
    vectors: Codes


def sweep(
    cells: Codes, persons: Codes, *, hierarchies: Sequence[Hierarchy], vectors: Codes, within: Codes, k: int
) -> Swept:
    """The classes of cells (one row of values each, no two alike) with so many persons.

    Cells of different strata (`within`) never share a class. The order of the cells only numbers the classes.
    """
    left = _Left(cells, persons, hierarchies, within)
    left.expect(vectors)
    classes = np.full(len(cells), -1, dtype=np.int64)
    made: list[Codes] = []
    count = 0
    for vector in vectors:
        if not left.live:
            break
        places, number = left.take(tuple(vector.tolist()), k)
        if len(places):
            classes[places] = number + count
            found = int(number.max()) + 1
            made.append(np.broadcast_to(vector, (found, len(vector))))
            count += found
    return Swept(classes, np.concatenate(made) if made else np.empty((0, cells.shape[1]), dtype=np.int64))


class _Left:
    """The cells that no class has taken yet."""

    def __init__(self, cells: Codes, persons: Codes, hierarchies: Sequence[Hierarchy], within: Codes) -> None:
        self._cells, self._within = cells, within
        self._persons = persons.astype(np.float64)
        self._places = np.arange(len(cells))
        self._tables = [h.levels for h in hierarchies]
        self._half = max(len(hierarchies) // 2, 1)
        radices = [int(within.max(initial=0)) + 1, *(table.shape[1] for table in self._tables)]
        self._weights = [prod(radices[:place]) for place in range(1, len(radices))]
        # Beyond this the sum of weighted nodes would wrap around; then each half gets dense numbers.
        self._dense = prod(radices) >= 2**63
        self._number = np.uint64(len(cells))
        self._halves: tuple[dict[tuple[int, ...], _Half], ...] = ({}, {})
        self._last: tuple[dict[tuple[int, ...], int], ...] = ({}, {})
        self._turn = -1
        self.live = int((persons > 0).sum())

    def expect(self, vectors: Codes) -> None:
        """Note which half vectors are asked for how long, so that no key is kept for longer."""
        for turn, vector in enumerate(vectors.tolist()):
            self._last[0][tuple(vector[: self._half])] = turn
            self._last[1][tuple(vector[self._half :])] = turn

    def take(self, vector: tuple[int, ...], k: int) -> tuple[Codes, Codes]:
        """The places and class numbers, from 0, of the cells that reach k persons at a vector; they are left no more."""
        self._turn += 1
        first = self._key(0, vector[: self._half], k)
        second = self._key(1, vector[self._half :], k)
        able = first.able if len(first.able) <= len(second.able) else second.able
        keys = first.keys[able] + second.keys[able]
        able, keys = self._crowded(able, keys, k)
        if not len(able):
            return able, able
        _, inverse = np.unique(keys, return_inverse=True)
        enough = np.bincount(inverse, weights=self._persons[able]) >= k
        chosen = enough[inverse]
        taken = able[chosen]
        places, number = self._places[taken], (np.cumsum(enough) - 1)[inverse[chosen]]
        self._persons[taken] = 0
        self.live -= len(taken)
        if self.live < _COMPACT * len(self._places):
            self._compact()
        return places, number

    def _crowded(self, able: Codes, keys: Keys, k: int) -> tuple[Codes, Keys]:
        """Those whose bucket reaches k persons; all that can be in a class, and few others."""
        if not len(able):
            return able, keys
        buckets = _buckets(keys, spare=2)
        crowded = np.bincount(buckets, weights=self._persons[able]) >= k
        if not crowded.any():
            return able[:0], keys[:0]
        kept = crowded[buckets] & (self._persons[able] > 0)
        return able[kept], keys[kept]

    def _key(self, side: int, levels: tuple[int, ...], k: int) -> "_Half":
        known = self._halves[side].get(levels)
        if known is None:
            if sum(map(len, self._halves)) * len(self._places) > _CACHED:
                self._halves = ({}, {})
            keys = self._made(side, levels)
            crowded = np.bincount(_buckets(keys, spare=1), weights=self._persons) >= k
            able = np.flatnonzero(crowded[_buckets(keys, spare=1)] & (self._persons > 0))
            known = self._halves[side][levels] = _Half(keys, able)
        return known

    def _made(self, side: int, levels: tuple[int, ...]) -> Keys:
        start = side * self._half
        keys = np.zeros(len(self._cells), dtype=np.uint64) if side else self._within.astype(np.uint64)
        for dimension, level in enumerate(levels, start=start):
            nodes = self._tables[dimension][level].astype(np.uint64)
            weight = self._weights[dimension]
            keys = (
                _dense(keys, nodes[self._cells[:, dimension]])
                if self._dense
                else keys + (nodes * np.uint64(weight))[self._cells[:, dimension]]
            )
        # Two dense halves of n cells each have at most n numbers, so their combination fits.
        return keys * self._number if self._dense and side else keys

    def _compact(self) -> None:
        alive = self._persons > 0
        moved = np.cumsum(alive) - 1
        kept = np.flatnonzero(alive)
        self._cells, self._within, self._places = self._cells[kept], self._within[kept], self._places[kept]
        self._persons = self._persons[kept]
        for half, last in zip(self._halves, self._last, strict=True):
            for levels in [levels for levels in half if last.get(levels, -1) <= self._turn]:
                del half[levels]
            for levels, known in half.items():
                half[levels] = _Half(known.keys[kept], moved[known.able[alive[known.able]]])


@dataclass(frozen=True, slots=True)
class _Half:
    """The half key of every cell, and the cells that can reach k: cells of one class share both half keys."""

    keys: Keys
    able: Codes


def _buckets(keys: Keys, *, spare: int) -> NDArray[np.intp]:
    """A bucket per key, of two to the power of `spare` times as many as there are keys."""
    bits = max(8, len(keys).bit_length() + spare)
    return ((keys * _MULTIPLIER) >> np.uint64(64 - bits)).astype(np.intp)


def _dense(keys: Keys, nodes: Keys) -> Keys:
    """Numbers from 0 for the pairs of a key and a node."""
    pairs = np.unique(np.stack([keys, nodes], axis=1), axis=0, return_inverse=True)[1]
    return pairs.ravel().astype(np.uint64)
