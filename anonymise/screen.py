"""The screen: reads the rows that are about to be published and refuses them unless they keep the rule by proof.

It shares no code with the builder. It decodes each row's labels, counts the persons again, and cuts the cohort into
atoms: persons that exactly the same rows count. Every set that published numbers can form is a union of atoms. Then it
meets the atoms with those of every earlier release about an overlapping period, "not in it" included, and asks the same
of each part. Releases about disjoint periods count different persons and are not subtracted from each other here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymise.problems import ReleaseRefused
from anonymise.rule import Rule
from anonymise.tables import Row, Table

_BAND: Final = re.compile(r"^(\d+)(?:-(\d+)|\+)$")
_END: Final = 999
_IDENTIFYING: Final = ("municipality", "age_band", "sex")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a published release still has to be met with: its name and person, block, group, chapter."""

    name: str
    members: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Screened:
    """What the screen found, and the atoms of every person for later meets."""

    members: pl.DataFrame
    blocks: int
    smallest: int
    groups: int
    met: tuple[str, ...] = ()
    findings: tuple[str, ...] = field(default=())

    def require(self) -> None:
        """Nothing; raises if the release may not be published."""
        if self.findings:
            raise ReleaseRefused("Refused by the screen: " + " ".join(self.findings))


def screen(table: Table, persons: pl.DataFrame, *, rule: Rule, earlier: Sequence[Earlier] = ()) -> Screened:
    """The verdict on some rows, given the persons they are about."""
    cells = persons.group_by([*_IDENTIFYING, "chapter"]).agg(pl.len().alias("n")).sort([*_IDENTIFYING, "chapter"])
    reader = _Reader(table, cells)
    findings = _numbers(table, reader, rule)
    members = persons.join(
        cells.with_columns(
            pl.Series("block", reader.atoms([row for row in table.rows if row.keys[3] == "*"])),
            pl.Series("group", reader.atoms([row for row in table.rows if row.keys[3] != "*"])),
        ),
        on=[*_IDENTIFYING, "chapter"],
    ).select("person", "block", "group", "chapter")
    sizes = members.group_by("block").agg(pl.len().alias("n"))["n"]
    findings += _small(members, ["block"], rule, "A union, intersection or difference of rows")
    if any(row.keys[3] != "*" and row.flag != "c" for row in table.rows):
        findings += _revealed(members, ["group"], rule, "A group shown by category")
    for other in earlier:
        findings += _meet(members, other, rule)
    findings += _meet_all(members, earlier, rule)
    least = sizes.min()
    return Screened(
        members,
        len(sizes),
        int(least) if isinstance(least, int) else 0,
        members["group"].n_unique(),
        tuple(other.name for other in earlier),
        tuple(findings),
    )


class _Reader:
    """Turns the labels of rows into places among the cells of the cohort."""

    def __init__(self, table: Table, cells: pl.DataFrame) -> None:
        self._areas = {code: frozenset(members) for code, members in table.areas.items()}
        self._named = frozenset(table.categories) - {"other"}
        names = (*_IDENTIFYING, "chapter")
        self._coded = {name: np.unique(cells[name].to_numpy(), return_inverse=True) for name in names}
        self._cache: dict[tuple[str, str], Mask] = {}
        self._places: dict[str, NDArray[np.int64]] = {}
        self.persons = cells["n"].to_numpy().astype(np.int64)

    def cells(self, keys: tuple[str, ...]) -> NDArray[np.int64]:
        """The places of the cells that a row with these codes counts."""
        # The area first: most are small, and what follows looks at their cells alone.
        found = self._within(keys[0])
        for name, code in zip((*_IDENTIFYING[1:], "chapter"), keys[1:], strict=True):
            if code != "*":
                found = found[self._of(name, code)[found]]
        return found

    def _within(self, area: str) -> NDArray[np.int64]:
        if area not in self._places:
            everywhere = np.ones(len(self.persons), dtype=bool)
            self._places[area] = np.flatnonzero(everywhere if area == "*" else self._of("municipality", area))
        return self._places[area]

    def _of(self, name: str, code: str) -> Mask:
        known = self._cache.get((name, code))
        if known is None:
            values, place = self._coded[name]
            known = np.array([self._holds(name, code, str(value)) for value in values], dtype=bool)[place]
            self._cache[name, code] = known
        return known

    def _holds(self, name: str, code: str, value: str) -> bool:
        if name == "municipality":
            return value in self._areas[code]
        if name == "chapter":
            return value not in self._named if code == "other" else value == code
        return any(_covers(part, value) for part in code.split("|"))

    def atoms(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Cells that exactly the same exact rows count, whatever the category, get the same number."""
        # A random weight per set of rows: two cells with different memberships collide with chance 2^-64.
        random = np.random.default_rng(20)
        sums = np.zeros(len(self.persons), dtype=np.uint64)
        for keys in sorted({row.keys[:3] for row in rows if row.flag == ""}):
            weight = random.integers(1, 2**63, dtype=np.uint64)
            sums[self.cells((*keys, "*"))] += weight
        return np.unique(sums, return_inverse=True)[1].astype(np.int64)


def _covers(code: str, value: str) -> bool:
    if code == value:
        return True
    outer, inner = _BAND.match(code), _BAND.match(value)
    if outer is None or inner is None:
        return False
    return int(outer[1]) <= int(inner[1]) and int(inner[2] or _END) <= int(outer[2] or _END)


def _numbers(table: Table, reader: _Reader, rule: Rule) -> list[str]:
    """Each number is what the persons say, and is zero or at least k."""
    wrong = small = 0
    for row in table.rows:
        if row.flag == "c":
            wrong += row.value is not None
            continue
        true = int(reader.persons[reader.cells(row.keys)].sum())
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


def _small(members: pl.DataFrame, by: list[str], rule: Rule, what: str) -> list[str]:
    sizes = members.group_by(by).agg(pl.len().alias("n"))
    small = sizes.filter(pl.col("n") < rule.k).height
    return [f"{what} holds fewer than {rule.k} persons ({small} times)."] if small else []


def _revealed(members: pl.DataFrame, by: list[str], rule: Rule, what: str) -> list[str]:
    shares = (
        members.group_by([*by, "chapter"])
        .agg(pl.len().alias("n"))
        .group_by(by)
        .agg(pl.len().alias("categories"), pl.col("n").max().alias("most"), pl.col("n").sum().alias("all"))
    )
    bad = shares.filter(
        (pl.col("categories") < rule.min_categories)
        | (pl.col("most") * 1000 > round(rule.share_limit * 1000) * pl.col("all"))
    ).height
    return [f"{what} tells the category of its persons ({bad} times)."] if bad else []


def _meet(members: pl.DataFrame, other: Earlier, rule: Rule) -> list[str]:
    """The parts into which the groups of two releases cut each other, by the categories of either."""
    both = members.join(other.members, on="person", how="full", coalesce=True, suffix="_then")
    what = f"Together with {other.name}, a group"
    findings = _revealed(both.filter(pl.col("chapter").is_not_null()), ["group", "group_then"], rule, what)
    then = both.filter(pl.col("chapter_then").is_not_null()).with_columns(pl.col("chapter_then").alias("chapter"))
    return findings or _revealed(then, ["group", "group_then"], rule, what)


def _meet_all(members: pl.DataFrame, earlier: Sequence[Earlier], rule: Rule) -> list[str]:
    """The parts into which the blocks of all overlapping releases cut each other."""
    if not earlier:
        return []
    meet, by = members.select("person", "block"), ["block"]
    for number, other in enumerate(earlier):
        by.append(f"block_{number}")
        column = other.members.select("person", pl.col("block").alias(by[-1]))
        meet = meet.join(column, on="person", how="full", coalesce=True)
    names = ", ".join(other.name for other in earlier)
    return _small(meet, by, rule, f"Together with {names}, a difference of rows")
