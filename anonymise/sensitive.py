"""For which groups of persons the sensitive dimension is shown, and in which categories.

Groups are unions of blocks, disjoint, and each obeys `rule.may_be_broken_down`. At the coarsest level all groups name the
same categories: the frequent ones, the others together as `other`; so numbers of groups add up, and whatever is added or
taken away is again a union of groups. Whoever an identifying value singles out is some of one group: if n of its N
persons have a category, at least 1 - (N - n) / m of any m of them have it, which is at most the limit where n / N is.

Below the coarsest level each group is cut by itself: a node stands alone with k persons or none, what is too small stands
together. Values within `other` are told of everybody only: a number of everybody and of one group would leave a rest.
How coarse a group is depends on sensitive values; what that tells is for the auditors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from anonymise.blocks import EVERYBODY, Blocks, Category, Values, plain_blocks
from anonymise.groups import grouped, together
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Loss
from anonymise.partition import Partition
from anonymise.rule import Counts, Mask, Rule, may_be_broken_down, no_clinic_dominates

NAMED_SHARE: Final = 0.07
"""A category that fewer of the cohort have is not named for groups: it would force every group to be large."""


def breakdown(
    by_block: Counts,
    partition: Partition,
    *,
    sensitive: Hierarchy,
    loss: Loss,
    strata: Codes,
    rule: Rule,
    by_clinic: Counts | None = None,
    clinics: tuple[int, float] = (0, 1.0),
    told: tuple[int, int] | None = None,
) -> Blocks:
    """The blocks with their groups and categories, from the persons per block and value (and clinic: at least so many,
    none above a share); without groups where not even all persons together may be shown. `told` are the finest level of
    categories and that which groups are made of: by default the first and the last below all."""
    by_block = np.pad(by_block, ((0, 0), (0, len(sensitive.values) - by_block.shape[1])))
    plain = replace(plain_blocks(partition), sensitive=sensitive)
    finest, top = (0, len(sensitive.levels) - 2) if told is None else told
    whole = by_block.sum(axis=0)
    named = _named(_at(whole[None, :], sensitive, top)[0], rule)
    parts = [tuple(np.flatnonzero(sensitive.levels[top] == node).tolist()) for node in np.flatnonzero(named)]
    other = tuple(np.flatnonzero(~named[sensitive.levels[top]]).tolist())
    columns = [*parts, other] if other else parts
    merged = np.stack([by_block[:, list(part)].sum(axis=1) for part in columns], axis=1)
    asked = [partial(may_be_broken_down, rule=rule)]
    stacked = [merged]
    if by_clinic is not None:
        asked.append(partial(no_clinic_dominates, least=clinics[0], share_limit=clinics[1]))
        stacked.append(by_clinic)
    counts = np.concatenate(stacked, axis=1)
    admissible = together(asked, [part.shape[1] for part in stacked])
    if not admissible(counts.sum(axis=0)[None, :])[0]:
        return plain
    group = grouped(counts, partition, loss=loss, strata=strata, admissible=admissible)
    sums = np.zeros((int(group.max()) + 1, by_block.shape[1]), dtype=np.int64)
    np.add.at(sums, group, by_block)
    cutting = _Cutting(sensitive, finest, top, rule)
    categories = [
        Category(number, values, int(row[list(values)].sum()))
        for number, row in enumerate(sums)
        for values in sorted(_shown(row, cutting, parts, other))
    ]
    if other:
        rest = cutting.cut(whole, _nodes(sensitive, top, other), level=top)
        categories += [Category(EVERYBODY, values, int(whole[list(values)].sum())) for values in sorted(rest)]
    return replace(plain, group=group, categories=tuple(categories), other=other)


def _shown(row: Counts, cutting: "_Cutting", parts: Sequence[Values], other: Values) -> Iterator[Values]:
    """The categories of a group: the named ones, each cut further where it can be, and `other`."""
    for part in parts:
        yield from cutting.finer(row, part, level=cutting.top)
    if other:
        yield other


@dataclass(frozen=True, slots=True)
class _Cutting:
    """How categories are cut: from the level `top` down to `finest`, each with k persons or none."""

    sensitive: Hierarchy
    finest: int
    top: int
    rule: Rule

    def finer(self, row: Counts, values: Values, *, level: int) -> Iterator[Values]:
        """A node, or what it is cut into one level below."""
        if level == self.finest or not row[list(values)].any():
            yield values
            return
        yield from self.cut(row, _nodes(self.sensitive, level - 1, values), level=level - 1)

    def cut(self, row: Counts, nodes: Sequence[Values], *, level: int) -> Iterator[Values]:
        """Disjoint sets of values that cover some nodes of a level, each with k persons or none: nodes that stand alone,
        cut further, and one set of those that are too small, which takes in the smallest others until it holds k."""
        counts = np.array([int(row[list(values)].sum()) for values in nodes])
        alone = (counts == 0) | (counts >= self.rule.k)
        while not alone.all() and (0 < counts[~alone].sum() < self.rule.k):
            candidates = alone & (counts > 0)
            if not candidates.any():
                break
            alone[_last_smallest(counts, candidates)] = False
        rest = tuple(sorted(value for values, shown in zip(nodes, alone, strict=True) if not shown for value in values))
        for values, shown in zip(nodes, alone, strict=True):
            if shown:
                yield from self.finer(row, values, level=level)
        if rest:
            yield rest


def _nodes(sensitive: Hierarchy, level: int, values: Values) -> list[Values]:
    """The nodes of a level that make up some values."""
    nodes = sensitive.levels[level][list(values)]
    return [tuple(np.array(values)[nodes == node].tolist()) for node in dict.fromkeys(nodes.tolist())]


def _at(by_value: Counts, sensitive: Hierarchy, level: int) -> Counts:
    sums = np.zeros((len(by_value), len(sensitive.nodes[level])), dtype=np.int64)
    np.add.at(sums.T, sensitive.levels[level], by_value.T)
    return sums


def _named(whole: Counts, rule: Rule) -> Mask:
    """The nodes that groups name: frequent ones, as many as leave the others empty or enough. `other` is never another
    word for a single node."""
    named: Mask = whole >= max(rule.k, NAMED_SHARE * int(whole.sum()))
    if (~named).sum() == 1 and int(whole[~named].sum()) >= rule.k:
        named[:] = True
    while named.any() and (0 < int(whole[~named].sum()) < rule.k):
        named[_last_smallest(whole, named)] = False
    return named


def _last_smallest(counts: Counts, candidates: Mask) -> int:
    places = np.flatnonzero(candidates)
    return int(places[np.lexsort((-places, counts[places]))[0]])
