"""Dimensions and how their values coarsen: municipality to Amt to district to region, single bands to wider ones.

A hierarchy is a table: for each level, from the value itself to one node over all, the node of every value.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anonymise.municipalities import municipality_table

Codes = NDArray[np.int64]

ALL: Final = "*"
UNKNOWN: Final = "unknown"
AGE_STEP: Final = 10
OLDEST: Final = 80
SEXES: Final = ("female", "male", "other")


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in German and English."""

    de: str
    en: str


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The values of a dimension and, per level, the node that each belongs to; the last level is one node over all."""

    name: str
    values: tuple[str, ...]
    levels: Codes
    nodes: tuple[tuple[str, ...], ...]
    titles: Mapping[str, Text] = field(default_factory=dict)
    seldom: str | None = None

    def without_seldom(self) -> "Hierarchy":
        """The hierarchy without the value that stands in for none, for cohorts in which nobody has it."""
        if self.seldom is None:
            return self
        keep = [place for place, value in enumerate(self.values) if value != self.seldom]
        return replace(
            self, values=tuple(self.values[place] for place in keep), levels=self.levels[:, keep], seldom=None
        )

    def level_of(self, members: Sequence[int]) -> int:
        """The finest level at which the members share a node."""
        shared = (self.levels[:, list(members)] == self.levels[:, [members[0]]]).all(axis=1)
        return int(np.argmax(shared))

    def node_of(self, members: Sequence[int]) -> tuple[str, bool]:
        """The code of the smallest node that holds the members, and whether they are all of it."""
        level = self.level_of(members)
        code = int(self.levels[level, members[0]])
        whole = int((self.levels[level] == code).sum()) == len(members)
        return self.nodes[level][code], whole

    def sizes(self) -> NDArray[np.float64]:
        """Per level and value, the share of all values that its node holds."""
        return np.stack([np.bincount(row)[row] / len(self.values) for row in self.levels])


def build(
    name: str, columns: Sequence[Sequence[str]], *, titles: Mapping[str, Text] | None = None, seldom: str | None = None
) -> Hierarchy:
    """A hierarchy from one column of node codes per level, finest first; the level over all is added."""
    nodes: list[tuple[str, ...]] = []
    rows: list[list[int]] = []
    for column in [*columns, [ALL] * len(columns[0])]:
        place = {code: position for position, code in enumerate(dict.fromkeys(column))}
        nodes.append(tuple(place))
        rows.append([place[code] for code in column])
    levels = np.array(rows, dtype=np.int64)
    for finer, coarser in pairwise(levels):
        if len(set(zip(finer.tolist(), coarser.tolist(), strict=True))) != len(set(finer.tolist())):
            raise ValueError(f"a node of {name} has two parents")
    return Hierarchy(name, tuple(columns[0]), levels, tuple(nodes), titles or {}, seldom)


@cache
def municipalities() -> Hierarchy:
    """Municipality, Amt, district, region."""
    table = municipality_table()
    titles = {row.ags: Text(row.name, row.name) for row in table}
    titles |= {row.district: Text(row.district_name, row.district_name) for row in table}
    titles[ALL] = Text("Region Kiel", "Kiel region")
    for row in sorted(table, key=lambda row: row.population):
        if row.amt != row.ags:
            # The table holds no names of Ämter; the largest municipality, which comes last, tells where one lies.
            titles[row.amt] = Text(f"Amt um {row.name} ({row.amt})", f"Amt around {row.name} ({row.amt})")
    return build(
        "municipality", [[r.ags for r in table], [r.amt for r in table], [r.district for r in table]], titles=titles
    )


def age_band(age: int) -> str:
    """The band of ten years that an age in whole years falls into."""
    if age >= OLDEST:
        return f"{OLDEST}+"
    low = age // AGE_STEP * AGE_STEP
    return f"{low}-{low + AGE_STEP - 1}"


@cache
def ages() -> Hierarchy:
    """Bands of ten years, then of twenty; `unknown` is the last value."""
    bands = [age_band(age) for age in range(0, OLDEST + 1, AGE_STEP)]
    twenty = [f"{age // 20 * 20}-{age // 20 * 20 + 19}" for age in range(0, OLDEST, AGE_STEP)] + [bands[-1]]
    return build("age_band", [[*bands, UNKNOWN], [*twenty, UNKNOWN]], seldom=UNKNOWN)


@cache
def sexes() -> Hierarchy:
    """Female, male, other; `other` holds what FHIR calls other and unknown."""
    titles = {"female": Text("weiblich", "female"), "male": Text("männlich", "male")}
    titles["other"] = Text("divers oder nicht angegeben", "other or not stated")
    return build("sex", [list(SEXES)], titles=titles, seldom="other")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter of ICD-10-GM: its range of three-character codes."""

    code: str
    first: str
    last: str
    title: Text


@cache
def chapter_table() -> tuple[Chapter, ...]:
    """The chapters in the order of the classification."""
    text = (files("anonymise") / "data" / "icd10gm_chapters.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Chapter(r["chapter"], r["first"], r["last"], Text(r["title_de"], r["title_en"])) for r in rows)


def chapter_of(code: str | None) -> str:
    """The chapter of an ICD-10-GM code; `unknown` for none or for one outside every chapter."""
    stem = (code or "")[:3].upper()
    for chapter in chapter_table():
        if len(stem) == len(chapter.first) and chapter.first <= stem <= chapter.last:
            return chapter.code
    return UNKNOWN


@cache
def chapters() -> Hierarchy:
    """The chapters of ICD-10-GM; `unknown` is the last value."""
    titles = {chapter.code: chapter.title for chapter in chapter_table()}
    titles[UNKNOWN] = Text("ohne kodierten Anlass", "no coded reason")
    return build("chapter", [[*(chapter.code for chapter in chapter_table()), UNKNOWN]], titles=titles)


HIERARCHIES: Final = {"municipality": municipalities, "age": ages, "sex": sexes, "icd10gm-chapter": chapters}
