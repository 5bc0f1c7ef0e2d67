"""All attacks on some releases: each by itself, those about the same persons together, and those of several periods.

Only what was published is read, and public totals. Nothing of the builder is used.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

import numpy as np

from anonymise.attack.atoms import atoms
from anonymise.attack.blocks import by_block, by_region, counted, says_more
from anonymise.attack.composition import Period, Told, compose
from anonymise.attack.findings import EXPLAINED, Finding
from anonymise.attack.folder import Folder, alike
from anonymise.attack.minimality import told_by_coarseness
from anonymise.attack.presence import Population, told_by_presence
from anonymise.attack.published import Published, in_words
from anonymise.attack.reach import Search
from anonymise.attack.sets import LARGE, narrowed_sets
from anonymise.attack.shares import proved_shares, stated_shares, too_few_categories
from anonymise.attack.stated import says_otherwise
from anonymise.attack.system import Part, System, system
from anonymise.attack.units import told_by_units
from anonymise.progress import Progress, no_progress
from anonymise.rule import common

EXPLAIN: Final = 20
"""Findings of each search that come with their derivation; each takes some programmes of its own."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attack used and found."""

    releases: tuple[str, ...]
    findings: tuple[Finding, ...]
    columns: int
    programmes: dict[str, int] = field(default_factory=dict)

    def public(self) -> dict[str, bool]:
        """Per kind of finding, in words that name no place, whether the releases withstood."""
        found = {finding.kind for finding in self.findings}
        return {text: kind not in found for kind, text in EXPLAINED.items()}


@dataclass(slots=True)
class _Bench:
    """Collects what the searches find and use."""

    explain: int
    progress: Progress
    findings: list[Finding] = field(default_factory=list)
    columns: int = 0
    programmes: dict[str, int] = field(default_factory=lambda: {"linear": 0, "integer": 0})

    def suppose(self, releases: Sequence[Published], step: str, *, part: Part | None = None) -> None:
        """Attack a system of releases that rests on a supposition, if the numbers permit it."""
        whole = system(releases, part=part)
        search = Search(whole.rows)
        if search.feasible():
            self._searched(whole, search, step)

    def search(self, releases: Sequence[Published], step: str) -> None:
        """Attack a system of releases."""
        whole = system(releases)
        self._searched(whole, Search(whole.rows), step)

    def _searched(self, whole: System, search: Search, step: str) -> None:
        self.columns += whole.rows.columns
        narrowed = narrowed_sets(
            whole, search, explain=self.explain, progress=lambda done, of: self.progress(step, done, of)
        )
        self.findings += narrowed.findings
        if narrowed.reach.possible:
            broken = bool(narrowed.findings) and whole.rows.columns > LARGE
            shares = (
                stated_shares(whole) if broken else proved_shares(whole, search, narrowed.reach, explain=self.explain)
            )
            self.findings += shares
            self.findings += too_few_categories(whole, narrowed.reach)
        for kind, number in search.solved.items():
            self.programmes[kind] += number


def attack(
    folders: Sequence[Folder],
    *,
    population: tuple[str, Population] | None = None,
    settled: Collection[str] = (),
    explain: int = EXPLAIN,
    progress: Progress = no_progress,
) -> Attack:
    """Everything that the attacks find in some releases together.

    Cohorts of one period under two names may be the same persons or nearly: each is supposed to be part of the other, but
    for releases of names in `settled`, of which the ledger knows better.
    """
    bench = _Bench(explain, progress)
    for number, folder in enumerate(folders, start=1):
        progress("each release by itself", number, len(folders))
        bench.findings += [*says_more(folder), *told_by_coarseness(folder)]
        bench.findings += says_otherwise(folder.name, folder.itself, counted(folder), rule=folder.rule)
        if population is not None:
            dimension, persons = population
            bench.findings += told_by_presence(folder, persons, dimension=dimension)
    for cohort, own in _cohorts(folders).items():
        bench.search(_about(own), f"all that is said about {cohort}")
        for copies in _copies(own):
            bench.suppose(_about(copies), "dimensions that may say the same")
    for one, other in _overlapping(folders):
        if (one.first, one.last) != (other.first, other.last):
            bench.search([by_region(f, telling=False) for f in (one, other)], "cohorts that overlap")
        elif one.name not in settled and other.name not in settled:
            for inner, outer in ((one, other), (other, one)):
                both = [by_region(folder, telling=False) for folder in (inner, outer)]
                bench.suppose(both, "cohorts of one period", part=(inner.cohort, outer.cohort))
    bench.findings += told_by_units(folders)
    for number, several in enumerate(_series(folders), start=1):
        progress("several periods together", number, len(folders))
        bench.findings += composed(several)
    found = dict.fromkeys(bench.findings)
    return Attack(tuple(f.name for f in folders), tuple(found), bench.columns, bench.programmes)


def _cohorts(folders: Sequence[Folder]) -> dict[str, list[Folder]]:
    found: dict[str, list[Folder]] = {}
    for folder in folders:
        found.setdefault(folder.cohort, []).append(folder)
    return found


def _about(own: Sequence[Folder]) -> list[Published]:
    """The releases about one cohort: by block where all have the same blocks, else by region."""
    for same in (list(own), [_named_alike(folder) for folder in own]):
        blocks = {tuple((b.name, b.members, b.persons) for b in folder.blocks) for folder in same}
        if len(blocks) == 1 and same[0].blocks:
            return [by_block(folder) for folder in same]
    return [by_region(folder, telling=True) for folder in own]


def _copies(own: Sequence[Folder]) -> list[list[Folder]]:
    """Releases about one cohort whose telling dimensions have other names and the same base values, as if they were one: the
    diagnosis may stand there twice."""
    found: dict[tuple[str, ...], list[Folder]] = {}
    for folder in own:
        if folder.groups and folder.telling is not None:
            found.setdefault(folder.telling.values, []).append(folder)
    return [copies for copies in (_as_one(each) for each in found.values()) if copies]


def _as_one(folders: Sequence[Folder]) -> list[Folder]:
    names = sorted({folder.telling.name for folder in folders if folder.telling is not None})
    if len(names) == 1:
        return []
    name = " = ".join(names)
    return [
        replace(f, dimensions=tuple(replace(d, name=name) if d is f.telling else d for d in f.dimensions))
        for f in folders
    ]


def _named_alike(folder: Folder) -> Folder:
    """The release with its blocks in the order of their regions, as later ones have them: of earlier ones the numbers followed
    another order. As it is where two blocks look the same, since then only the numbers tell which is which."""
    looks = {(b.members, b.persons) for b in folder.blocks}
    if len(looks) < len(folder.blocks):
        return folder
    ordered = sorted(folder.blocks, key=lambda b: (b.members, b.persons))
    return replace(folder, blocks=tuple(replace(b, name=str(n)) for n, b in enumerate(ordered)))


def _overlapping(folders: Sequence[Folder]) -> list[tuple[Folder, Folder]]:
    """Pairs of different cohorts of one unit of which one's period lies inside the other's, one release of each."""
    one = {folder.cohort: folder for folder in folders}
    return [
        (a, b)
        for a, b in combinations(one.values(), 2)
        if a.unit == b.unit and ((a.first <= b.first and b.last <= a.last) or (b.first <= a.first and a.last <= b.last))
    ]


def _series(folders: Sequence[Folder]) -> list[list[Folder]]:
    """Releases of several periods that show the same telling dimension for groups."""
    found: dict[tuple[object, ...], list[Folder]] = {}
    for folder in folders:
        if folder.groups and folder.telling is not None:
            singling = tuple(d.name for d in folder.identifying)
            found.setdefault((folder.telling.name, folder.telling.values, singling), []).append(folder)
    return [each for each in found.values() if len(each) > 1]


def composed(folders: Sequence[Folder]) -> tuple[Finding, ...]:
    """What releases of several periods leave open about persons who are in all of them."""
    telling = folders[0].telling
    assert telling is not None
    folders = alike(folders)
    dimensions = folders[0].identifying
    boxes = [block.members for folder in folders for block in folder.blocks]
    places = atoms([len(d.values) for d in dimensions], boxes)
    periods = []
    for folder in folders:
        names = [name for name in dict.fromkeys(s.group for s in folder.groups) if name != "*"]
        number = {name: n for n, name in enumerate(names)}
        group_of = np.full(places.count, -1, dtype=np.int64)
        # A person is in the finest block that has room for them: the sweep takes finer blocks first.
        for block in sorted(folder.blocks, key=lambda b: -len(places.made_of[b.members])):
            group_of[places.made_of[block.members]] = number.get(block.group, -1)
        shares: tuple[Told, ...] = tuple(
            tuple((np.array(s.category), s.persons) for s in folder.groups if s.group == name) for name in names
        )
        periods.append(Period(folder.name, group_of, shares, tuple(f"group {name}" for name in names)))
    # A later release may be built under a stricter rule than an earlier one: together they promise what both do.
    rule = common([folder.rule for folder in folders])
    return compose(periods, rule=rule, categories=telling.values, place=lambda n: in_words(dimensions, places.box(n)))
