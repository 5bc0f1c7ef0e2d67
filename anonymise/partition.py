"""The base partition of a cohort: every person in exactly one block, every block at least k persons.

Cells are combinations of values of the identifying dimensions; all persons of a cell stand in the same block. Only
counts of these cells enter, and cells are sorted: neither the order of the rows nor a sensitive value can change it.
Strata (`strata.py`) are partitioned apart, so that the levels that must stay exact do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anonymise.coding import distinct, first_places
from anonymise.cover import smallest_levels
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.leftovers import joined
from anonymise.losses import Loss
from anonymise.problems import TooFewPersons
from anonymise.profiles import Profile, profile_for, swept
from anonymise.strata import Held, strata, values_held


@dataclass(frozen=True, slots=True)
class Partition:
    """Cells (one row of value numbers each), their persons and block; per block and dimension the level and number of the
    smallest node that holds all its cells, and the first value of its region, which nobody may have; per block its stratum;
    per hard dimension the values that each stratum can hold.

    Blocks are numbered by their regions alone, in the order of the hierarchies: a number that followed from the cells where
    somebody is would tell where. Of one region there is one block."""

    hierarchies: tuple[Hierarchy, ...]
    cells: Codes
    persons: Codes
    block: Codes
    levels: Codes
    nodes: Codes
    first: Codes
    strata: Codes
    held: Held
    profile: Profile

    @property
    def sizes(self) -> Codes:
        """The persons of every block."""
        return np.bincount(self.block, weights=self.persons, minlength=len(self.levels)).astype(np.int64)

    def codes(self, dimension: int) -> list[str]:
        """The code of every block's node in a dimension."""
        names, pairs = self.hierarchies[dimension].nodes, zip(self.levels, self.nodes, strict=True)
        return [names[levels[dimension]][nodes[dimension]] for levels, nodes in pairs]


def partition(
    cells: Codes,
    persons: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    loss: Loss,
    k: int,
    hard: Mapping[int, int] | None = None,
    profile: Profile | None = None,
) -> Partition:
    """The blocks of a cohort given as distinct cells and their persons. `hard` names, by place, dimensions and the level
    that must stay exact. Raises `TooFewPersons` for fewer than k."""
    if int(persons.sum()) < k:
        raise TooFewPersons
    if not _rises(cells):
        order = np.lexsort(cells.T[::-1])
        cells, persons = cells[order], persons[order]
    within = strata(cells, persons, hierarchies=hierarchies, hard=hard or {}, k=k)
    profile = profile or profile_for(cells, hierarchies)
    classes = swept(profile, cells, persons, hierarchies=hierarchies, loss=loss, within=within, k=k)
    levels = smallest_levels(classes, cells, hierarchies=hierarchies)
    classes, levels = joined(classes, levels, cells, persons, hierarchies=hierarchies, loss=loss, within=within)
    return _numbered(
        classes, levels, cells, persons, hierarchies=hierarchies, within=within, hard=hard or {}, profile=profile
    )


def fits(
    cells: Codes, persons: Codes, block: Codes, *, hierarchies: Sequence[Hierarchy], k: int, hard: Mapping[int, int]
) -> bool:
    """Whether blocks that are known lie inside the strata, so that what must stay exact does."""
    within = strata(cells, persons, hierarchies=hierarchies, hard=hard, k=k)
    return len(np.unique(np.stack([block, within]), axis=1).T) == len(np.unique(block))


def as_before(
    cells: Codes,
    persons: Codes,
    block: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    k: int,
    hard: Mapping[int, int] | None = None,
) -> Partition:
    """The partition whose blocks are known: `block` has that of every cell, under any numbers."""
    order = np.lexsort(cells.T[::-1])
    cells, persons, classes = cells[order], persons[order], np.unique(block[order], return_inverse=True)[1].ravel()
    within = strata(cells, persons, hierarchies=hierarchies, hard=hard or {}, k=k)
    levels = smallest_levels(classes, cells, hierarchies=hierarchies)
    profile = profile_for(cells, hierarchies)
    return _numbered(
        classes, levels, cells, persons, hierarchies=hierarchies, within=within, hard=hard or {}, profile=profile
    )


def _numbered(
    classes: Codes,
    levels: Codes,
    cells: Codes,
    persons: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    within: Codes,
    hard: Mapping[int, int],
    profile: Profile,
) -> Partition:
    """The partition of some classes and their levels: blocks in the order of their regions, those of one region together."""
    held = values_held(cells, within, hierarchies=hierarchies, hard=hard)
    first = first_places(classes, len(levels))
    some, stratum = cells[first], within[first]
    begins = np.stack(
        [_first_values(h, levels[:, d], some[:, d], stratum, held.get(d)) for d, h in enumerate(hierarchies)], axis=1
    )
    depths = [len(h.levels) for h in hierarchies]
    sizes = [len(h.values) * depth for h, depth in zip(hierarchies, depths, strict=True)]
    # The first value and the level say the node; strata come last, where hard levels cut one node in several.
    regions = np.column_stack([begins * depths + levels, stratum])
    _, place = distinct(regions, [*sizes, int(stratum.max()) + 1])
    block = place[classes]
    kept = first_places(place, int(place.max()) + 1)
    levels, begins, some = levels[kept], begins[kept], some[kept]
    nodes = np.stack([h.levels[levels[:, d], some[:, d]] for d, h in enumerate(hierarchies)], axis=1)
    return Partition(tuple(hierarchies), cells, persons, block, levels, nodes, begins, stratum[kept], held, profile)


def _first_values(
    hierarchy: Hierarchy, levels: Codes, some: Codes, stratum: Codes, held: Mapping[int, frozenset[int]] | None
) -> Codes:
    """The first value of every block's region in a dimension: of its node, as far as its stratum can hold it."""
    nodes = hierarchy.levels[levels, some]
    width = len(hierarchy.values)
    if held is None:
        first = np.stack([first_places(row, int(row.max()) + 1)[row] for row in hierarchy.levels])
        return first[levels, some]
    kinds, place = np.unique(np.stack([levels * width + nodes, stratum]), axis=1, return_inverse=True)
    found = [
        min(held[number] & frozenset(np.flatnonzero(hierarchy.levels[kind // width] == kind % width).tolist()))
        for kind, number in kinds.T.tolist()
    ]
    return np.array(found, dtype=np.int64)[place.ravel()]


def _rises(cells: Codes) -> bool:
    """True if every row comes after the one before."""
    undecided = np.ones(max(len(cells) - 1, 0), dtype=bool)
    for column in cells.T:
        step = np.diff(column)
        if (undecided & (step < 0)).any():
            return False
        undecided &= step == 0
    return not undecided.any()
