"""The cells that the sweep could not place: fewer than k persons of each stratum join where widening costs least."""

from collections.abc import Sequence

import numpy as np

from anonymise.coding import first_places, present
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Loss


def joined(
    classes: Codes,
    levels: Codes,
    cells: Codes,
    persons: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    loss: Loss,
    within: Codes,
) -> tuple[Codes, Codes]:
    """The class of every cell, and per class and dimension (`levels`) the level of the node that holds it. A cell that has
    no class joins that of its stratum for which the persons of both then lose least; of equal ones the first."""
    left = np.flatnonzero(classes < 0)
    if not len(left):
        return classes, levels
    classes, levels, placed = classes.copy(), levels.copy(), np.flatnonzero(classes >= 0)
    first = placed[first_places(classes[placed], len(levels))]
    sums = np.bincount(classes[placed], weights=persons[placed])
    for stratum in present(within[left]):
        numbers = np.flatnonzero(within[first] == stratum)
        some, own, holds = cells[first[numbers]], levels[numbers], sums[numbers]
        before = loss.of(own, some)
        for cell in left[within[left] == stratum]:
            wider = _widened(own, some, cells[cell], hierarchies)
            after = loss.of(wider, some)
            best = int(np.argmin(np.round((after - before) * holds + after * persons[cell], 9)))
            classes[cell] = numbers[best]
            own[best], before[best], holds[best] = wider[best], after[best], holds[best] + persons[cell]
        levels[numbers] = own
    return classes, levels


def _widened(levels: Codes, some: Codes, cell: Codes, hierarchies: Sequence[Hierarchy]) -> Codes:
    """The levels that each class has once a cell has joined it."""
    wider = levels.copy()
    for d, hierarchy in enumerate(hierarchies):
        for level, row in enumerate(hierarchy.levels[:-1]):
            apart = row[some[:, d]] != row[cell[d]]
            wider[:, d] = np.where(apart & (wider[:, d] <= level), level + 1, wider[:, d])
    return wider
