"""The rows that are published: sums over blocks, for groups also by category, and what is withheld.

A row names sets of values: an area, an age band, a sex, a chapter. `*` is all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.counts import Cells
from anonymise.hierarchies import ALL, UNKNOWN, Hierarchy
from anonymise.partition import Codes, Partition, values_reached
from anonymise.rule import Rule
from anonymise.sensitive import Breakdown

EXACT: Final = ""
WITHHELD: Final = "c"
ESTIMATE: Final = "e"
JOIN: Final = "|"
PART: Final = "~"

Members = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One published number: the code of each dimension, then the value, why it is missing or rough, and its bounds."""

    keys: tuple[str, ...]
    value: int | None
    flag: str = EXACT
    lower: int | None = None
    upper: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a release and the municipalities of each area that they name."""

    dimensions: tuple[str, ...]
    rows: tuple[Row, ...]
    areas: dict[str, tuple[str, ...]]
    categories: tuple[str, ...]


def tabulate(cells: Cells, partition: Partition, breakdown: Breakdown | None, *, rule: Rule) -> Table:
    """The rows of a release, sorted by their codes."""
    return _Tabulation(cells, partition, breakdown, rule).table()


def set_code(hierarchy: Hierarchy, members: Members) -> str:
    """The code of a set of age bands or sexes: `*`, one value, a joined range such as 20-59 or 60+, or a list."""
    if len(members) == len(hierarchy.values):
        return ALL
    values = [hierarchy.values[place] for place in members]
    if hierarchy.name != "age_band":
        return JOIN.join(values)
    runs: list[list[int]] = []
    for place in members:
        joins = runs and runs[-1][-1] == place - 1 and hierarchy.values[place] != UNKNOWN
        (runs[-1].append(place) if joins else runs.append([place]))
    return JOIN.join(_span(hierarchy.values[run[0]], hierarchy.values[run[-1]]) for run in runs)


def _span(first: str, last: str) -> str:
    low = first.split("-")[0]
    if first == last:
        return first
    return f"{low}+" if last.endswith("+") else f"{low}-{last.split('-')[1]}"


class _Tabulation:
    def __init__(self, cells: Cells, partition: Partition, breakdown: Breakdown | None, rule: Rule) -> None:
        self._cells, self._partition, self._breakdown, self._rule = cells, partition, breakdown, rule
        self._sizes = partition.sizes
        self._rows: dict[tuple[str, ...], Row] = {}
        self._codes: dict[Members, str] = {}
        self._areas: dict[str, Members] = {}
        self._places, self._ages, self._sexes = partition.hierarchies

    def table(self) -> Table:
        """Every row, in a fixed order."""
        stage_classes = [self._classes(self._partition.class_of_block(stage)) for stage in self._partition.stages]
        groups = self._groups()
        self._name_areas([sets[0] for sets, _ in [*stage_classes[0], *groups]])
        self._add_count((ALL, ALL, ALL), np.arange(len(self._sizes)))
        self._add_districts()
        for classes in stage_classes:
            for sets, blocks in classes:
                self._add_count(self._keys(sets), blocks)
        self._add_estimates()
        self._add_whole()
        for number, (sets, blocks) in enumerate(groups):
            self._add_count(self._keys(sets), blocks)
            self._add_categories(self._keys(sets), [number])
        for sets, blocks in stage_classes[0]:
            self._add_margin(self._keys(sets), blocks)
        rows = tuple(self._rows[keys] for keys in sorted(self._rows))
        names = tuple(h.name for h in (*self._partition.hierarchies, self._cells.sensitive))
        areas = {code: tuple(self._places.values[m] for m in members) for code, members in self._areas.items()}
        return Table(names, rows, dict(sorted(areas.items())), self._breakdown.names if self._breakdown else ())

    def _classes(self, class_of_block: Codes) -> list[tuple[tuple[Members, ...], Codes]]:
        """Per class of blocks: the set of values in each dimension, and its blocks."""
        order = np.argsort(class_of_block, kind="stable")
        bounds = np.flatnonzero(np.diff(class_of_block[order])) + 1
        reach = [self._partition.reach(dimension) for dimension in range(len(self._partition.hierarchies))]
        return [(tuple(values_reached(each, blocks) for each in reach), blocks) for blocks in np.split(order, bounds)]

    def _groups(self) -> list[tuple[tuple[Members, ...], Codes]]:
        return [] if self._breakdown is None else self._classes(self._breakdown.group_of)

    def _name_areas(self, sets: Iterable[Members]) -> None:
        """Codes for the areas in use: a node's own where the area is all of it, else numbered parts of the node."""
        parts: dict[str, int] = {}
        for members in sorted(set(sets)):
            node, whole = self._places.node_of(members)
            if not whole:
                parts[node] = parts.get(node, 0) + 1
                node = f"{'region' if node == ALL else node}{PART}{parts[node]}"
            self._codes[members] = node
            self._areas[node] = members

    def _keys(self, sets: tuple[Members, ...]) -> tuple[str, ...]:
        places, ages, sexes = sets
        return (self._codes[places], set_code(self._ages, ages), set_code(self._sexes, sexes))

    def _put(self, row: Row) -> None:
        known = self._rows.setdefault(row.keys, row)
        if known != row:
            raise AssertionError(f"two numbers for one row {row.keys}")

    def _add_count(self, keys: tuple[str, ...], blocks: Codes) -> None:
        self._put(Row((*keys, ALL), int(self._sizes[blocks].sum())))

    def _add_districts(self) -> None:
        level = self._places.levels[2]
        for number, code in enumerate(self._places.nodes[2]):
            members = tuple(np.flatnonzero(level == number).tolist())
            self._areas[code] = members
            blocks = self._inside(0, members)
            if blocks is None:
                self._put(Row((code, ALL, ALL, ALL), None, WITHHELD))
            else:
                self._add_count((code, ALL, ALL), blocks)
            self._add_margin((code, ALL, ALL), blocks)

    def _inside(self, dimension: int, members: Members) -> Codes | None:
        """The blocks that make up some values of a dimension exactly; None if a block reaches beyond them."""
        inside = np.unique(self._partition.blocks.take(members, axis=dimension))
        others = [v for v in range(self._partition.blocks.shape[dimension]) if v not in set(members)]
        outside = self._partition.blocks.take(others, axis=dimension)
        return None if np.isin(inside, outside).any() else inside

    def _add_estimates(self) -> None:
        """The region by age band and by sex: bounds that the blocks give for certain, and between them the wider blocks
        spread in the proportions of the narrow ones."""
        for dimension, hierarchy in ((1, self._ages), (2, self._sexes)):
            reach = self._partition.reach(dimension)
            width = reach.sum(axis=1)
            certain = np.array(
                [int(self._sizes[reach[:, v] & (width == 1)].sum()) for v in range(len(hierarchy.values))]
            )
            # One is added so that a value which no narrow block shows still gets its share of the wide ones.
            weights = reach * (certain + 1)
            spread = self._sizes[:, None] * weights / weights.sum(axis=1, keepdims=True)
            for value, code in enumerate(hierarchy.values):
                touched = reach[:, value]
                lower, upper = int(certain[value]), int(self._sizes[touched].sum())
                estimate = round(float(spread[:, value].sum()))
                keys = (ALL, code, ALL, ALL) if dimension == 1 else (ALL, ALL, code, ALL)
                if lower == upper:
                    self._put(Row(keys, upper))
                elif estimate >= self._rule.k:
                    self._put(Row(keys, estimate, ESTIMATE, lower, upper))
                else:
                    self._put(Row(keys, None, WITHHELD))

    def _add_whole(self) -> None:
        shown = self._breakdown
        for value, code in enumerate(self._cells.sensitive.values):
            visible = shown is not None and shown.whole_shown[value]
            number = int(shown.whole[value]) if shown is not None and visible else None
            self._put(Row((ALL, ALL, ALL, code), number, EXACT if visible else WITHHELD))
        if shown is not None:
            self._add_categories((ALL, ALL, ALL), range(len(shown.counts)))

    def _add_categories(self, keys: tuple[str, ...], groups: Iterable[int]) -> None:
        assert self._breakdown is not None
        sums = self._breakdown.counts[list(groups)].sum(axis=0)
        for name, number in zip(self._breakdown.names, sums.tolist(), strict=True):
            self._put(Row((*keys, name), number))

    def _add_margin(self, keys: tuple[str, ...], blocks: Codes | None) -> None:
        """The categories of an area: the sum of the groups that make it up, or withheld where they reach beyond it."""
        if self._breakdown is None or (*keys, self._breakdown.names[0]) in self._rows:
            return
        group_of = self._breakdown.group_of
        groups = [] if blocks is None else np.unique(group_of[blocks]).tolist()
        whole = blocks is not None and int(np.isin(group_of, groups).sum()) == len(blocks)
        if whole:
            self._add_categories(keys, groups)
        else:
            for name in self._breakdown.names:
                self._put(Row((*keys, name), None, WITHHELD))
