"""One base partition of a cohort into blocks of at least k persons, by COVER: a sweep over hierarchy levels.

The level vectors are ordered by the loss they cause, finest first. At each, cells that fall together and are enough are
emitted as a class and leave; what is never enough joins the class whose widening costs least.
The dimensions are worked off in the order of the definition, each inside the classes of the one before. So every class
is a product of sets of values, classes of one dimension do not overlap, and its totals are exact.
Only counts of identifying cells enter here, and cells stand in the order of the hierarchies: the order of the rows and
the sensitive values can't change the result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from anonymise.hierarchies import Hierarchy
from anonymise.problems import TooFewPersons
from anonymise.rule import Counts, Mask, Rule, may_be_counted

Codes = NDArray[np.int64]
Admissible = Callable[[Counts], Mask]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Per level (finest first, the last one node over all) the node of each item, and the node's share of the values."""

    codes: Codes
    sizes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Partition:
    """Classes of all cells after each dimension, as grids over the dimensions' values; the last grid is the blocks."""

    hierarchies: tuple[Hierarchy, ...]
    stages: tuple[Codes, ...]
    persons: Counts

    @property
    def blocks(self) -> Codes:
        """The block of every cell."""
        return self.stages[-1]

    @property
    def sizes(self) -> Counts:
        """The persons of every block."""
        return np.bincount(self.blocks.ravel(), weights=self.persons.ravel()).astype(np.int64)

    def reach(self, dimension: int) -> Mask:
        """Per block (rows) and value of a dimension (columns), whether the block holds a cell with it."""
        reached = np.zeros((int(self.blocks.max()) + 1, self.blocks.shape[dimension]), dtype=bool)
        value = np.broadcast_to(_along(np.arange(reached.shape[1]), dimension, self.blocks.ndim), self.blocks.shape)
        reached[self.blocks.ravel(), value.ravel()] = True
        return reached

    def class_of_block(self, stage: Codes) -> Codes:
        """The class of each block on a grid whose classes are unions of blocks."""
        _, one_cell = np.unique(self.blocks.ravel(), return_index=True)
        result: Codes = stage.ravel()[one_cell]
        return result


def values_reached(reach: Mask, blocks: Codes) -> tuple[int, ...]:
    """The values that some blocks reach."""
    return tuple(np.flatnonzero(reach[blocks].any(axis=0)).tolist())


def partition(persons: Counts, hierarchies: Sequence[Hierarchy], *, rule: Rule) -> Partition:
    """The blocks of a cohort given as a grid of persons over the values of the identifying dimensions."""
    if int(persons.sum()) < rule.k:
        raise TooFewPersons
    within = np.zeros(persons.shape, dtype=np.int64)
    stages: list[Codes] = []
    for axis, hierarchy in enumerate(hierarchies):
        values = np.broadcast_to(_along(np.arange(len(hierarchy.values)), axis, persons.ndim), persons.shape)
        pairs = np.stack([within.ravel(), values.ravel()], axis=1)
        items, inverse = np.unique(pairs, axis=0, return_inverse=True)
        counts = np.bincount(inverse.ravel(), weights=persons.ravel()).astype(np.int64)[:, None]
        attribute = Attribute(hierarchy.levels[:, items[:, 1]], hierarchy.sizes()[:, items[:, 1]])
        classes = cover(counts, [attribute], within=items[:, 0], admissible=lambda c: may_be_counted(c, rule=rule))
        within = classes[inverse.ravel()].reshape(persons.shape)
        stages.append(within)
    return Partition(tuple(hierarchies), tuple(stages), persons)


def _along(values: Codes, axis: int, dimensions: int) -> Codes:
    """A vector as a grid that varies along one axis only."""
    return values.reshape([-1 if place == axis else 1 for place in range(dimensions)])


def cover(counts: Counts, attributes: Sequence[Attribute], *, within: Codes, admissible: Admissible) -> Codes:
    """The class of each item. Items of different strata (`within`) never share a class; every stratum must be admissible
    as a whole, then every class is."""
    classes = np.full(len(counts), -1, dtype=np.int64)
    made = 0
    for vector in _vectors(counts, attributes):
        rest = np.flatnonzero(classes < 0)
        if not len(rest):
            break
        columns = [within[rest], *(a.codes[level, rest] for a, level in zip(attributes, vector, strict=True))]
        _, inverse = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        inverse = inverse.ravel()
        enough = admissible(_sums(counts[rest], inverse))
        number = np.cumsum(enough) - 1 + made
        taken = enough[inverse]
        classes[rest[taken]] = number[inverse[taken]]
        made += int(enough.sum())
    for stratum in np.unique(within[classes < 0]):
        made = _Leftovers(counts, attributes, classes, admissible).settle(np.flatnonzero(within == stratum), made)
    return _in_order(classes)


def _vectors(counts: Counts, attributes: Sequence[Attribute]) -> list[tuple[int, ...]]:
    """The level vectors by mean loss over the persons. The one over everything is left out: what is left joins."""
    weights = counts.sum(axis=1)
    losses = [(a.sizes * weights).sum(axis=1) / max(int(weights.sum()), 1) for a in attributes]
    every = product(*(range(len(a.codes)) for a in attributes))
    top = tuple(len(a.codes) - 1 for a in attributes)
    scored = [(sum(loss[level] for loss, level in zip(losses, v, strict=True)), sum(v), v) for v in every if v != top]
    return [v for _, _, v in sorted(scored)]


def _sums(counts: Counts, groups: Codes) -> Counts:
    sums = np.zeros((int(groups.max()) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(sums, groups, counts)
    return sums


def _in_order(classes: Codes) -> Codes:
    """The same classes, numbered by their first item."""
    _, first, inverse = np.unique(classes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()]


class _Leftovers:
    """Settles the items of a stratum that the sweep could not place."""

    def __init__(self, counts: Counts, attributes: Sequence[Attribute], classes: Codes, admissible: Admissible) -> None:
        self._counts, self._attributes, self._classes, self._admissible = counts, attributes, classes, admissible

    def settle(self, stratum: Codes, made: int) -> int:
        """Place every item of the stratum; returns the next free class number."""
        pool = [int(item) for item in stratum[self._classes[stratum] < 0] if not self._join(int(item), stratum)]
        if not pool:
            return made
        # The pool alone, or with the fewest persons of the neighbouring classes that make it admissible.
        numbers = [int(c) for c in np.unique(self._classes[stratum]) if c >= 0]
        persons = {c: int(self._counts[stratum[self._classes[stratum] == c]].sum()) for c in numbers}
        for number in [None, *sorted(numbers, key=lambda c: (persons[c], c))]:
            if number is not None:
                pool += stratum[self._classes[stratum] == number].tolist()
            if self._admits(self._counts[pool].sum(axis=0)):
                break
        self._classes[pool] = made
        return made + 1

    def _join(self, item: int, stratum: Codes) -> bool:
        """Put the item into the class of its stratum whose widening costs least; False if none may take it."""
        costs = []
        for number in np.unique(self._classes[stratum]):
            if number < 0:
                continue
            members = stratum[self._classes[stratum] == number]
            total = self._counts[members].sum(axis=0)
            if self._admits(total + self._counts[item]):
                costs.append((self._widening(item, members), int(total.sum()), int(number)))
        if not costs:
            return False
        self._classes[item] = min(costs)[2]
        return True

    def _widening(self, item: int, members: Codes) -> float:
        cost = 0.0
        for attribute in self._attributes:
            same = (attribute.codes[:, members] == attribute.codes[:, members[:1]]).all(axis=1)
            now = int(np.argmax(same))
            then = int(np.argmax(same & (attribute.codes[:, item] == attribute.codes[:, members[0]])))
            before, after = attribute.sizes[now, members[0]], attribute.sizes[then, members[0]]
            cost += float((after - before) * self._counts[members].sum() + after * self._counts[item].sum())
        return round(cost, 9)

    def _admits(self, total: Counts) -> bool:
        return bool(self._admissible(total[None, :])[0])
