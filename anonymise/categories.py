"""The persons of a table's cells by a sensitive dimension: from groups, each spread over its blocks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.blocks import EVERYBODY, Blocks
from anonymise.cells import spread
from anonymise.hierarchy import Codes
from anonymise.losses import Floats

Values = tuple[int, ...]

ROUNDS: Final = 30
"""After so many rounds the composition of categories changes by less than a person in a thousand."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """Numbers with bounds, of the same shape: expected, certain lower and upper bound."""

    expected: Floats
    lower: Codes
    upper: Codes


def by_category(blocks: Blocks, levels: Mapping[int, int], sets: list[Values]) -> Bounded:
    """The persons per cell (rows) and set of values of the sensitive dimension (columns).

    Of a group of N persons, m of them in a cell and n in a category, at least m + n - N and at most min(m, n) are in both.
    """
    assert blocks.sensitive is not None and blocks.group is not None
    within = spread(blocks, levels)
    sizes = blocks.group_sizes()
    known = _per_group(blocks, sets)
    pairs, place = np.unique(blocks.group[within.block] * within.number + within.cell, return_inverse=True)
    group, cell = pairs // within.number, pairs % within.number
    weights = blocks.persons[within.block].astype(np.float64)
    expected, inside, touching = (
        np.bincount(place, weights=weights * share) for share in (within.share, within.inside, np.ones(len(weights)))
    )
    share = (expected / sizes[group])[:, None]
    least = np.maximum(0, np.rint(inside).astype(np.int64)[:, None] + known.lower[group] - sizes[group][:, None])
    most = np.minimum(np.rint(touching).astype(np.int64)[:, None], known.upper[group])
    bounded = Bounded(
        _per_cell(cell, share * known.expected[group], within.number),
        np.rint(_per_cell(cell, least, within.number)).astype(np.int64),
        np.rint(_per_cell(cell, most, within.number)).astype(np.int64),
    )
    return _with_everybody(bounded, blocks, sets, certain=_per_cell(cell, inside[:, None], within.number))


def _with_everybody(found: Bounded, blocks: Blocks, sets: list[Values], *, certain: Floats) -> Bounded:
    """The bounds narrowed by what is told of everybody."""
    total = int(blocks.persons.sum())
    lower, upper = np.zeros(len(sets), dtype=np.int64), np.full(len(sets), total)
    for place, values in enumerate(sets):
        if set(values) <= set(blocks.other):
            categories = [c for c in blocks.categories if c.group == EVERYBODY]
            lower[place] = sum(c.persons for c in categories if set(c.values) <= set(values))
            upper[place] = sum(c.persons for c in categories if set(c.values) & set(values))
    outside = total - np.rint(certain).astype(np.int64)
    least = np.maximum(found.lower, lower[None, :] - outside)
    most = np.minimum(found.upper, upper[None, :])
    return Bounded(np.clip(found.expected, least, most), least, most)


def _per_cell(cell: Codes, parts: Floats | Codes, number: int) -> Floats:
    sums = np.zeros((number, parts.shape[1]))
    np.add.at(sums, cell, parts)
    return sums


def _per_group(blocks: Blocks, sets: list[Values]) -> Bounded:
    """The persons per group and set of values; not a number where nothing tells how a category is made up."""
    parts = _Parts(blocks)
    groups = len(blocks.group_sizes())
    expected = np.zeros((groups, len(sets)))
    lower, upper = np.zeros((groups, len(sets)), dtype=np.int64), np.zeros((groups, len(sets)), dtype=np.int64)
    shares: dict[Values, tuple[Floats, Codes, Codes]] = {}
    for category in blocks.categories:
        if category.group == EVERYBODY:
            continue
        if category.values not in shares:
            own = frozenset(category.values)
            shares[category.values] = (
                np.array([parts.share(own, frozenset(wanted)) for wanted in sets]),
                np.array([own <= set(wanted) for wanted in sets], dtype=np.int64),
                np.array([bool(own & set(wanted)) for wanted in sets], dtype=np.int64),
            )
        share, inside, touching = shares[category.values]
        if category.persons:
            expected[category.group] += share * category.persons
        lower[category.group] += inside * category.persons
        upper[category.group] += touching * category.persons
    return Bounded(expected, lower, upper)


class _Parts:
    """How a category that no group tells apart is made up, as far as what is told of other groups shows."""

    def __init__(self, blocks: Blocks) -> None:
        sums: dict[tuple[bool, frozenset[int]], int] = {}
        for category in blocks.categories:
            kind = category.group == EVERYBODY, frozenset(category.values)
            sums[kind] = sums.get(kind, 0) + category.persons
        self._everybody = {values: persons for (whole, values), persons in sums.items() if whole}
        self._groups = {values: persons for (whole, values), persons in sums.items() if not whole}
        self._weights = _composition(self._groups, len(blocks.sensitive.values) if blocks.sensitive else 0)

    def share(self, own: frozenset[int], wanted: frozenset[int]) -> float:
        """The share of a category's persons expected to have one of some values."""
        if own <= wanted or not own & wanted:
            return float(own <= wanted)
        finer = {values: persons for values, persons in self._everybody.items() if values < own}
        if finer:
            total = sum(finer.values())
            return sum(n * self.share(values, wanted) for values, n in finer.items() if n) / total if total else 0.0
        if not any(values < own for values in self._groups):
            return float("nan")
        whole = float(self._weights[list(own)].sum())
        return float(self._weights[list(own & wanted)].sum()) / whole if whole else 0.0


def _composition(told: Mapping[frozenset[int], int], values: int) -> Floats:
    """The persons per value that fit best what is told of sets of values, if all groups are made up alike: the maximum
    likelihood by expectation and maximisation (Dempster, Laird and Rubin 1977)."""
    rows = [(np.array(sorted(own)), persons) for own, persons in told.items()]
    weights = np.ones(values)
    for _ in range(ROUNDS):
        found = np.zeros(values)
        for own, persons in rows:
            share = weights[own].sum()
            if share:
                found[own] += persons * weights[own] / share
        weights = found
    return weights
