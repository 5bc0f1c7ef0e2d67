"""What the coarseness of a group tells: the minimality attack.

A group is shown as coarse as it is because something finer would have broken the rule. The attacker knows the rule and
the sizes of the parts, and leaves out every world in which all parts would have kept it. In what is left, the chance
that a person of a part has a category must not be above the share limit.
The steps of its ladder that a release names did not withstand before the one that was taken. Nobody outside knows where it
was that they failed; the attacker takes it to be here: for each share that groups were made within, and where finer
categories were tried, for joined categories made up in one way and another (how, no number says). What is told of a
category holds for whatever it joins: a part of it can't be likelier than the whole.
Within a group all ways to hand out its categories to its persons are alike to the attacker, so the persons of a part with
a category follow the hypergeometric distribution. The causes (too large a share, too small a number) are weighed as if
no two came together: exact where they are rare, which is where they tell something.
Wong, Fu, Wang, Pei, "Minimality attack in privacy preserving data publishing", VLDB 2007.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import Folder
from anonymise.attack.matrix import Ids
from anonymise.attack.programme import Numbers
from anonymise.rule import Rule, may_be_broken_down

PER_MILLE: Final = 1000
TINY: Final = 1e-300
"""Of no chance at all nothing follows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a group that could have been shown: its name and persons."""

    name: str
    persons: int


def told_by_coarseness(folder: Folder) -> tuple[Finding, ...]:
    """Every part of a group about which the coarseness of the group tells more than the share limit allows."""
    findings = []
    finer = len({step.finest for step in folder.tried}) > 1
    causes = sorted({step.within for step in folder.tried} or {folder.rule.share_limit})
    for group in dict.fromkeys(block.group for block in folder.blocks if block.group):
        members = [block for block in folder.blocks if block.group == group]
        own = [s for s in folder.groups if s.group == group]
        counts = {s.label: s.persons for s in own}
        if not counts or not may_be_broken_down(np.array([list(counts.values())]), rule=folder.rule)[0]:
            continue  # what the group shows tells already
        joined = frozenset(s.label for s in own if finer and len(s.category) > 1)
        for way in range(-1, len(folder.identifying)):
            sizes: dict[str, int] = {}
            for block in members:
                name = f"block {block.name}" if way < 0 else f"{folder.identifying[way].name} {block.labels[way]}"
                sizes[name] = sizes.get(name, 0) + block.persons
            parts = [Part(name, persons) for name, persons in sizes.items()]
            for within in causes:
                found = told(parts, counts, rule=folder.rule, within=within, joined=joined)
                findings += [_finding(folder, group, counts, *each) for each in found]
    return tuple(dict.fromkeys(findings))


def told(
    parts: list[Part],
    counts: Mapping[str, int],
    *,
    rule: Rule,
    within: float | None = None,
    joined: Collection[str] = (),
) -> list[tuple[Part, str, float]]:
    """Parts and categories whose chance is above the limit once it is known that not all parts keep the rule.

    `within` is the share that parts had to keep, by default the limit; `joined` are categories that might have been told
    apart.
    """
    sizes = np.array([part.persons for part in parts])
    if len(parts) < 2 or sizes.sum() != sum(counts.values()):
        return []
    most = round((rule.share_limit if within is None else within) * PER_MILLE)
    highest = np.zeros((len(parts), len(counts)))
    for marked, owner in _worlds(counts, joined, k=rule.k):
        share = _shares(sizes, marked, k=rule.k, most=most)
        whole = np.zeros_like(highest)
        np.add.at(whole.T, owner, share.T)
        highest = np.maximum(highest, whole)
    names = list(counts)
    return [(parts[i], names[c], float(highest[i, c])) for i, c in np.argwhere(highest > rule.share_limit).tolist()]


def _worlds(counts: Mapping[str, int], joined: Collection[str], *, k: int) -> Iterator[tuple[Ids, Ids]]:
    """Persons per category, and the place of the told category that each is of: as told, and each joined one made up of a
    part of one person, of fewer than k, of half."""
    told = np.array(list(counts.values()))
    own = np.arange(len(told))
    yield told, own
    for place, (label, persons) in enumerate(counts.items()):
        for part in sorted({1, k - 1, persons // 2}) if label in joined else ():
            if 0 < part < persons:
                marked = np.append(told, part)
                marked[place] -= part
                yield marked, np.append(own, place)


def _shares(sizes: Ids, marked: Ids, *, k: int, most: int) -> Numbers:
    """The chance of each category (columns) in each part (rows), if one part has a share above so many in a thousand, or
    a number below k; zero where that can't be."""
    everybody = int(marked.sum())
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, everybody + 1)))])
    chance, mean = np.zeros((2, len(sizes), len(marked)))
    for place, name in np.ndindex(chance.shape):
        number = np.arange(int(sizes[place]) + 1)
        large = number * PER_MILLE > most * sizes[place]
        small = (number > 0) & (number < k) & ~large
        breaks = np.exp(_chances(number, int(sizes[place]), int(marked[name]), logs)) * (large | small)
        chance[place, name] = breaks.sum()
        mean[place, name] = breaks @ number / breaks.sum() if breaks.sum() > 0 else 0
    expected = np.zeros(chance.shape)
    for place, name in np.argwhere(chance > 0).tolist():
        expected += chance[place, name] * _given(mean[place, name], place, name, sizes, marked)
    share: Numbers = expected / max(chance.sum(), TINY) / sizes[:, None]
    return share


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
