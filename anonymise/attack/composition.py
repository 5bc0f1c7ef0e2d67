"""What several periods together leave open about persons who are known to be in all of them.

A person whom the identifying dimensions single out stands in one group in each period. If the category is one that
persons keep, such as a chronic disease, it has to be possible in every period's group: the attacker intersects. Of a
category c that u_q persons of the group have in period q, at most min u_q persons can be in all periods and keep c. If
as many stayed as could, the share of c among them is its minimum divided by the sum of the minima; the fewer stayed, the
less is certain. So this share is the most that the numbers can prove.
Composition attacks: Ganta, Kasiviswanathan, Smith, KDD 2008 (https://doi.org/10.1145/1401890.1401926).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from anonymise.attack.findings import Finding, Step
from anonymise.attack.matrix import Ids, matrix
from anonymise.attack.programme import WHOLE
from anonymise.attack.published import NAMED
from anonymise.attack.reach import Search
from anonymise.attack.shares import PER_MILLE
from anonymise.rule import Rule

Told = tuple[tuple[Ids, int], ...]
"""The published categories of a group: the base categories that each joins, and its persons."""


@dataclass(frozen=True, slots=True)
class Period:
    """The groups of one release as an attacker sees them.

    `group_of` names for every place (a set that the identifying dimensions of all periods can single out) its group, -1
    where nobody is. `shares` and `titles` say of each group what is published and how it is called.
    """

    name: str
    group_of: Ids
    shares: tuple[Told, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is possible for persons in several groups at once who keep their category.

    `persons` can be in all of them at most. Per atom of categories (what all periods tell apart): at most `most`, and if
    so many stayed as could, at least `least`.
    """

    persons: int
    most: Ids
    least: Ids
    atoms: tuple[Ids, ...]


def compose(
    periods: Sequence[Period], *, rule: Rule, categories: Sequence[str], place: Callable[[int], str]
) -> tuple[Finding, ...]:
    """Every combination of groups, of two periods or of all, that leaves too few categories or too large a share.

    `categories` names the base categories, `place` a place.
    """
    found: dict[frozenset[tuple[int, int]], Finding] = {}
    every = tuple(range(len(periods)))
    judge = _Judge(rule, categories)
    for which in list(combinations(every, 2)) + ([every] if len(every) > 2 else []):
        groups = np.stack([periods[q].group_of for q in which], axis=1)
        rows, first = np.unique(groups, axis=0, return_index=True)
        for row, at in zip(rows.tolist(), first.tolist(), strict=True):
            key = frozenset(zip(which, row, strict=True))
            # What two periods give away already is not told again for all.
            if min(row) < 0 or (len(which) > 2 and any(pair <= key for pair in found)):
                continue
            finding = judge.finding([periods[q] for q in which], row, partial(place, at))
            if finding is not None:
                found[key] = finding
    return tuple(found.values())


def kept(shares: Sequence[Told], categories: int) -> Kept:
    """What is possible for persons in groups of several periods at once; categories may be joined differently in each."""
    label = np.zeros((len(shares), categories), dtype=np.int64)
    for q, told in enumerate(shares):
        for n, (members, _) in enumerate(told):
            label[q, members] = n + 1
    distinct, which = np.unique(label, axis=1, return_inverse=True)
    atoms = tuple(np.flatnonzero(which.ravel() == n) for n in range(distinct.shape[1]))
    rows = [
        (np.flatnonzero(distinct[q] == n + 1), np.ones(int((distinct[q] == n + 1).sum()), dtype=np.int64), 0, persons)
        for q, told in enumerate(shares)
        for n, (_, persons) in enumerate(told)
    ]
    most = np.array([min([p for i, _, _, p in rows if n in i], default=0) for n in range(len(atoms))], dtype=np.int64)
    if (distinct == distinct[0]).all():
        return Kept(int(most.sum()), most, most, atoms)
    search = Search(matrix(rows, len(atoms)))
    every = np.arange(len(atoms))
    persons = _at_most(search, every)
    least = np.array([persons - _at_most(search, every[every != n]) for n in every])
    return Kept(persons, most, least, atoms)


def _at_most(search: Search, columns: Ids) -> int:
    return int(np.floor(search.bound(columns, np.ones(len(columns))) + WHOLE))


class _Judge:
    """Judges combinations of groups; the same numbers are judged once."""

    def __init__(self, rule: Rule, categories: Sequence[str]) -> None:
        self._rule, self._categories = rule, categories
        self._known: dict[tuple[tuple[tuple[bytes, int], ...], ...], tuple[Kept, int] | None] = {}

    def finding(self, periods: Sequence[Period], groups: Sequence[int], place: Callable[[], str]) -> Finding | None:
        """What a combination gives away, if it does."""
        shares = [period.shares[group] for period, group in zip(periods, groups, strict=True)]
        key = tuple(sorted(tuple((members.tobytes(), persons) for members, persons in told) for told in shares))
        if key not in self._known:
            self._known[key] = self._judged(shares)
        verdict = self._known[key]
        if verdict is None:
            return None
        left, top = verdict
        names = [self._categories[c] for c in left.atoms[top].tolist()]
        named = ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
        steps = tuple(
            Step(period.name, period.titles[group], _told(period.shares[group], self._categories))
            for period, group in zip(periods, groups, strict=True)
        )
        limit = f"at least {self._rule.min_categories} categories, none above {self._rule.share_limit:.0%}"
        least, persons = int(left.least[top]), left.persons
        return Finding(
            "composition", tuple(p.name for p in periods), f"persons of {place()} in all of these periods: {named}",
            least, int(left.most[top]), limit, of=persons, derivation=steps,
            conclusion=f"So at most {persons} can be in all and keep their category; if they are, {least} have {named}.",
        )  # fmt: skip

    def _judged(self, shares: Sequence[Told]) -> tuple[Kept, int] | None:
        left = kept(shares, len(self._categories))
        top = int(left.least.argmax())
        several = int((left.most > 0).sum()) >= self._rule.min_categories
        within = int(left.least[top]) * PER_MILLE <= round(self._rule.share_limit * PER_MILLE) * left.persons
        # Where nobody can have kept the category, the category is not of the kind that is kept, and nothing follows.
        return None if left.persons == 0 or (several and within) else (left, top)


def _told(shares: Told, categories: Sequence[str]) -> str:
    parts = []
    for members, persons in shares:
        if persons:
            name = categories[int(members[0])] + (f" and {len(members) - 1} more" if len(members) > 1 else "")
            parts.append(f"{persons} {name}")
    return ", ".join(parts)
