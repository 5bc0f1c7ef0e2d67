"""The rows that are published: for every declared cell the exact number, an estimate with certain bounds, or nothing.

Made from blocks and categories of groups alone; no person is looked at. A block spreads evenly over the values of its
node; a category of a group spreads over the blocks of its group by their persons.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from math import isnan

import numpy as np

from anonymise.blocks import OTHER, Blocks
from anonymise.categories import Bounded, by_category
from anonymise.cells import spread
from anonymise.dataset import DeclaredTable, Measure
from anonymise.definition import Definition
from anonymise.dimensions import bounds_at
from anonymise.hierarchy import ALL, Hierarchy, Text
from anonymise.measures import Inhabitants, mean_of, rate_of, standardised_rate
from anonymise.rows import ESTIMATE, EXACT, WITHHELD, Row, Table
from anonymise.rule import Rule

Keys = tuple[str, ...]


def tabulate(blocks: Blocks, definition: Definition, *, inhabitants: Inhabitants | None = None) -> Table:
    """The rows of a data set, sorted by their codes."""
    return _Tabulation(blocks, definition, inhabitants).table()


def number(expected: float, lower: int, upper: int, *, keys: Keys, rule: Rule) -> Row:
    """The row of a cell: exact where the bounds meet, withheld where the estimate lies below k or nothing supports one."""
    if lower == upper:
        return Row(keys, upper, EXACT)
    if isnan(expected):
        return Row(keys, None, WITHHELD)
    value = min(max(round(expected), lower), upper)
    return Row(keys, value, ESTIMATE, lower, upper) if value >= rule.k else Row(keys, None, WITHHELD)


def bounded(blocks: Blocks, levels: Mapping[int, int]) -> Bounded:
    """The persons per cell of an identifying table, as one column."""
    expected, lower, upper = spread(blocks, levels).sums(blocks.persons)
    return Bounded(expected[:, None], lower[:, None], upper[:, None])


class _Tabulation:
    def __init__(self, blocks: Blocks, definition: Definition, inhabitants: Inhabitants | None) -> None:
        self._blocks, self._definition, self._inhabitants = blocks, definition, inhabitants
        self._rule = definition.rule
        self._names = [d.name for d in definition.shown]
        self._places = {hierarchy.name: place for place, hierarchy in enumerate(blocks.identifying)}
        self._several = len(definition.dataset.measure) > 1
        self._rows: dict[Keys, Row] = {}

    def table(self) -> Table:
        """Every row, in a fixed order."""
        for table in (DeclaredTable({}), *self._definition.dataset.table):
            self._add(table)
        rows = tuple(self._rows[keys] for keys in sorted(self._rows))
        dimensions = (*self._names, "measure") if self._several else tuple(self._names)
        return Table(dimensions, rows, holds(self._blocks, self._definition), titles(self._definition))

    def _add(self, table: DeclaredTable) -> None:
        levels = {
            self._places[name]: self._blocks.identifying[self._places[name]].level(level)
            for name, level in table.cells.items()
            if name in self._places
        }
        sensitive = self._blocks.sensitive
        if sensitive is not None and sensitive.name in table.cells:
            codes, sets = self._sets(sensitive, table.cells[sensitive.name])
            shown = self._blocks.group is not None
            self._put(table, levels, by_category(self._blocks, levels, sets) if shown else None, codes)
        else:
            self._put(table, levels, bounded(self._blocks, levels), [None])
            self._put_measures(table, levels)

    def _sets(self, sensitive: Hierarchy, level: str) -> tuple[list[str | None], list[tuple[int, ...]]]:
        """The codes of a level and the values of each; at the coarsest level also those that groups do not name."""
        place = sensitive.level(level)
        codes: list[str | None] = list(sensitive.nodes[place])
        sets = nodes_of(sensitive, place)
        if place == self._definition.told[1] and self._blocks.other:
            codes.append(OTHER)
            sets.append(self._blocks.other)
        return codes, sets

    def _put(
        self, table: DeclaredTable, levels: Mapping[int, int], found: Bounded | None, codes: list[str | None]
    ) -> None:
        for cell, keys in enumerate(self._cells(table, levels)):
            for column, code in enumerate(codes):
                whole = self._keys(keys, code)
                if found is None:
                    self._keep(Row(whole, None, WITHHELD))
                    continue
                place = cell, column
                lower, upper = int(found.lower[place]), int(found.upper[place])
                # A bound that would number fewer than k persons of a category says no more than zero does.
                lower = 0 if code is not None and lower < min(self._rule.k, upper) else lower
                self._keep(number(float(found.expected[place]), lower, upper, keys=whole, rule=self._rule))

    def _put_measures(self, table: DeclaredTable, levels: Mapping[int, int]) -> None:
        for measure in self._definition.dataset.measure[1:]:
            for keys, row in zip(self._cells(table, levels), self._measured(measure, levels), strict=False):
                self._keep(Row(self._keys(keys, None, measure.name), row.value, row.flag, row.lower, row.upper))

    def _measured(self, measure: Measure, levels: Mapping[int, int]) -> Iterator[Row]:
        """The rows of a measure, cell by cell; none where the table has none."""
        if measure.kind == "mean":
            dimension = next(d for d in self._definition.cohort.dimension if d.name == measure.of)
            sensitive = self._blocks.sensitive
            if self._blocks.group is None or sensitive is None:
                return
            level = self._definition.told[0]
            bands = bounds_at(dimension, sensitive.level_names[level])
            sets = nodes_of(sensitive, level)
            found = by_category(self._blocks, levels, sets)
            yield from (mean_of(found, cell, bands=bands) for cell in range(len(found.lower)))
        elif self._inhabitants is not None:
            make = rate_of if measure.kind == "rate" else standardised_rate
            yield from make(self._blocks, levels, self._inhabitants, per=measure.per, rule=self._rule)

    def _cells(self, table: DeclaredTable, levels: Mapping[int, int]) -> Iterator[dict[str, str]]:
        """The code of each dimension for every combination of nodes, the last dimension fastest."""
        named = [self._blocks.identifying[place] for place in levels]
        for codes in product(*(h.nodes[level] for h, level in zip(named, levels.values(), strict=True))):
            yield dict(zip((h.name for h in named), codes, strict=True))

    def _keys(self, codes: Mapping[str, str], category: str | None, measure: str = "persons") -> Keys:
        sensitive = self._blocks.sensitive
        filled = {**codes, sensitive.name: category} if sensitive is not None and category is not None else dict(codes)
        keys = tuple(str(filled.get(name, ALL)) for name in self._names)
        return (*keys, measure) if self._several else keys

    def _keep(self, row: Row) -> None:
        known = self._rows.setdefault(row.keys, row)
        if known != row:
            raise AssertionError(f"two numbers for one row {row.keys}")


def nodes_of(hierarchy: Hierarchy, level: int) -> list[tuple[int, ...]]:
    """The values of each node of a level."""
    row = hierarchy.levels[level]
    return [tuple(np.flatnonzero(row == node).tolist()) for node in range(len(hierarchy.nodes[level]))]


def holds(blocks: Blocks, definition: Definition) -> dict[str, dict[str, tuple[str, ...]]]:
    """Per dimension of the rows and the blocks, the base values that each code stands for."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for dimension in definition.cohort.dimension:
        hierarchy = definition.hierarchies[dimension.name]
        if dimension in definition.shown or dimension.role == "identifying":
            found[dimension.name] = {}
            for level in range(len(hierarchy.levels) - 1, -1, -1):
                found[dimension.name] |= hierarchy.holds(level)
    for hierarchy, regions in zip(blocks.identifying, blocks.regions, strict=True):
        values = {r.code: tuple(hierarchy.values[value] for value in r.values) for r in regions}
        found[hierarchy.name] |= values
    sensitive = blocks.sensitive
    if sensitive is not None and sensitive.name in found and blocks.other:
        found[sensitive.name][OTHER] = tuple(sensitive.values[value] for value in blocks.other)
    return found


def titles(definition: Definition) -> dict[str, dict[str, Text]]:
    """Per dimension the words for its codes."""
    found = {name: dict(hierarchy.titles) for name, hierarchy in definition.hierarchies.items()}
    found["measure"] = {m.name: Text(m.title.de, m.title.en) for m in definition.dataset.measure}
    return found
