"""For which groups of persons the sensitive dimension is shown, and in which categories.

Groups are unions of blocks, disjoint, and each obeys `rule.may_be_broken_down`. Categories are the same for all groups:
the frequent ones by name, the others together as `other`; so numbers of groups add up, and whatever is added or taken
away is again a union of groups, or a union of whole categories of them. A finer category never has a larger share than
the one it is part of, so naming rare categories for the region as a whole keeps the share limit in every group.
How coarse a group is depends on sensitive values; what that tells is not audited here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.hierarchies import Hierarchy
from anonymise.partition import Attribute, Codes, Partition, cover, values_reached
from anonymise.rule import Counts, Mask, Rule, may_be_broken_down

OTHER: Final = "other"

NAMED_SHARE: Final = 0.07
"""A category that fewer of the cohort have is not named for groups: it would force every group to be large."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The groups that are shown, the categories they are shown in, and those shown for the cohort as a whole."""

    names: tuple[str, ...]
    category_of: Codes
    group_of: Codes
    counts: Counts
    whole: Counts
    whole_shown: Mask


def breakdown(by_block: Counts, partition: Partition, *, sensitive: Hierarchy, rule: Rule) -> Breakdown | None:
    """The groups of a cohort, from the persons per block and value; None when not even the whole may be shown."""
    whole = by_block.sum(axis=0)
    named = _named(whole, rule)
    category_of = np.where(named, np.cumsum(named) - 1, named.sum())
    merged = _merge(by_block, category_of)
    if not may_be_broken_down(merged.sum(axis=0)[None, :], rule=rule)[0]:
        return None
    group_of = _groups(merged, partition, rule)
    counts = np.zeros((int(group_of.max()) + 1, merged.shape[1]), dtype=np.int64)
    np.add.at(counts, group_of, merged)
    names = tuple(value for value, is_named in zip(sensitive.values, named, strict=True) if is_named)
    if not named.all():
        names += (OTHER,)
    return Breakdown(names, category_of, group_of, counts, whole, _shown(whole, rule))


def _named(whole: Counts, rule: Rule) -> Mask:
    """The values that groups name: frequent ones, as many as leave the others empty or enough."""
    named: Mask = whole >= max(rule.k, NAMED_SHARE * int(whole.sum()))
    while named.any() and 0 < int(whole[~named].sum()) < rule.k:
        named[_last_smallest(whole, named)] = False
    return named


def _shown(whole: Counts, rule: Rule) -> Mask:
    """The values named for the cohort: empty or at least k; the hidden ones are several and together at least k."""
    shown: Mask = (whole == 0) | (whole >= rule.k)
    while not shown.all() and ((~shown).sum() < rule.min_categories or int(whole[~shown].sum()) < rule.k):
        candidates = shown & (whole > 0)
        if not candidates.any():
            break
        shown[_last_smallest(whole, candidates)] = False
    return shown


def _last_smallest(whole: Counts, candidates: Mask) -> int:
    places = np.flatnonzero(candidates)
    return int(places[np.lexsort((-places, whole[places]))[0]])


def _merge(by_block: Counts, category_of: Codes) -> Counts:
    merged = np.zeros((len(by_block), int(category_of.max()) + 1), dtype=np.int64)
    np.add.at(merged.T, category_of, by_block.T)
    return merged


def _groups(merged: Counts, partition: Partition, rule: Rule) -> Codes:
    """The group of each block: COVER over the blocks, one dimension after the other."""
    group = np.zeros(len(merged), dtype=np.int64)
    parent = np.zeros(len(merged), dtype=np.int64)
    for axis, (hierarchy, stage) in enumerate(zip(partition.hierarchies, partition.stages, strict=True)):
        own = partition.class_of_block(stage)
        # Only a group that is one class of the dimension before can be cut along the next one and stay a product.
        single = np.bincount(np.unique(np.stack([group, parent]), axis=1)[0]) == 1
        keys = np.stack([group, np.where(single[group], own, -1)], axis=1)
        items, inverse = np.unique(keys, axis=0, return_inverse=True)
        inverse = inverse.ravel()
        counts = np.zeros((len(items), merged.shape[1]), dtype=np.int64)
        np.add.at(counts, inverse, merged)
        attribute = _attribute(partition, hierarchy, axis=axis, sets=_split(inverse))
        classes = cover(counts, [attribute], within=items[:, 0], admissible=lambda c: may_be_broken_down(c, rule=rule))
        group, parent = classes[inverse], own
    return group


def _split(classes: Codes) -> list[Codes]:
    """The places of each class."""
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)


def _attribute(partition: Partition, hierarchy: Hierarchy, *, axis: int, sets: list[Codes]) -> Attribute:
    """Levels for sets of values: a set has a node's code where it lies inside the node, else a code of its own."""
    reach = partition.reach(axis)
    values = [list(values_reached(reach, blocks)) for blocks in sets]
    codes = np.empty((len(hierarchy.levels), len(values)), dtype=np.int64)
    sizes = np.empty(codes.shape, dtype=np.float64)
    node_sizes = hierarchy.sizes()
    for item, own in enumerate(values):
        for level, row in enumerate(hierarchy.levels):
            inside = level > 0 and len(set(row[own].tolist())) == 1
            codes[level, item] = row[own[0]] if inside else -1 - item
            sizes[level, item] = node_sizes[level, own[0]] if inside else len(own) / len(hierarchy.values)
    return Attribute(codes, sizes)
