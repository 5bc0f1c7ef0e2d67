"""What a data set would be worth: per declared table the error and the loss under each profile, before anything leaves.

The three profiles protect differently: the partition keeps k in whatever can be formed from all tables; suppression is
exact but not safe across linked tables; the private profile holds whatever else is known, for its budget. This compares
usability alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonymise.blocks import Blocks, Values
from anonymise.build import Built
from anonymise.categories import by_category
from anonymise.counts import Counted, count
from anonymise.dataset import DeclaredTable
from anonymise.definition import Definition
from anonymise.losses import Floats
from anonymise.private import noisy
from anonymise.rule import Counts
from anonymise.suppression import struck
from anonymise.tables import bounded, number


@dataclass(frozen=True, slots=True)
class Worth:
    """What one profile makes of a table.

    `relative` is the median relative error of cells with at least k persons, `misplaced` the share of persons whom a told
    cell lacks, `exact` the share of cells told exactly, `lost` the share of cells with persons that are not told, `persons_lost`
    the share of persons in them, `phantom` the share of cells without persons that are told as k or more.
    """

    relative: float
    misplaced: float
    exact: float
    lost: float
    persons_lost: float
    phantom: float = 0.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A declared table under each profile; `private` is None without OpenDP or a budget."""

    table: DeclaredTable
    cells: int
    partition: Worth
    suppression: Worth
    private: Worth | None


def planned(built: Built, definition: Definition, *, epsilon: float | None = None) -> list[Planned]:
    """A line per declared table of a data set."""
    hierarchies = built.blocks.identifying
    counted = count(built.persons, hierarchies, sensitive=built.blocks.sensitive)
    tables = definition.dataset.table
    truths = [_truth(table, counted, built.blocks) for table in tables]
    private = noisy(truths, epsilon=epsilon) if epsilon is not None else [None] * len(truths)
    lines = []
    for table, truth, noise in zip(tables, truths, private, strict=True):
        k = definition.rule.k
        gone = struck(truth, k=k)
        lines.append(
            Planned(
                table,
                truth.size,
                _partition_worth(table, truth, built.blocks, definition),
                worth(truth, np.where(gone, np.nan, truth), exact=~gone, k=k),
                None if noise is None else worth(truth, noise.astype(np.float64), exact=noise == truth, k=k),
            )
        )
    return lines


def worth(truth: Counts, told: Floats, *, exact: np.ndarray, k: int) -> Worth:
    """How far what is told (not a number where nothing is) is from the truth."""
    lost = np.isnan(told) & (truth > 0)
    value = np.where(np.isnan(told), 0, told)
    wrong = np.abs(value - truth)
    large, some, none = (truth >= k) & ~lost, max(int((truth > 0).sum()), 1), max(int((truth == 0).sum()), 1)
    total = max(int(truth.sum()), 1)
    return Worth(
        float(np.median(wrong[large] / truth[large])) if large.any() else 0.0,
        float(np.maximum(truth - value, 0)[~lost].sum()) / total,
        float(exact.sum()) / truth.size,
        int(lost.sum()) / some,
        float(truth[lost].sum()) / total,
        int(((truth == 0) & (value >= k)).sum()) / none,
    )


def _levels(table: DeclaredTable, blocks: Blocks) -> dict[int, int]:
    return {place: h.level(table.cells[h.name]) for place, h in enumerate(blocks.identifying) if h.name in table.cells}


def _sets(table: DeclaredTable, blocks: Blocks) -> list[Values] | None:
    sensitive = blocks.sensitive
    if sensitive is None or sensitive.name not in table.cells:
        return None
    level = sensitive.level(table.cells[sensitive.name])
    return [tuple(np.flatnonzero(sensitive.levels[level] == n).tolist()) for n in range(len(sensitive.nodes[level]))]


def _truth(table: DeclaredTable, counted: Counted, blocks: Blocks) -> Counts:
    """The true persons per cell, one axis per dimension of the table."""
    shape, place = [], np.zeros(len(counted.place), dtype=np.int64)
    for dimension, level in _levels(table, blocks).items():
        hierarchy = blocks.identifying[dimension]
        node = hierarchy.levels[level][counted.cells[counted.place, dimension]]
        shape.append(len(hierarchy.nodes[level]))
        place = place * shape[-1] + node
    sets = _sets(table, blocks)
    if sets is not None:
        owner = {value: column for column, values in enumerate(sets) for value in values}
        shape.append(len(sets))
        place = place * len(sets) + np.array([owner[value] for value in counted.value.tolist()])
    size = int(np.prod(shape))
    return np.bincount(place, weights=counted.number, minlength=size).astype(np.int64).reshape(shape)


def _partition_worth(table: DeclaredTable, truth: Counts, blocks: Blocks, definition: Definition) -> Worth:
    levels, sets = _levels(table, blocks), _sets(table, blocks)
    if sets is not None and blocks.group is None:
        nothing = np.full(truth.shape, np.nan)
        return worth(truth, nothing, exact=np.zeros(truth.shape, dtype=bool), k=definition.rule.k)
    found = bounded(blocks, levels) if sets is None else by_category(blocks, levels, sets)
    rows = [
        number(float(e), int(low), int(high), keys=(), rule=definition.rule)
        for e, low, high in zip(found.expected.ravel(), found.lower.ravel(), found.upper.ravel(), strict=True)
    ]
    told = np.array([np.nan if row.value is None else float(row.value) for row in rows]).reshape(truth.shape)
    exact = (found.lower == found.upper).reshape(truth.shape)
    return worth(truth, told, exact=exact, k=definition.rule.k)


def heading(table: DeclaredTable) -> str:
    """A table in words, such as `municipality by amt x chapter`."""
    return " x ".join(name if name == level else f"{name} by {level}" for name, level in table.cells.items())


def total_of(lines: Sequence[Planned]) -> float:
    """The weighted mean of misplaced and lost persons over all tables: one number to compare definitions by."""
    weights = sum(line.table.weight for line in lines)
    parts = (line.table.weight * (line.partition.misplaced + line.partition.persons_lost) for line in lines)
    return sum(parts) / weights
