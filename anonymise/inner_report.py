"""The inner report: what a draft is like and what the audits and attacks said of it, place by place. It never leaves.

Facts alone, so that it can be kept sealed and shown in any language (`inner_pages.py`).
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from anonymise.about import Words
from anonymise.attack.findings import EXPLAINED, Finding
from anonymise.attack.folder import Folder
from anonymise.attack.run import Attack
from anonymise.audit import Audit
from anonymise.build import Built
from anonymise.dataset import DeclaredTable
from anonymise.definition import Definition
from anonymise.hierarchy import ALL, Codes, Text
from anonymise.partition import Partition
from anonymise.plan import planned

EDGES: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Where the classes of sizes begin, in multiples of k."""
TWO: Final = 2
"""Levels of a hierarchy that knows nothing between a value and all of them."""
FINDINGS: Final = 100
"""Findings that the report tells one by one; the others it counts."""


class Bin(msgspec.Struct, frozen=True):
    """How many sets hold from `low` to `high` persons (None: any more), and the persons in them."""

    low: int
    high: int | None
    sets: int
    persons: int


class Sizes(msgspec.Struct, frozen=True):
    """The sizes of the blocks of a release and of its groups, the smallest of each (0: there are none)."""

    name: str
    k: int
    blocks: tuple[Bin, ...]
    smallest: int
    groups: tuple[Bin, ...] = ()
    smallest_group: int = 0


class Place(msgspec.Struct, frozen=True):
    """The persons of a place at each level of a dimension, finest first; the code `*` is who stands in blocks across places."""

    code: str
    name: Words
    persons: tuple[int, ...]


class Coarsened(msgspec.Struct, frozen=True):
    """How coarse a dimension is told: its levels, finest first, and the persons told at each; the same place by place."""

    title: Words
    levels: tuple[str, ...]
    persons: tuple[int, ...]
    places: tuple[Place, ...]


class Loss(msgspec.Struct, frozen=True):
    """What a declared table tells: the share of exact cells, the median error of cells from k persons on, the share of
    persons in a wrong cell, the shares of cells and persons that are not told; beside it what suppression would lose."""

    title: Words
    number: int
    exact: float
    error: float
    misplaced: float
    lost: float
    persons_lost: float
    suppressed: float
    persons_suppressed: float


class Attacked(msgspec.Struct, frozen=True):
    """What was attacked and with how much, how many findings of each kind, and the first of them."""

    releases: tuple[str, ...]
    unknowns: int
    linear: int
    integer: int
    outcomes: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def more(self) -> int:
        """How many findings are only counted."""
        return sum(self.outcomes.values()) - len(self.findings)


class Head(msgspec.Struct, frozen=True):
    """Which draft the report is about, and what the screen and the meet said of it."""

    title: Words
    built_by: str
    built_at: str
    persons: int
    share_limit: float
    min_categories: int
    refusals: tuple[str, ...]
    met: tuple[str, ...]
    cleared: bool


class Rung(msgspec.Struct, frozen=True):
    """A step of the ladder that was tried: the finest level of categories, the largest share of a group, how many groups
    there were (0: none could be made, or none is told) and how many findings."""

    level: str
    share_limit: float
    groups: int
    findings: int


class InnerReport(msgspec.Struct, frozen=True):
    """The report on a draft; without `head`, `coarsened` and `tables` on releases that were attacked from outside."""

    name: str
    attacked: Attacked
    sizes: tuple[Sizes, ...]
    head: Head | None = None
    coarsened: tuple[Coarsened, ...] = ()
    tables: tuple[Loss, ...] = ()
    ladder: tuple[Rung, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not sum(self.attacked.outcomes.values()) and not (self.head and self.head.refusals)

    def to_json(self) -> bytes:
        """The report as bytes."""
        return msgspec.json.encode(self)


def parse(content: bytes) -> InnerReport:
    """The report in some bytes."""
    return msgspec.json.decode(content, type=InnerReport)


def report_on(
    built: Built,
    definition: Definition,
    audit: Audit,
    *,
    name: str,
    by: str,
    at: str,
    ladder: tuple[Rung, ...] = (),
) -> InnerReport:
    """The report on what was built from some persons, on its audit, and on the steps that led to it."""
    rule = definition.rule
    head = Head(
        title=definition.title,
        built_by=by,
        built_at=at,
        persons=built.persons.height,
        share_limit=rule.share_limit,
        min_categories=rule.min_categories,
        refusals=(*audit.screened.findings, *audit.together.refusals),
        met=audit.together.met,
        cleared=audit.together.cleared,
    )
    return InnerReport(
        name,
        attacked_in(audit.attack),
        (_sizes(name, built.blocks.persons, built.blocks.group_sizes(), k=rule.k),),
        head,
        _coarsened(built.partition, definition),
        _losses(built, definition),
        ladder,
    )


def report_on_releases(folders: Sequence[Folder], attack: Attack) -> InnerReport:
    """The report on an attack from outside: nothing in it but what was published and what follows from it."""
    return InnerReport(", ".join(f.name for f in folders), attacked_in(attack), tuple(_sizes_in(f) for f in folders))


def attacked_in(attack: Attack) -> Attacked:
    """An attack as the report tells it."""
    outcomes: dict[str, int] = {kind: sum(f.kind == kind for f in attack.findings) for kind in EXPLAINED}
    # Those with a derivation first: they are what an auditor can follow.
    told = sorted(attack.findings, key=lambda finding: not finding.derivation)[:FINDINGS]
    linear, integer = (attack.programmes.get(kind, 0) for kind in ("linear", "integer"))
    return Attacked(attack.releases, attack.columns, linear, integer, outcomes, tuple(told))


def _sizes(name: str, blocks: Codes, groups: Codes, *, k: int) -> Sizes:
    smallest, smallest_group = (int(sizes.min()) if len(sizes) else 0 for sizes in (blocks, groups))
    return Sizes(name, k, _bins(blocks, k=k), smallest, _bins(groups, k=k), smallest_group)


def _sizes_in(folder: Folder) -> Sizes:
    blocks = np.array([block.persons for block in folder.blocks], dtype=np.int64)
    groups: dict[str, int] = {}
    for block in folder.blocks:
        if block.group:
            groups[block.group] = groups.get(block.group, 0) + block.persons
    return _sizes(folder.name, blocks, np.array(list(groups.values()), dtype=np.int64), k=folder.rule.k)


def _bins(sizes: Codes, *, k: int) -> tuple[Bin, ...]:
    """The sizes in classes, from the first that holds some to the last; what is smaller than k has a class of its own."""
    if not len(sizes):
        return ()
    lows = [round(edge * k) for edge in EDGES]
    lows = [0, *lows]
    highs = [*(low - 1 for low in lows[1:]), None]
    found = []
    for low, high in zip(lows, highs, strict=True):
        inside = sizes[(sizes >= low) & (sizes <= (sizes.max() if high is None else high))]
        found.append(Bin(low, high, len(inside), int(inside.sum())))
    some = [place for place, each in enumerate(found) if each.sets]
    return tuple(found[some[0] : some[-1] + 1])


def _coarsened(base: Partition, definition: Definition) -> tuple[Coarsened, ...]:
    identifying, sizes = definition.identifying, base.sizes
    where = next((n for n, d in enumerate(identifying) if d.hard is not None), 0)
    place = _places(base, where)
    found = []
    for number, (dimension, hierarchy) in enumerate(zip(identifying, base.hierarchies, strict=True)):
        told = np.zeros((int(place.max()) + 2, len(hierarchy.level_names)), dtype=np.int64)
        np.add.at(told, (place, base.levels[:, number]), sizes)
        names = [*base.hierarchies[where].nodes[-2], ALL]
        rows = (
            Place(code, _named(base.hierarchies[where].titles.get(code), code), tuple(told[at].tolist()))
            for at, code in ((n if code != ALL else -1, code) for n, code in enumerate(names))
            if at < len(told) - 1 and told[at].any()
        )
        levels = told.sum(axis=0).tolist()
        found.append(Coarsened(dimension.title, hierarchy.level_names, tuple(levels), tuple(rows)))
    return tuple(found)


def _places(base: Partition, where: int) -> Codes:
    """Per block the number of its node at the coarsest level that is not all, -1 where it reaches across them."""
    hierarchy = base.hierarchies[where]
    coarsest = len(hierarchy.level_names) - 2
    some = base.cells[np.unique(base.block, return_index=True)[1], where]
    found: Codes = np.where(base.levels[:, where] <= coarsest, hierarchy.levels[coarsest][some], -1)
    return found


def _named(text: Text | None, code: str) -> Words:
    return Words(de=code, en=code) if text is None else Words(de=text.de, en=text.en)


def _losses(built: Built, definition: Definition) -> tuple[Loss, ...]:
    return tuple(
        Loss(
            title=_heading(line.table, definition),
            number=line.cells,
            exact=line.partition.exact,
            error=line.partition.relative,
            misplaced=line.partition.misplaced,
            lost=line.partition.lost,
            persons_lost=line.partition.persons_lost,
            suppressed=line.suppression.lost,
            persons_suppressed=line.suppression.persons_lost,
        )
        for line in planned(built, definition)
    )


def _heading(table: DeclaredTable, definition: Definition) -> Words:
    """A table in words: its dimensions by title, each with the level of its cells where it has more than one."""
    parts = [
        (d.title, "" if len(definition.hierarchies[d.name].levels) <= TWO else f" ({table.cells[d.name]})")
        for d in definition.cohort.dimension
        if d.name in table.cells
    ]
    return Words(de=" × ".join(t.de + level for t, level in parts), en=" × ".join(t.en + level for t, level in parts))
