"""Which level vectors the sweep visits: all of them, or those that a cheaper look finds worth it.

FULL visits the whole lattice. FAST, for a lattice that is too large, visits the vectors that a top-down specialisation
ends at, and their parents. PILOT, for many cells, sweeps some whole regions first and visits only what paid there.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np

from anonymise.cover import sweep
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Loss, lattice_size, one_step_parents

LATTICE_LIMIT: Final = 50_000
CELL_LIMIT: Final = 60_000
PILOT_SHARE: Final = 0.1
"""The share of the cells, at least, that the pilot sweeps."""
PILOT_YIELD: Final = 0.0002
"""The share of the pilot's persons that a vector must have placed to be visited again."""


class Profile(Enum):
    """How much of the lattice is visited."""

    FULL = "full"
    FAST = "fast"
    PILOT = "pilot"


def profile_for(cells: Codes, hierarchies: Sequence[Hierarchy]) -> Profile:
    """The profile for so many cells and vectors."""
    if lattice_size(hierarchies) > LATTICE_LIMIT:
        return Profile.FAST
    return Profile.PILOT if len(cells) > CELL_LIMIT else Profile.FULL


def vectors_of(
    profile: Profile,
    cells: Codes,
    persons: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    loss: Loss,
    within: Codes,
    k: int,
) -> Codes:
    """The level vectors to visit, finest first; the one over everything is always the last."""
    if profile is Profile.FAST:
        tops = [len(h.levels) - 1 for h in hierarchies]
        chosen = np.array(sorted(one_step_parents(specialised(cells, persons, hierarchies=hierarchies, k=k), tops)))
        one = np.argsort(np.round(_means(loss, chosen, cells, persons), 12), kind="stable")
        return _closed(chosen[one], tops)
    every = loss.ordered(cells, persons)
    if profile is Profile.FULL:
        return every
    some = _whole_regions(cells, hierarchies[0])
    found = sweep(cells[some], persons[some], hierarchies=hierarchies, vectors=every, within=within[some], k=k)
    placed = found.classes >= 0
    vectors = found.vectors[found.classes[placed]]
    shape = [len(h.levels) for h in hierarchies]
    worth = np.bincount(
        np.ravel_multi_index(tuple(vectors.T), shape), weights=persons[some][placed], minlength=int(np.prod(shape))
    )
    enough = worth >= PILOT_YIELD * persons[some].sum()
    return _closed(every[enough[np.ravel_multi_index(tuple(every.T), shape)]], [n - 1 for n in shape])


def _closed(vectors: Codes, tops: Sequence[int]) -> Codes:
    """The vectors with the one over everything at the end."""
    top = np.array([tops], dtype=np.int64)
    return np.concatenate([vectors[(vectors != top).any(axis=1)], top])


def _means(loss: Loss, vectors: Codes, cells: Codes, persons: Codes) -> Codes:
    total = max(int(persons.sum()), 1)
    means = [loss.of(np.broadcast_to(v, cells.shape), cells) @ persons / total for v in vectors]
    return np.array(means)


def _whole_regions(cells: Codes, hierarchy: Hierarchy) -> Codes:
    """The places of every so-many-th node of the first dimension's coarsest level with enough nodes: whole regions keep
    the density of cells, a sample of cells would thin it."""
    step = round(1 / PILOT_SHARE)
    levels = [level for level, nodes in enumerate(hierarchy.nodes) if len(nodes) >= step]
    node = hierarchy.levels[levels[-1] if levels else 0][cells[:, 0]]
    chosen = np.flatnonzero(node % step == 0)
    return chosen if len(chosen) >= PILOT_SHARE * len(cells) / 2 else np.arange(len(cells))


def specialised(cells: Codes, persons: Codes, *, hierarchies: Sequence[Hierarchy], k: int) -> Codes:
    """The level vectors at which a top-down specialisation ends: a group of cells is split along the dimension that
    narrows its nodes most, as long as every part that stays together holds k persons; the rest of it stays above."""
    ended: set[tuple[int, ...]] = set()
    open_groups = [(np.arange(len(cells)), tuple(len(h.levels) - 1 for h in hierarchies))]
    while open_groups:
        group, vector = open_groups.pop()
        best, parts = 0.0, None
        for d, hierarchy in enumerate(hierarchies):
            if vector[d] == 0:
                continue
            nodes = hierarchy.levels[vector[d] - 1][cells[group, d]]
            sums = np.bincount(nodes, weights=persons[group])
            sizes = np.bincount(hierarchy.levels[vector[d] - 1])
            before = (hierarchy.levels[vector[d]] == hierarchy.levels[vector[d]][cells[group[0], d]]).sum()
            kept = sums >= k
            gain = float(((before - sizes[: len(sums)]) * sums)[kept].sum()) / hierarchy.levels.shape[1]
            if gain > best:
                best, parts = gain, (d, nodes, np.flatnonzero(kept))
        if parts is None:
            ended.add(vector)
            continue
        d, nodes, kept_nodes = parts
        finer = (*vector[:d], vector[d] - 1, *vector[d + 1 :])
        open_groups += [(group[nodes == node], finer) for node in kept_nodes.tolist()]
        if not np.isin(nodes, kept_nodes).all():
            ended.add(vector)
    return np.array(sorted(ended), dtype=np.int64)
