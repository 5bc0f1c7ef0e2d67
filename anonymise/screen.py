"""The screen: reads what is about to be published and refuses it unless it keeps the rule by proof.

It shares no code with the builder. It looks up every person in the block and group that the release puts them into,
counts again what the files say, and reads each row by what its codes stand for. Every set that published numbers can form
is a union of blocks. What several releases tell together is asked in `audit.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymise.problems import ReleaseRefused
from anonymise.rows import Row, Table
from anonymise.rule import Rule

_MEASURE: Final = "measure"
_EVERYBODY: Final = "*"

Mask = NDArray[np.bool_]
Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Published:
    """What the files of a release say: rows, and the lines of `blocks.csv` and `groups.csv`."""

    table: Table
    blocks: Sequence[Line]
    groups: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Screened:
    """What the screen found, and the block, group and value of every person for later meets."""

    members: pl.DataFrame
    blocks: int
    smallest: int
    groups: int
    findings: tuple[str, ...] = ()

    def require(self) -> None:
        """Nothing; raises if the release may not be published."""
        if self.findings:
            raise ReleaseRefused("Refused by the screen: " + " ".join(self.findings))


def screen(published: Published, members: pl.DataFrame, persons: pl.DataFrame, *, rule: Rule) -> Screened:
    """The verdict on some files, given who stands in which block and group, and the base values of the persons."""
    everybody = persons.join(members, on="person", how="full", coalesce=True)
    sizes = members.group_by("block").agg(pl.len().alias("n")).sort("block")
    findings = _small(members, ["block"], rule, "A union, intersection or difference of rows")
    findings += _blocks(published, everybody, sizes)
    findings += _numbers(published.table, persons, rule)
    if published.groups:
        findings += _groups(published, members, rule)
        findings += _revealed(members, ["group"], rule, "A group shown by category")
    least = sizes["n"].min()
    return Screened(
        members,
        sizes.height,
        int(least) if isinstance(least, int) else 0,
        members["group"].drop_nulls().n_unique(),
        tuple(findings),
    )


def _blocks(published: Published, everybody: pl.DataFrame, sizes: pl.DataFrame) -> list[str]:
    """Every person in one block, whose line has their number and holds their values; equal values in the same block."""
    names = [name for name in (published.blocks[0] if published.blocks else {}) if name in everybody.columns]
    names = [name for name in names if name not in ("block", "group", "person")]
    lines = pl.DataFrame([dict(line) for line in published.blocks])
    findings = []
    if everybody.select(pl.col("block").is_null().any() | (pl.col("person").n_unique() != pl.len())).item():
        findings.append("Somebody stands in no block or in two.")
    told = lines.select(pl.col("block").cast(pl.Int64), pl.col("persons").cast(pl.Int64))
    joined = told.join(sizes.with_columns(pl.col("block").cast(pl.Int64)), on="block", how="full", coalesce=True)
    if joined.filter(~pl.col("persons").eq_missing(pl.col("n").cast(pl.Int64))).height:
        findings.append("A block does not hold the persons that its line says.")
    cells = everybody.group_by([*names, "block"]).agg(pl.len())
    if cells.select(names).n_unique() != cells.height:
        findings.append("Persons with the same identifying values stand in different blocks.")
    for name in names:
        holds = {code: frozenset(values) for code, values in published.table.holds[name].items()}
        code = dict(zip(lines["block"].cast(pl.Int64).to_list(), lines[name].to_list(), strict=True))
        outside = sum(
            value not in holds.get(code.get(block, ""), ())
            for value, block in cells.select(name, "block").unique().iter_rows()
        )
        if outside:
            findings.append(f"A block holds persons outside its {name} ({outside} times).")
    return findings


def _groups(published: Published, members: pl.DataFrame, rule: Rule) -> list[str]:
    """Groups are unions of blocks, and each category is zero or at least k, and what the persons say."""
    findings = []
    if members.select("block", "group").unique().height != members["block"].n_unique():
        findings.append("A group is no union of blocks.")
    name = published.table.dimensions[-2 if published.table.dimensions[-1] == _MEASURE else -1]
    holds = published.table.holds[name]
    counts = {(g, v): n for g, v, n in members.group_by("group", "value").agg(pl.len()).iter_rows()}
    whole = dict(members.group_by("value").agg(pl.len()).iter_rows())
    wrong = small = 0
    for line in published.groups:
        values = {value for code in line["category"].split("|") for value in holds[code]}
        own = (
            whole if line["group"] == _EVERYBODY else {v: n for (g, v), n in counts.items() if str(g) == line["group"]}
        )
        persons = int(line["persons"])
        wrong += sum(own.get(value, 0) for value in values) != persons
        small += 0 < persons < rule.k
    if wrong:
        findings.append(f"{wrong} categories of groups do not say what the persons say.")
    if small:
        findings.append(f"{small} categories of groups hold fewer than {rule.k} persons.")
    return findings


def _numbers(table: Table, persons: pl.DataFrame, rule: Rule) -> list[str]:
    """Each number of persons is what the persons say, and is zero or at least k."""
    dimensions = [name for name in table.dimensions if name != _MEASURE]
    cells = persons.group_by(dimensions).agg(pl.len().alias("n")).sort(dimensions)
    reader = _Reader(table, cells, dimensions)
    wrong = small = 0
    for row in table.persons():
        if row.flag == "c":
            wrong += row.value is not None
            continue
        true = reader.count(row)
        if row.flag == "e":
            wrong += not (row.lower is not None and row.upper is not None and row.lower <= true <= row.upper)
        else:
            wrong += row.value != true
        small += row.value is None or 0 < row.value < rule.k
    findings = []
    if wrong:
        findings.append(f"{wrong} rows do not say what the persons say.")
    if small:
        findings.append(f"{small} rows show fewer than {rule.k} persons.")
    return findings


class _Reader:
    """Counts the persons that a row's codes stand for."""

    def __init__(self, table: Table, cells: pl.DataFrame, dimensions: Sequence[str]) -> None:
        self._dimensions, self._holds = dimensions, table.holds
        self._coded = [np.unique(cells[name].to_numpy(), return_inverse=True) for name in dimensions]
        self._persons = cells["n"].to_numpy().astype(np.int64)
        self._masks: dict[tuple[int, str], Mask] = {}
        self._places: dict[str, NDArray[np.int64]] = {}

    def count(self, row: Row) -> int:
        """The persons of a row."""
        # The first dimension first: most of its nodes are small, and what follows looks at their cells alone.
        first = row.keys[0]
        if first not in self._places:
            self._places[first] = np.flatnonzero(self._mask(0, first))
        found = self._places[first]
        for place, code in enumerate(row.keys[1 : len(self._dimensions)], start=1):
            if code != "*":
                found = found[self._mask(place, code)[found]]
        return int(self._persons[found].sum())

    def _mask(self, place: int, code: str) -> Mask:
        known = self._masks.get((place, code))
        if known is None:
            values, inverse = self._coded[place]
            held = frozenset(self._holds[self._dimensions[place]].get(code, ()))
            known = np.array([str(value) in held for value in values], dtype=bool)[inverse]
            self._masks[place, code] = known
        return known


def _small(members: pl.DataFrame, by: list[str], rule: Rule, what: str) -> list[str]:
    sizes = members.group_by(by).agg(pl.len().alias("n"))
    small = sizes.filter(pl.col("n") < rule.k).height
    return [f"{what} holds fewer than {rule.k} persons ({small} times)."] if small else []


def _revealed(members: pl.DataFrame, by: list[str], rule: Rule, what: str) -> list[str]:
    shares = (
        members.group_by([*by, "value"])
        .agg(pl.len().alias("n"))
        .group_by(by)
        .agg(pl.len().alias("categories"), pl.col("n").max().alias("most"), pl.col("n").sum().alias("all"))
    )
    bad = shares.filter(
        (pl.col("categories") < rule.min_categories)
        | (pl.col("most") * 1000 > round(rule.share_limit * 1000) * pl.col("all"))
    ).height
    return [f"{what} tells the category of its persons ({bad} times)."] if bad else []
