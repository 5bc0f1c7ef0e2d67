"""A hierarchy: the values of a dimension and how they coarsen, level by level, to one node over all.

Everything is checked when it is built: a value without a node (hole), a node with two parents (which also rules out
cycles) and a value that stands twice are refused.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anonymise.problems import HierarchyInvalid

Codes = NDArray[np.int64]

ALL: Final = "*"
UNKNOWN: Final = "unknown"
TOP: Final = "all"
"""The name of the level with one node over everything."""
TITLES: Final = ("code", "de", "en")
"""The columns of a file of titles."""


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in German and English."""

    de: str
    en: str


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The values of a dimension and, per level, the node of each; the last level is one node over all.

    `levels` has one row per level and one column per value; `nodes` the codes of a level's nodes in that numbering.
    `reads` turns what a record says (an age, an ICD code) into a value, None for what it can't tell.
    """

    name: str
    level_names: tuple[str, ...]
    values: tuple[str, ...]
    levels: Codes
    nodes: tuple[tuple[str, ...], ...]
    titles: Mapping[str, Text] = field(default_factory=dict)
    seldom: str | None = None
    reads: Callable[[str], str | None] | None = field(default=None, compare=False)
    places: Mapping[str, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Looked up once for each distinct word of a column, of which there may be a hundred thousand.
        object.__setattr__(self, "places", {value: place for place, value in enumerate(self.values)})

    def level(self, name: str) -> int:
        """The number of a level, 0 the finest."""
        if name not in self.level_names:
            raise HierarchyInvalid(f"{self.name} has no level {name!r}. It has: {', '.join(self.level_names)}.")
        return self.level_names.index(name)

    def sizes(self) -> NDArray[np.int64]:
        """Per level and value, how many values its node holds."""
        return np.stack([np.bincount(row)[row] for row in self.levels])

    def holds(self, level: int) -> dict[str, tuple[str, ...]]:
        """Per node of a level the values that it stands for."""
        order = np.argsort(self.levels[level], kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(self.levels[level][order])) + 1)
        return {
            code: tuple(self.values[value] for value in part)
            for code, part in zip(self.nodes[level], parts, strict=True)
        }

    def place_of(self, raw: str) -> int | None:
        """The place of the value that a record's word stands for; None if it stands for none."""
        known = self.places.get(raw)
        if known is not None or self.reads is None:
            return known
        value = self.reads(raw)
        return None if value is None else self.places.get(value)

    def from_level(self, name: str) -> "Hierarchy":
        """The hierarchy whose values are the nodes of a level; what the finer ones read is read all the same."""
        base = self.level(name)
        if base == 0:
            return self
        first = np.unique(self.levels[base], return_index=True)[1]
        finer, codes = self, dict(zip(self.values, self.levels[base].tolist(), strict=True))

        def reads(raw: str) -> str | None:
            place = finer.place_of(raw)
            return None if place is None else finer.nodes[base][codes[finer.values[place]]]

        return replace(
            self,
            level_names=self.level_names[base:],
            values=self.nodes[base],
            levels=self.levels[base:, first],
            nodes=self.nodes[base:],
            reads=reads,
        )


def build(
    name: str,
    columns: Mapping[str, Sequence[str]],
    *,
    titles: Mapping[str, Text] | None = None,
    seldom: str | None = None,
    reads: Callable[[str], str | None] | None = None,
) -> Hierarchy:
    """A hierarchy from the node codes of each level, finest first, by the level's name; the level over all is added."""
    length = len(next(iter(columns.values())))
    nodes: list[tuple[str, ...]] = []
    rows: list[list[int]] = []
    for level, column in {**columns, TOP: [ALL] * length}.items():
        if len(column) != length or "" in column:
            raise HierarchyInvalid(f"{name}: a value has no node at the level {level!r}.")
        place = {code: position for position, code in enumerate(dict.fromkeys(column))}
        nodes.append(tuple(place))
        rows.append([place[code] for code in column])
    levels = np.array(rows, dtype=np.int64)
    if len(nodes[0]) != length:
        raise HierarchyInvalid(f"{name}: a value stands twice.")
    for finer, coarser in pairwise(levels):
        if len(set(zip(finer.tolist(), coarser.tolist(), strict=True))) != len(set(finer.tolist())):
            raise HierarchyInvalid(f"{name}: a node has two parents.")
    return Hierarchy(name, (*columns, TOP), tuple(nodes[0]), levels, tuple(nodes), titles or {}, seldom, reads)


def titles_beside(path: Path) -> Path:
    """Where the titles of the codes of a hierarchy's file stand, if there are any."""
    return path.with_name(f"{path.stem}-titles.csv")


def read_titles(path: Path) -> dict[str, Text]:
    """The titles in a CSV file with the columns code, de and en."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError) as error:
        raise HierarchyInvalid(f"The titles {path.name} can't be read.") from error
    if tuple(header) != TITLES or any(len(line) != len(TITLES) or not all(line) for line in lines):
        raise HierarchyInvalid(f"{path.name} needs the columns {', '.join(TITLES)}, each filled.")
    return {code: Text(de, en) for code, de, en in lines}


def read_hierarchy(path: Path, name: str) -> Hierarchy:
    """A hierarchy from a CSV file: one column per level, finest first, with the levels' names in the first line; the titles
    of its codes from `NAME-titles.csv` beside it, where that is there."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError) as error:
        raise HierarchyInvalid(f"The hierarchy {path.name} can't be read: it needs a line of level names.") from error
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise HierarchyInvalid(f"{path.name}, line {number}: {len(line)} fields for {len(header)} levels.")
    if not lines or TOP in header or len(set(header)) != len(header):
        raise HierarchyInvalid(f"{path.name} needs values, and levels with different names that are not {TOP!r}.")
    beside = titles_beside(path)
    titles = read_titles(beside) if beside.is_file() else {}
    return build(name, {level: [line[place] for line in lines] for place, level in enumerate(header)}, titles=titles)
