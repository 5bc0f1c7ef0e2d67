"""The publication rule: what a group of persons needs before a number about it may leave. Everything else obeys this file.

A block is a set of persons that share a cell of the identifying dimensions. Published numbers of persons are sums over
blocks, so any union, intersection or difference of them is empty or holds at least k persons.
A group is a union of blocks for which the sensitive dimension is shown. Groups are disjoint, so a union or a difference
of groups is again a union of groups, and a share that is at most the limit in each is at most the limit in the union.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

K_DEFAULT = 10
"""Persons a block holds at least. Disclosure rules of health networks range from 5 to 11; we take the stricter end."""

K_FLOOR = 5
"""No definition may ask for less."""

SHARE_LIMIT = 0.8
"""No category of the sensitive dimension may hold a larger share of a group: beyond it, being in the group tells it."""

MIN_CATEGORIES = 2
"""A group with a single category tells everybody's."""

MIN_CLINICS: Final = 3
"""A group that two clinics share tells each of them the other's numbers."""

CLINIC_SHARE_LIMIT: Final = 0.7
"""No clinic may treat a larger share of a group shown by a sensitive dimension: its numbers would be the group's."""

COVERAGE_LEAST: Final = 0.7
"""Below this stated coverage a standardised rate says more about who takes part than about how often."""

SKEW_LIMIT: Final = 1.0
"""By how much the share of a category in a part may lie above its share in all (t-closeness). 1 asks nothing; the builder
does not coarsen for it yet, so only the attack does, where somebody sets it."""

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """The thresholds that one data set is published under."""

    k: int = K_DEFAULT
    share_limit: float = SHARE_LIMIT
    min_categories: int = MIN_CATEGORIES
    skew_limit: float = SKEW_LIMIT


def common(rules: Sequence[Rule]) -> Rule:
    """What all of several rules promise: the weakest of each threshold."""
    return Rule(
        min(r.k for r in rules),
        max(r.share_limit for r in rules),
        min(r.min_categories for r in rules),
        max(r.skew_limit for r in rules),
    )


def strictest(rules: Sequence[Rule]) -> Rule:
    """The strictest of several rules in each threshold."""
    return Rule(
        max(r.k for r in rules),
        min(r.share_limit for r in rules),
        max(r.min_categories for r in rules),
        min(r.skew_limit for r in rules),
    )


def may_be_counted(persons: Counts, *, rule: Rule) -> Mask:
    """Which blocks hold enough persons; one row per block, the persons in the first column."""
    result: Mask = persons[:, 0] >= rule.k
    return result


def may_be_broken_down(categories: Counts, *, rule: Rule) -> Mask:
    """Which groups may show their categories; one row per group, one column per category."""
    none_small = ((categories == 0) | (categories >= rule.k)).all(axis=1)
    result: Mask = none_small & is_diverse(categories, rule=rule)
    return result


def is_diverse(categories: Counts, *, rule: Rule) -> Mask:
    """Which groups have enough categories, none of them too large a share; one row per group, one column per category."""
    total, largest = categories.sum(axis=1), categories.max(axis=1)
    # Whole numbers: 0.8 * n is not exact, and a share of exactly the limit is allowed.
    within_share = largest * 1000 <= round(rule.share_limit * 1000) * total
    result: Mask = within_share & ((categories > 0).sum(axis=1) >= rule.min_categories)
    return result


def no_clinic_dominates(clinics: Counts, *, least: int, share_limit: float) -> Mask:
    """Which groups enough clinics treat, none of them too large a share; one row per group, one column per clinic."""
    total = clinics.sum(axis=1)
    within_share = clinics.max(axis=1) * 1000 <= round(share_limit * 1000) * total
    result: Mask = within_share & ((clinics > 0).sum(axis=1) >= least)
    return result
