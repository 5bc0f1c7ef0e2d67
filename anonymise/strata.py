"""Sets of cells that are partitioned apart: the nodes of the hard levels, those with too few persons put together.

A node of a hard level, and of every coarser one, with k persons or more is a union of strata, so its total is exact; but
for the largest inside a parent whose other nodes hold fewer than k persons together: it takes them in.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from anonymise.coding import present
from anonymise.hierarchy import Codes, Hierarchy

Held = Mapping[int, Mapping[int, frozenset[int]]]
"""Per dimension and stratum the values that the stratum can hold."""


def strata(cells: Codes, persons: Codes, *, hierarchies: Sequence[Hierarchy], hard: Mapping[int, int], k: int) -> Codes:
    """The stratum of every cell, from 0. Each holds at least k persons, if all cells together do. `hard` names, by place,
    the dimensions and their hard level; a later one is kept inside the strata of the ones before."""
    found = np.zeros(len(cells), dtype=np.int64)
    for dimension, level in hard.items():
        cut, number = np.zeros_like(found), 0
        for outer in range(int(found.max()) + 1):
            inside = np.flatnonzero(found == outer)
            values = cells[inside, dimension]
            sums = np.bincount(values, weights=persons[inside])
            held = np.flatnonzero(np.bincount(values))
            own = np.zeros(len(sums), dtype=np.int64)
            own[held] = _together(hierarchies[dimension].levels[level:, held], sums[held], k) + number
            number = int(own.max(initial=number)) + 1
            cut[inside] = own[values]
        found = cut
    return found


def values_held(cells: Codes, within: Codes, *, hierarchies: Sequence[Hierarchy], hard: Mapping[int, int]) -> Held:
    """Per hard dimension and stratum the values under the hard nodes that have persons in it: all that it can hold."""
    found: dict[int, dict[int, frozenset[int]]] = {}
    for dimension, level in hard.items():
        row = hierarchies[dimension].levels[level]
        width = int(row.max()) + 1
        order = np.argsort(row, kind="stable")
        under = [part.tolist() for part in np.split(order, np.flatnonzero(np.diff(row[order])) + 1)]
        values: dict[int, list[int]] = {}
        for pair in present(within * width + row[cells[:, dimension]]).tolist():
            values.setdefault(pair // width, []).extend(under[pair % width])
        found[dimension] = {stratum: frozenset(own) for stratum, own in values.items()}
    return found


def _together(nodes: Codes, persons: Codes, k: int) -> Codes:
    """The stratum of each cell, given its node at the hard level and at every coarser one (rows)."""
    stratum = np.unique(nodes[0], return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(stratum, weights=persons)
    for row in nodes[1:]:
        order = np.argsort(row, kind="stable")
        for here in np.split(order, np.flatnonzero(np.diff(row[order])) + 1):
            own = np.unique(stratum[here])
            few, many = own[sizes[own] < k], own[sizes[own] >= k]
            if not len(few):
                continue
            alone = sizes[few].sum() >= k or not len(many)
            into = few[0] if alone else many[int(np.argmax(sizes[many]))]
            total = sizes[few].sum() + (0 if alone else sizes[into])
            stratum[here[np.isin(stratum[here], few)]] = into
            sizes[few] = 0
            sizes[into] = total
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)
