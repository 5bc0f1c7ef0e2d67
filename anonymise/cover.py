"""COVER: a sweep over hierarchy levels, finest first, that turns cells into classes of at least k persons.

At each level vector the cells that are left and fall together are emitted as a class if they hold k persons; what is
left goes on to the next. The last vector is one node over everything, so fewer than k persons of a stratum are left.
Where the next vector loses much more, groups that are too small join a class inside the same node (`joining.py`).

What makes it fast: the key of a cell is the sum of two looked-up half keys and a hash of itself; keys are counted in
buckets, and told apart only where a bucket reaches k. What is left is written into the same memory by every vector:
asking for new memory costs more than what is done with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from anonymise.coding import first_places
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.joining import Hosts, cheapest, worthwhile
from anonymise.keys import Half, Keys
from anonymise.losses import Floats, Order

_COMPACT: Final = 0.65
"""Cells that are done are cleared away when fewer than this share is left."""
_FEW: Final = 256
"""And always when no more than so many are left, to see whether any class can still be made."""
_NONE: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Swept:
    """The class of each cell (-1 for none) and the level vector of each class."""

    classes: Codes
    vectors: Codes


def sweep(parts: tuple[Half, Half], persons: Codes, *, order: Order, within: Codes, k: int) -> Swept:
    """The classes of cells, given as halves (`keys.py`), no two alike, with so many persons.

    Cells of different strata (`within`) never share a class. Classes are numbered by vector, then by their first cell.
    """
    left, made = _Left(parts, persons, within, k), _Made(len(persons))
    rise = np.diff(order.loss, append=order.loss[-1])
    joins = worthwhile(order, rise, k=k)
    for turn, vector in enumerate(order.vectors.tolist()):
        if left.over:
            break
        made.add(turn, left.take(vector))
        if joins[turn]:
            places, number = left.join(vector, made.hosts(turn, order), worth=float(rise[turn]))
            made.join(turn, places, number, persons)
    return Swept(made.classes, order.vectors[made.turns])


def smallest_levels(classes: Codes, cells: Codes, *, hierarchies: Sequence[Hierarchy]) -> Codes:
    """Per class (rows) and dimension the level of the smallest node that holds all its cells."""
    placed = np.flatnonzero(classes >= 0)
    count = int(classes.max(initial=-1)) + 1
    if len(placed) < len(classes):
        classes, cells = classes[placed], cells[placed]
    first = first_places(classes, count)
    levels = np.zeros((count, len(hierarchies)), dtype=np.int64)
    for d, hierarchy in enumerate(hierarchies):
        values = cells[:, d]
        other = values[first][classes]
        apart, level = np.flatnonzero(values != other), 0
        reached = np.zeros(count, dtype=np.int64)
        while len(apart):
            level += 1
            reached[classes[apart]] = level
            row = hierarchy.levels[level]
            apart = apart[row[values[apart]] != row[other[apart]]]
        levels[:, d] = reached
    return levels


@dataclass(frozen=True, slots=True)
class _Taken:
    """Cells that are in a class now: their places and class numbers, from 0; per class its first place and its persons."""

    places: Codes
    number: Codes
    first: Codes
    persons: Floats


@dataclass(slots=True)
class _Made:
    """The class of each cell so far; per class the vector that it stands at, its first cell and its persons."""

    number: int
    classes: Codes = field(init=False)
    turns: Codes = field(default_factory=lambda: _NONE)
    first: Codes = field(default_factory=lambda: _NONE)
    sizes: Floats = field(default_factory=lambda: _NONE.astype(np.float64))

    def __post_init__(self) -> None:
        self.classes = np.full(self.number, -1, dtype=np.int64)

    def add(self, turn: int, taken: _Taken) -> None:
        """New classes of one vector."""
        if len(taken.places):
            self.classes[taken.places] = taken.number + len(self.turns)
            self.turns = np.append(self.turns, np.full(len(taken.first), turn))
            self.first = np.append(self.first, taken.first)
            self.sizes = np.append(self.sizes, taken.persons)

    def join(self, turn: int, places: Codes, number: Codes, persons: Codes) -> None:
        """Cells that join classes at a vector."""
        self.classes[places] = number
        self.turns[number] = turn
        self.sizes += np.bincount(number, weights=persons[places], minlength=len(self.sizes))
        np.minimum.at(self.first, number, places)

    def hosts(self, turn: int, order: Order) -> Hosts:
        """The classes whose node lies inside one of a vector's, and what it costs them to be as coarse."""
        inside = np.flatnonzero((order.vectors <= order.vectors[turn]).all(axis=1)[self.turns])
        turns = self.turns[inside]
        return Hosts(inside, self.first[inside], self.sizes[inside] * (order.loss[turn] - order.loss[turns]))


_NOTHING: Final = _Taken(_NONE, _NONE, _NONE, np.empty(0))


class _Left:
    """The cells that no class has taken yet: their places, persons, strata, and the codes of their halves."""

    def __init__(self, parts: tuple[Half, Half], persons: Codes, within: Codes, k: int) -> None:
        self._parts, self._k = parts, k
        self._codes = [part.code for part in parts]
        self._persons = persons.astype(np.float64)
        self._within = within
        self._places = np.arange(len(persons))
        self._live = int(np.count_nonzero(persons))
        self._keys, self._spare = (np.empty(len(persons), dtype=np.uint64) for _ in range(2))
        self._flags = np.empty(len(persons), dtype=bool)
        self.over = False
        """Whether no stratum has k persons left."""

    def take(self, vector: Sequence[int]) -> _Taken:
        """The cells that reach k persons at a vector, as classes; they are left no more."""
        number = len(self._places)
        keys, spare, flags = self._keys[:number], self._spare[:number], self._flags[:number]
        for part, code, into in zip(self._parts, self._codes, (keys, spare), strict=True):
            part.keys(vector).take(code, out=into, mode="clip")
        np.add(keys, spare, out=keys)
        # More than twice as many buckets as cells: of two groups in one bucket both would have to be told apart.
        shift = np.uint64(64 - max(8, number.bit_length() + 1))
        buckets = np.right_shift(keys, shift, out=spare).view(np.int64)
        crowded = np.bincount(buckets, weights=self._persons) >= self._k
        if not crowded.any():
            return _NOTHING
        able = np.flatnonzero(crowded.take(buckets, out=flags, mode="clip"))
        found = _classes(keys[able], self._persons[able], self._k)
        first = self._places[able[found.first]]
        return _Taken(self._gone(able[found.places]), found.number, first, found.persons)

    def join(self, vector: Sequence[int], hosts: Hosts, *, worth: float) -> tuple[Codes, Codes]:
        """The places and classes of the cells that join one at a vector, where not going on is worth so much a person."""
        live = np.flatnonzero(self._persons)
        keys = _sum(self._parts, vector, [code[live] for code in self._codes])
        theirs = _sum(self._parts, vector, [part.code[hosts.first] for part in self._parts])
        host = cheapest(keys, self._persons[live] * worth, hosts=hosts, keys_of_hosts=theirs)
        joins = np.flatnonzero(host >= 0)
        return self._gone(live[joins]), host[joins]

    def _gone(self, taken: Codes) -> Codes:
        """The places of cells that are left no more."""
        places = self._places[taken]
        self._persons[taken] = 0
        self._live -= len(taken)
        if len(taken) and self._live < max(_COMPACT * len(self._places), _FEW):
            self._compact()
        return places

    def _compact(self) -> None:
        kept = np.flatnonzero(self._persons)
        self._codes = [code[kept] for code in self._codes]
        self._places, self._persons, self._within = self._places[kept], self._persons[kept], self._within[kept]
        self.over = not (np.bincount(self._within, weights=self._persons) >= self._k).any()


def _sum(parts: tuple[Half, Half], vector: Sequence[int], codes: Sequence[Codes]) -> Keys:
    first, second = (part.keys(vector)[code] for part, code in zip(parts, codes, strict=True))
    result: Keys = first + second
    return result


def _classes(keys: Keys, persons: Floats, k: int) -> _Taken:
    """The keys that hold k persons together, but for those without any: their places, and the classes that they make,
    numbered by their first places."""
    order = np.argsort(keys)
    ranked, held = keys[order], persons[order]
    starts = np.append(0, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1)
    sums = np.add.reduceat(held, starts)
    enough = sums >= k
    if not enough.any():
        return _NOTHING
    # Those that an earlier class has taken stand there without persons.
    first = np.minimum.reduceat(np.where(held > 0, order, len(order)), starts)[enough]
    by_first = np.argsort(first)
    rank = np.empty_like(first)
    rank[by_first] = np.arange(len(first))
    lengths = np.diff(starts, append=len(order))
    inside = np.flatnonzero(np.repeat(enough, lengths) & (held > 0))
    number = np.repeat(np.where(enough, rank[np.cumsum(enough) - 1], -1), lengths)[inside]
    return _Taken(order[inside], number, first[by_first], sums[enough][by_first])
