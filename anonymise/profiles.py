"""Which level vectors the sweep visits: all of them, or those that a cheaper look finds worth it.

FULL visits the whole lattice. FAST, for a lattice that is too large, visits the vectors that a top-down specialisation
ends at, and their parents. PILOT, for many cells, sweeps some whole regions first and visits only what paid there.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np

from anonymise.cover import Swept, sweep
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.keys import Half, halves
from anonymise.losses import Floats, Loss, Order, lattice_size, one_step_parents

LATTICE_LIMIT: Final = 50_000
CELL_LIMIT: Final = 60_000
PILOT_SHARE: Final = 0.1
"""The share of the cells, at least, that the pilot sweeps."""
PILOT_YIELD: Final = 0.0005
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


def swept(
    profile: Profile,
    cells: Codes,
    persons: Codes,
    *,
    hierarchies: Sequence[Hierarchy],
    loss: Loss,
    within: Codes,
    k: int,
) -> Codes:
    """The class of every cell, numbered from 0 (-1 for none), of a sweep over the vectors of a profile."""
    if profile is Profile.FAST:
        order = _specialised_vectors(cells, persons, hierarchies=hierarchies, loss=loss, k=k)
    else:
        order = loss.ordered(cells, persons)
    parts = halves(cells, within, hierarchies=hierarchies)
    if profile is Profile.PILOT:
        level, some = _whole_regions(cells, hierarchies[0])
        return _piloted(parts, persons, order=order, within=within, k=k, level=level, some=some)
    return sweep(parts, persons, order=order, within=within, k=k).classes


def _specialised_vectors(
    cells: Codes, persons: Codes, *, hierarchies: Sequence[Hierarchy], loss: Loss, k: int
) -> Order:
    """The level vectors that a specialisation ends at, and their parents, finest first; that over everything is the last."""
    tops = [len(h.levels) - 1 for h in hierarchies]
    chosen = np.array(sorted(one_step_parents(specialised(cells, persons, hierarchies=hierarchies, k=k), tops)))
    chosen = _closed(chosen, tops)
    means = _means(loss, chosen, cells, persons)
    one = np.argsort(np.round(means, 12), kind="stable")
    return Order(chosen[one], means[one], np.full(len(one), np.inf))


def _piloted(
    parts: tuple[Half, Half], persons: Codes, *, order: Order, within: Codes, k: int, level: int, some: Codes
) -> Codes:
    """The classes of a sweep of some whole regions over all vectors that stay inside a region, and of a second one of
    everything that is left over those that paid, and the same beyond a region."""
    inside = order.only(np.flatnonzero(order.vectors[:, 0] <= level))
    first = _part(parts, persons, order=inside, within=within, k=k, some=some)
    shape = order.vectors.max(axis=0) + 1
    placed = first.classes >= 0
    made = np.ravel_multi_index(tuple(first.vectors[first.classes[placed]].T), shape)
    worth = np.bincount(made, weights=persons[some][placed], minlength=int(np.prod(shape))).reshape(shape)
    enough = worth >= PILOT_YIELD * persons[some].sum()
    enough[level + 1 :] = enough[level]
    enough[(-1,) * enough.ndim] = True
    chosen = order.only(np.flatnonzero(enough[tuple(order.vectors.T)]))
    classes = np.full(len(persons), -1, dtype=np.int64)
    classes[some] = first.classes
    left = np.flatnonzero(classes < 0)
    second = _part(parts, persons, order=chosen, within=within, k=k, some=left)
    classes[left] = np.where(second.classes < 0, -1, second.classes + len(first.vectors))
    return classes


def _part(parts: tuple[Half, Half], persons: Codes, *, order: Order, within: Codes, k: int, some: Codes) -> Swept:
    first, second = parts
    return sweep((first.at(some), second.at(some)), persons[some], order=order, within=within[some], k=k)


def _closed(vectors: Codes, tops: Sequence[int]) -> Codes:
    """The vectors with the one over everything at the end."""
    top = np.array([tops], dtype=np.int64)
    return np.concatenate([vectors[(vectors != top).any(axis=1)], top])


def _means(loss: Loss, vectors: Codes, cells: Codes, persons: Codes) -> Floats:
    total = max(int(persons.sum()), 1)
    means = [loss.of(np.broadcast_to(v, cells.shape), cells) @ persons / total for v in vectors]
    return np.array(means)


def _whole_regions(cells: Codes, hierarchy: Hierarchy) -> tuple[int, Codes]:
    """The coarsest level of the first dimension with enough nodes, and the places of the cells of every so-many-th of them:
    whole regions keep the density of cells, a sample of cells would thin it. The last level and all cells where these are
    too few."""
    step = round(1 / PILOT_SHARE)
    levels = [level for level, nodes in enumerate(hierarchy.nodes) if len(nodes) >= step]
    level = levels[-1] if levels else 0
    chosen = np.flatnonzero(hierarchy.levels[level][cells[:, 0]] % step == 0)
    if len(chosen) < PILOT_SHARE * len(cells) / 2:
        return len(hierarchy.levels) - 1, np.arange(len(cells))
    return level, chosen


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
