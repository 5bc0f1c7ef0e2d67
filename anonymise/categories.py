"""The persons of a table's cells by a sensitive dimension: from groups, each spread over its blocks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anonymise.blocks import EVERYBODY, Blocks
from anonymise.cells import spread
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Floats


@dataclass(frozen=True, slots=True)
class Bounded:
    """Numbers with bounds, of the same shape: expected, certain lower and upper bound."""

    expected: Floats
    lower: Codes
    upper: Codes


def by_category(blocks: Blocks, levels: Mapping[int, int], sets: list[tuple[int, ...]]) -> Bounded:
    """The persons per cell (rows) and set of values of the sensitive dimension (columns).

    Of a group of N persons, m of them in a cell and n in a category, at least m + n - N and at most min(m, n) are in both.
    """
    assert blocks.sensitive is not None and blocks.group is not None
    within = spread(blocks, levels)
    sizes = blocks.group_sizes()
    known = _per_group(blocks, blocks.sensitive, sets)
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


def _with_everybody(found: Bounded, blocks: Blocks, sets: list[tuple[int, ...]], *, certain: Floats) -> Bounded:
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


def _per_group(blocks: Blocks, sensitive: Hierarchy, sets: list[tuple[int, ...]]) -> Bounded:
    """The persons per group and set of values. A category spreads over its values as they are told of everybody, and
    evenly where they are not."""
    weights = np.ones(len(sensitive.values))
    for category in blocks.categories:
        if category.group == EVERYBODY:
            weights[list(category.values)] = category.persons / len(category.values)
    groups = len(blocks.group_sizes())
    expected = np.zeros((groups, len(sets)))
    lower, upper = np.zeros((groups, len(sets)), dtype=np.int64), np.zeros((groups, len(sets)), dtype=np.int64)
    shares: dict[tuple[int, ...], tuple[Floats, Codes, Codes]] = {}
    for category in blocks.categories:
        if category.group == EVERYBODY:
            continue
        if category.values not in shares:
            shares[category.values] = _shares(category.values, sets, weights)
        share, inside, touching = shares[category.values]
        expected[category.group] += share * category.persons
        lower[category.group] += inside * category.persons
        upper[category.group] += touching * category.persons
    return Bounded(expected, lower, upper)


def _shares(values: tuple[int, ...], sets: list[tuple[int, ...]], weights: Floats) -> tuple[Floats, Codes, Codes]:
    own = set(values)
    total = weights[list(values)].sum()
    share, inside, touching = [], [], []
    for wanted in sets:
        both = sorted(own & set(wanted))
        share.append(weights[both].sum() / total if total else len(both) / len(values))
        inside.append(len(both) == len(values))
        touching.append(bool(both))
    return np.array(share), np.array(inside, dtype=np.int64), np.array(touching, dtype=np.int64)
