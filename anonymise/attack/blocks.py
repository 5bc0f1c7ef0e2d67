"""What the blocks and groups of a release say by themselves, and whether its rows say more than they do.

Blocks are disjoint sets of persons, whatever their labels. So the attacker of blocks is given the worst: he knows every
person's block. Rows that are what blocks and groups make them add nothing to that.
"""

from collections.abc import Sequence

import numpy as np

from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import ALL, Bag, Folder
from anonymise.attack.matrix import Ids
from anonymise.attack.published import Dimension, Members, Published, Statement, in_words
from anonymise.rule import Mask


def by_block(folder: Folder) -> Published:
    """The numbers of a release about its blocks: each is a place of its own, and a group is a set of them."""
    names = tuple(f"{b.name} ({in_words(folder.identifying, b.members)})" for b in folder.blocks)
    blocks = Dimension("block", "identifying", names)
    telling = folder.telling if folder.groups else None
    dimensions = (blocks,) if telling is None else (blocks, telling)
    rest = () if telling is None else (telling.everything,)
    stars = () if telling is None else ("*",)
    statements = [
        Statement(f"blocks.csv {b.name}", (b.name, *stars), ((n,), *rest), b.persons, b.persons)
        for n, b in enumerate(folder.blocks)
    ]
    inside: dict[str, list[int]] = {}
    for n, block in enumerate(folder.blocks):
        inside.setdefault(block.group, []).append(n)
    for share in folder.groups:
        everybody = share.group == ALL
        members = (blocks.everything if everybody else tuple(inside.get(share.group, ())), share.category)
        labels = ("*" if everybody else f"of group {share.group}", share.label)
        statements.append(Statement(f"groups.csv {share.group}", labels, members, share.persons, share.persons))
    return Published(folder.name, folder.cohort, folder.first, folder.last, folder.rule, dimensions, tuple(statements))


def by_region(folder: Folder, *, telling: bool) -> Published:
    """The numbers of a release about regions: what its blocks leave possible for each of their regions, or, where it has
    no blocks, its rows. Without `telling`, only what is said about persons whatever their category.
    """
    wanted = [n for n, d in enumerate(folder.dimensions) if telling or d.role == "identifying"]
    rows = [
        s for s in folder.rows
        if not folder.blocks and all(n in wanted or len(s.members[n]) == len(d.values) for n, d in enumerate(folder.dimensions))
    ]  # fmt: skip
    shown = tuple(folder.dimensions[n] for n in wanted)
    extra = tuple(d for d in folder.identifying if d.name not in {each.name for each in shown})
    open_ends = tuple(d.everything for d in extra)
    statements = [
        Statement(s.where, (*(s.labels[n] for n in wanted), *("*" for _ in extra)),
                  (*(s.members[n] for n in wanted), *open_ends), s.lower, s.upper, s.withheld)
        for s in rows
    ]  # fmt: skip
    dimensions = (*shown, *extra)
    statements += _regions(folder, dimensions)
    return Published(folder.name, folder.cohort, folder.first, folder.last, folder.rule, dimensions, tuple(statements))


def _regions(folder: Folder, dimensions: Sequence[Dimension]) -> list[Statement]:
    """For the region of every block: at least the blocks wholly inside, at most those that touch it."""
    if not folder.blocks:
        return []
    named = [d.name for d in folder.identifying]
    regions = list(dict.fromkeys(b.members for b in folder.blocks))
    labels = {b.members: b.labels for b in folder.blocks}
    least, most = bounds(folder.blocks, regions, sizes=[len(d.values) for d in folder.identifying])
    found = []
    for region, lower, upper in zip(regions, least.tolist(), most.tolist(), strict=True):
        place = dict(zip(named, region, strict=True))
        label = dict(zip(named, labels[region], strict=True))
        members = tuple(place.get(d.name, d.everything) for d in dimensions)
        shown = tuple(label.get(d.name, "*") for d in dimensions)
        found.append(Statement("blocks.csv", shown, members, lower, upper))
    return found


def bounds(blocks: Sequence[Bag], regions: Sequence[tuple[Members, ...]], *, sizes: Sequence[int]) -> tuple[Ids, Ids]:
    """For each region the persons of the blocks wholly inside, and of those that touch it."""
    inside, touching = relation([b.members for b in blocks], regions, sizes=sizes)
    persons = np.array([b.persons for b in blocks], dtype=np.int64)
    return inside @ persons, touching @ persons


def relation(
    boxes: Sequence[tuple[Members, ...]], regions: Sequence[tuple[Members, ...]], *, sizes: Sequence[int]
) -> tuple[Mask, Mask]:
    """Per region (rows) and box (columns): whether the box lies wholly inside, and whether they touch."""
    inside = np.ones((len(regions), len(boxes)), dtype=bool)
    touching = inside.copy()
    for place, size in enumerate(sizes):
        ours, which_box = _distinct([box[place] for box in boxes], size)
        theirs, which_region = _distinct([region[place] for region in regions], size)
        common = theirs.astype(np.int32) @ ours.T.astype(np.int32)
        within = common == ours.sum(axis=1)
        inside &= within[np.ix_(which_region, which_box)]
        touching &= (common > 0)[np.ix_(which_region, which_box)]
    return inside, touching


def _distinct(sets: Sequence[Members], size: int) -> tuple[Mask, Ids]:
    """The distinct sets as rows of a table of values, and which of them each is."""
    place = {members: n for n, members in enumerate(dict.fromkeys(sets))}
    table = np.zeros((len(place), size), dtype=bool)
    for members, n in place.items():
        table[n, list(members)] = True
    return table, np.array([place[members] for members in sets], dtype=np.int64)


def counted(folder: Folder) -> dict[str, dict[str, int]]:
    """What anybody can count in the files of a release: its blocks, its groups, and its rows about persons."""
    groups: dict[str, int] = {}
    for block in folder.blocks if folder.groups else ():
        groups[block.group] = groups.get(block.group, 0) + block.persons
    withheld = sum(row.withheld for row in folder.rows)
    exact = sum(row.lower == row.upper and not row.withheld for row in folder.rows)
    return {
        "blocks": _sets([block.persons for block in folder.blocks]),
        "groups": _sets(list(groups.values())),
        "rows": {"exact": exact, "estimated": len(folder.rows) - exact - withheld, "withheld": withheld},
    }


def _sets(sizes: Sequence[int]) -> dict[str, int]:
    return {"number": len(sizes), "smallest": min(sizes, default=0)}


def says_more(folder: Folder) -> tuple[Finding, ...]:
    """Rows that are narrower than blocks and groups make them, or that contradict them."""
    if not folder.blocks:
        return ()
    sizes = [len(d.values) for d in folder.identifying]
    order = [next((n for n, d in enumerate(folder.dimensions) if d.name == i.name), None) for i in folder.identifying]
    regions = [
        tuple(d.everything if n is None else row.members[n] for n, d in zip(order, folder.identifying, strict=True))
        for row in folder.rows
    ]
    inside, touching = relation([b.members for b in folder.blocks], regions, sizes=sizes)
    told = next((n for n, d in enumerate(folder.dimensions) if d.role != "identifying"), None)
    made = _Made(folder)
    findings = []
    for number, row in enumerate(folder.rows):
        category = None if told is None else row.members[told]
        lower, upper = made.of(inside[number], touching[number], category)
        if not row.withheld and (row.lower > lower or row.upper is None or row.upper < upper):
            findings.append(_more(folder, row, lower, upper))
    return tuple(findings)


class _Made:
    """What blocks and groups make of a cell."""

    def __init__(self, folder: Folder) -> None:
        self._persons = np.array([b.persons for b in folder.blocks], dtype=np.int64)
        names = list(dict.fromkeys(b.group for b in folder.blocks))
        place = {name: n for n, name in enumerate([*names, ALL])}
        self._group = np.array([place[b.group] for b in folder.blocks], dtype=np.int64)
        self._groups, self._telling = len(place), folder.telling
        self._shares = [(place[s.group], set(s.category), s.persons) for s in folder.groups if s.group in place]
        self._told = {group for group, _, _ in self._shares}
        self._sums: dict[Members, tuple[Ids, Ids]] = {}

    def of(self, inside: Mask, touching: Mask, category: Members | None) -> tuple[int, int]:
        """The persons of a cell, at least and at most, given the blocks inside it and those that touch it."""
        if category is None or self._telling is None or len(category) == len(self._telling.values):
            return int(self._persons[inside].sum()), int(self._persons[touching].sum())
        certain, possible = self._by_group(category)
        outside = np.bincount(self._group, weights=self._persons * ~inside, minlength=self._groups)
        within = np.bincount(self._group, weights=self._persons * touching, minlength=self._groups)
        # What is said of everybody is one more group, which all blocks make up.
        lower = max(np.maximum(certain - outside, 0)[:-1].sum(), certain[-1] - outside.sum())
        upper = min(np.minimum(possible, within)[:-1].sum(), possible[-1], within.sum())
        return int(lower), int(upper)

    def _by_group(self, category: Members) -> tuple[Ids, Ids]:
        """Per group the persons who have the category for certain, and those who may have it."""
        if category not in self._sums:
            wanted = set(category)
            certain, possible = (np.zeros(self._groups, dtype=np.int64) for _ in range(2))
            possible[[n for n in range(self._groups) if n not in self._told]] = self._persons.sum()
            for group, has, persons in self._shares:
                certain[group] += persons if has <= wanted else 0
                possible[group] += persons if has & wanted else 0
            self._sums[category] = certain, possible
        return self._sums[category]


def _more(folder: Folder, row: Statement, lower: int, upper: int) -> Finding:
    about = "; ".join(f"{d.name} {label}" for d, label in zip(folder.dimensions, row.labels, strict=True))
    step = Step(f"{folder.name}, {row.where}", about, row.says)
    return Finding(
        "more", (folder.name,), about, row.lower, row.upper or 0, f"its blocks and groups leave {lower} to {upper}",
        derivation=(step,), conclusion="So this row tells what no block and no group tells.",
    )  # fmt: skip
