"""What the coarseness of a group tells: the minimality attack.

A group is shown as coarse as it is because something finer would have broken the rule. The attacker knows the rule and
the sizes of the parts, and leaves out every world in which all parts would have kept it. In what is left, the chance
that a person of a part has a category must not be above the share limit.
The steps of its ladder that a release names did not withstand before the one that was taken. Where it was that one failed,
nobody outside knows: for the share that its groups were made within, the causes in all groups are weighed together. Where a
step told finer categories, those that are joined now are taken as made up in one way and another (how, no number says);
a part of a category can't be likelier than the whole.
Within a group all ways to hand out its categories to its persons are alike to the attacker, so the persons of a part with
a category follow the hypergeometric distribution. The causes (too large a share, too small a number) are weighed as if
no two came together: exact where they are rare, which is where they tell something.
Wong, Fu, Wang, Pei, "Minimality attack in privacy preserving data publishing", VLDB 2007.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import Folder, Tried
from anonymise.attack.matrix import Ids
from anonymise.attack.programme import Numbers
from anonymise.rule import Rule, may_be_broken_down

PER_MILLE: Final = 1000
TINY: Final = 1e-300
"""Of no chance at all nothing follows."""
SELDOM: Final = 1e-9
"""Causes with less than this share of the chance of all are left out: together they move no chance by a millionth."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a group that could have been shown: its name and persons."""

    name: str
    persons: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A group cut into parts in one way, with the persons of each category, and the categories that join several."""

    group: str
    way: int
    parts: tuple[Part, ...]
    counts: Mapping[str, int]
    joined: frozenset[str] = frozenset()

    @property
    def sizes(self) -> Ids:
        """The persons of each part."""
        return np.array([part.persons for part in self.parts])

    @property
    def marked(self) -> Ids:
        """The persons of each category."""
        return np.array(list(self.counts.values()))


def told_by_coarseness(folder: Folder) -> tuple[Finding, ...]:
    """Every part of a group about which the coarseness of the group tells more than the share limit allows, or that
    earlier steps did not withstand."""
    cuts = list(_cuts(folder))
    *before, taken = folder.tried or (Tried("", folder.rule.share_limit),)
    found = [(cut, each) for cut in cuts for each in told(cut, rule=folder.rule, within=taken.within)]
    for within, finer in sorted({(step.within, step.finest != taken.finest) for step in before}):
        for way in sorted({cut.way for cut in cuts}):
            several = [cut for cut in cuts if cut.way == way]
            found += told_by_failing(several, rule=folder.rule, within=within, finer=finer)
    return tuple(dict.fromkeys(_finding(folder, cut.group, cut.counts, *each) for cut, each in found))


def _cuts(folder: Folder) -> Iterator[Cut]:
    """Each group that keeps the rule, cut by block and by each identifying dimension, into two parts or more."""
    for group in dict.fromkeys(block.group for block in folder.blocks if block.group):
        members = [block for block in folder.blocks if block.group == group]
        own = [s for s in folder.groups if s.group == group]
        counts = {s.label: s.persons for s in own}
        if not counts or not may_be_broken_down(np.array([list(counts.values())]), rule=folder.rule)[0]:
            continue  # what the group shows tells already
        joined = frozenset(s.label for s in own if len(s.category) > 1)
        for way in range(-1, len(folder.identifying)):
            sizes: dict[str, int] = {}
            for block in members:
                name = f"block {block.name}" if way < 0 else f"{folder.identifying[way].name} {block.labels[way]}"
                sizes[name] = sizes.get(name, 0) + block.persons
            parts = tuple(Part(name, persons) for name, persons in sizes.items())
            if len(parts) > 1 and sum(sizes.values()) == sum(counts.values()):
                yield Cut(group, way, parts, counts, joined)


Told = tuple[Part, str, float]
"""A part, a category, and the chance that somebody of the part has it."""


def told(cut: Cut, *, rule: Rule, within: float) -> list[Told]:
    """Parts and categories whose chance is above the limit once it is known that not all parts keep the rule, with a share
    of at most `within`."""
    chance, expected = _causes(cut.sizes, cut.marked, k=rule.k, most=round(within * PER_MILLE))
    return _above(cut, expected / max(chance, TINY), rule)


def told_by_failing(cuts: Sequence[Cut], *, rule: Rule, within: float, finer: bool) -> list[tuple[Cut, Told]]:
    """The same once it is known that of all these groups some part did not keep the rule; `finer` where joined categories
    might have been told apart."""
    most = round(within * PER_MILLE)
    plain = [_causes(cut.sizes, cut.marked, k=rule.k, most=most)[0] for cut in cuts]
    found = []
    for cut, usual in zip(cuts, plain, strict=True):
        highest = np.zeros((len(cut.parts), len(cut.counts)))
        mean = np.outer(cut.sizes, cut.marked) / cut.marked.sum()
        for marked, owner in _worlds(cut, k=rule.k, finer=finer):
            chance, expected = _causes(cut.sizes, marked, k=rule.k, most=most)
            whole = np.zeros_like(highest)
            np.add.at(whole.T, owner, expected.T)
            elsewhere = sum(plain) - usual
            highest = np.maximum(highest, (whole + elsewhere * mean) / max(chance + elsewhere, TINY))
        found += [(cut, each) for each in _above(cut, highest, rule)]
    return found


def _above(cut: Cut, expected: Numbers, rule: Rule) -> list[Told]:
    share, names = expected / cut.sizes[:, None], list(cut.counts)
    return [(cut.parts[i], names[c], float(share[i, c])) for i, c in np.argwhere(share > rule.share_limit).tolist()]


def _worlds(cut: Cut, *, k: int, finer: bool) -> Iterator[tuple[Ids, Ids]]:
    """Persons per category, and the place of the told category that each is of: as told, and where finer ones were tried,
    each joined one made up of a part of one person, of fewer than k, of half."""
    own = np.arange(len(cut.counts))
    yield cut.marked, own
    for place, (label, persons) in enumerate(cut.counts.items()):
        for part in sorted({1, k - 1, persons // 2}) if finer and label in cut.joined else ():
            if 0 < part < persons:
                marked = np.append(cut.marked, part)
                marked[place] -= part
                yield marked, np.append(own, place)


def _causes(sizes: Ids, marked: Ids, *, k: int, most: int) -> tuple[float, Numbers]:
    """The chances, added up, that one part has a share above so many in a thousand or a number below k; and the persons to
    expect per part (rows) and category (columns) if so, times that chance."""
    everybody = int(marked.sum())
    chance, mean = np.zeros((2, len(sizes), len(marked)))
    for place, name in np.ndindex(chance.shape):
        chance[place, name], mean[place, name] = _broken(int(sizes[place]), int(marked[name]), everybody, k, most)
    expected = np.zeros(chance.shape)
    for place, name in np.argwhere(chance > SELDOM * chance.sum()).tolist():
        expected += chance[place, name] * _given(mean[place, name], place, name, sizes, marked)
    return float(chance.sum()), expected


@lru_cache(maxsize=100_000)
def _broken(size: int, marked: int, everybody: int, k: int, most: int) -> tuple[float, float]:
    """The chance that a part has too many of a category or a number below k, and how many it has then on average."""
    number = np.arange(size + 1)
    large = number * PER_MILLE > most * size
    small = (number > 0) & (number < k) & ~large
    breaks = np.exp(_chances(number, size, marked, _logs(everybody))) * (large | small)
    chance = float(breaks.sum())
    return chance, float(breaks @ number) / chance if chance > 0 else 0.0


@lru_cache(maxsize=1000)
def _logs(everybody: int) -> Numbers:
    """The logarithms of the factorials up to everybody."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, everybody + 1)))])


def _given(number: float, place: int, name: int, sizes: Ids, marked: Ids) -> Numbers:
    """The persons to expect per part and category, if one part has so many of one category."""
    everybody = int(marked.sum())
    others = (sizes[place] - number) / max(everybody - marked[name], 1)
    own = marked * others
    own[name] = number
    elsewhere = (marked - own) / max(everybody - sizes[place], 1)
    found: Numbers = sizes[:, None] * elsewhere[None, :]
    found[place] = own
    return found


def _chances(number: Ids, drawn: int, marked: int, logs: Numbers) -> Numbers:
    """Logarithms of the hypergeometric probabilities: so many of `drawn` are marked, of `marked` among everybody.

    `logs` are the logarithms of the factorials up to everybody.
    """
    everybody = len(logs) - 1

    def choose(n: int, k: Ids) -> Numbers:
        inside = (k >= 0) & (k <= n)
        k = np.where(inside, k, 0)
        chosen: Numbers = np.where(inside, logs[n] - logs[k] - logs[n - k], -np.inf)
        return chosen

    return choose(marked, number) + choose(everybody - marked, drawn - number) - choose(everybody, np.array([drawn]))


def _finding(folder: Folder, group: str, counts: Mapping[str, int], part: Part, name: str, chance: float) -> Finding:
    expected = round(chance * part.persons)
    steps = (
        Step(
            f"{folder.name}, groups.csv",
            f"group {group}",
            ", ".join(f"{n} {label}" for label, n in counts.items() if n),
        ),
        Step(f"{folder.name}, blocks.csv", part.name, str(part.persons), number=part.persons),
    )
    return Finding(
        "minimality", (folder.name,), f"{part.name} of group {group}: {name}", expected, expected,
        f"a chance of at most {folder.rule.share_limit:.0%}", of=part.persons, derivation=steps,
        conclusion=f"That the group is not shown in parts makes the chance of {name} in this part {chance:.0%}.",
    )  # fmt: skip
