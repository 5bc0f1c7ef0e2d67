"""The cells that the sweep could not place: fewer than k persons of each stratum join where widening costs least."""

from collections.abc import Sequence

import numpy as np

from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Loss


def joined(
    classes: Codes, cells: Codes, persons: Codes, *, hierarchies: Sequence[Hierarchy], loss: Loss, within: Codes
) -> Codes:
    """The class of every cell. A cell that has none joins the class of its stratum for which the persons of both then
    lose least; of equal ones the first."""
    classes = classes.copy()
    for stratum in np.unique(within[classes < 0]):
        places = np.flatnonzero(within == stratum)
        placed = places[classes[places] >= 0]
        numbers, first = np.unique(classes[placed], return_index=True)
        inside = np.searchsorted(numbers, classes[placed])
        some = cells[placed[first]]
        levels = _levels(inside, cells[placed], hierarchies)
        sums = np.bincount(inside, weights=persons[placed])
        for cell in places[classes[places] < 0]:
            wider = _widened(levels, some, cells[cell], hierarchies)
            before, after = loss.of(levels, some), loss.of(wider, some)
            cost = np.round((after - before) * sums + after * persons[cell], 9)
            best = int(np.argmin(cost))
            classes[cell] = numbers[best]
            levels[best], sums[best] = wider[best], sums[best] + persons[cell]
    return classes


def _levels(classes: Codes, cells: Codes, hierarchies: Sequence[Hierarchy]) -> Codes:
    """Per class and dimension the level of the smallest node that holds its cells."""
    levels = np.zeros((int(classes.max()) + 1, len(hierarchies)), dtype=np.int64)
    for d, hierarchy in enumerate(hierarchies):
        for level, row in enumerate(hierarchy.levels[:-1]):
            low = np.full(len(levels), len(row), dtype=np.int64)
            high = np.full(len(levels), -1, dtype=np.int64)
            np.minimum.at(low, classes, row[cells[:, d]])
            np.maximum.at(high, classes, row[cells[:, d]])
            levels[(low != high) & (levels[:, d] <= level), d] = level + 1
    return levels


def _widened(levels: Codes, some: Codes, cell: Codes, hierarchies: Sequence[Hierarchy]) -> Codes:
    """The levels that each class has once a cell has joined it."""
    wider = levels.copy()
    for d, hierarchy in enumerate(hierarchies):
        for level, row in enumerate(hierarchy.levels[:-1]):
            apart = row[some[:, d]] != row[cell[d]]
            wider[:, d] = np.where(apart & (wider[:, d] <= level), level + 1, wider[:, d])
    return wider
