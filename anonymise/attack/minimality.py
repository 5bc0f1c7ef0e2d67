"""What the coarseness of a group tells: the minimality attack.

A group is shown as coarse as it is because something finer would have broken the rule. The attacker knows the rule and
the sizes of the parts, and leaves out every world in which all parts would have kept it. In what is left, the chance
that a person of a part has a category must not be above the share limit.
Within a group all ways to hand out its categories to its persons are alike to the attacker, so the persons of a part with
a category follow the hypergeometric distribution. The causes (too large a share, too small a number) are weighed as if
no two came together: exact where they are rare, which is where they tell something.
Wong, Fu, Wang, Pei, "Minimality attack in privacy preserving data publishing", VLDB 2007.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import Folder
from anonymise.attack.matrix import Ids
from anonymise.attack.programme import Numbers
from anonymise.rule import Rule, may_be_broken_down


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a group that could have been shown: its name and persons."""

    name: str
    persons: int


def told_by_coarseness(folder: Folder) -> tuple[Finding, ...]:
    """Every part of a group about which the coarseness of the group tells more than the share limit allows."""
    findings = []
    for group in dict.fromkeys(block.group for block in folder.blocks if block.group):
        members = [block for block in folder.blocks if block.group == group]
        counts = {s.label: s.persons for s in folder.groups if s.group == group}
        if not counts or not may_be_broken_down(np.array([list(counts.values())]), rule=folder.rule)[0]:
            continue  # what the group shows tells already
        for way in range(-1, len(folder.identifying)):
            sizes: dict[str, int] = {}
            for block in members:
                name = f"block {block.name}" if way < 0 else f"{folder.identifying[way].name} {block.labels[way]}"
                sizes[name] = sizes.get(name, 0) + block.persons
            parts = [Part(name, persons) for name, persons in sizes.items()]
            findings += [_finding(folder, group, counts, *each) for each in told(parts, counts, rule=folder.rule)]
    return tuple(dict.fromkeys(findings))


def told(parts: list[Part], counts: Mapping[str, int], *, rule: Rule) -> list[tuple[Part, str, float]]:
    """Parts and categories whose chance is above the limit once it is known that not all parts keep the rule."""
    sizes = np.array([part.persons for part in parts])
    marked = np.array(list(counts.values()))
    everybody = int(marked.sum())
    if len(parts) < 2 or sizes.sum() != everybody:
        return []
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, everybody + 1)))])
    chance, mean = np.zeros((2, len(parts), len(marked)))
    for place, name in np.ndindex(chance.shape):
        number = np.arange(int(sizes[place]) + 1)
        large = number * 1000 > round(rule.share_limit * 1000) * sizes[place]
        small = (number > 0) & (number < rule.k) & ~large
        breaks = np.exp(_chances(number, int(sizes[place]), int(marked[name]), logs)) * (large | small)
        chance[place, name] = breaks.sum()
        mean[place, name] = breaks @ number / breaks.sum() if breaks.sum() > 0 else 0
    if chance.sum() <= 0:
        return []
    expected = np.zeros(chance.shape)
    for place, name in np.argwhere(chance > 0).tolist():
        expected += chance[place, name] * _given(mean[place, name], place, name, sizes, marked)
    share = expected / chance.sum() / sizes[:, None]
    names = list(counts)
    return [(parts[i], names[c], float(share[i, c])) for i, c in np.argwhere(share > rule.share_limit).tolist()]


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
