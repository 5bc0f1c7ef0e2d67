"""Rows of whole numbers as one number each, and back; and where numbers stand."""

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np

from anonymise.hierarchy import Codes

WORD: Final = 2**62
"""Products of sizes below this fit into a key."""
SPARSE: Final = 8
"""A table of all possible numbers beats a sort where there are up to so many times as many as numbers."""


def packed(columns: Sequence[Codes], sizes: Sequence[int]) -> Codes:
    """One key for each row: a number with a digit per column, the last the fastest. The sizes multiply to less than `WORD`."""
    keys = columns[0].astype(np.int64)
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        keys *= size
        keys += column
    return keys


def unpacked(keys: Codes, sizes: Sequence[int]) -> Codes:
    """The rows of some keys; each column lies in one piece."""
    rows = np.empty((len(keys), len(sizes)), dtype=np.int64, order="F")
    rest = keys
    for place in range(len(sizes) - 1, 0, -1):
        over = rest // sizes[place]
        np.subtract(rest, over * sizes[place], out=rows[:, place])
        rest = over
    rows[:, 0] = rest
    return rows


def tallied(keys: Codes) -> tuple[Codes, Codes]:
    """The distinct keys in rising order, and how often each stands there."""
    keys = np.sort(keys)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[starts], np.diff(starts, append=len(keys))


def distinct(rows: Codes, sizes: Sequence[int]) -> tuple[Codes, Codes]:
    """The distinct rows in rising order, and the place of each row among them."""
    if not len(rows) or prod(sizes) >= WORD:
        found, place = np.unique(rows, axis=0, return_inverse=True)
        return found, place.ravel()
    keys, place = np.unique(packed(list(rows.T), sizes), return_inverse=True)
    return unpacked(keys, sizes), place


def present(numbers: Codes) -> Codes:
    """The distinct numbers, none below 0, in rising order; without a sort where they are small enough for a table."""
    if int(numbers.max(initial=0)) < SPARSE * len(numbers):
        return np.flatnonzero(np.bincount(numbers))
    return np.unique(numbers)


def first_places(numbers: Codes, count: int) -> Codes:
    """The first place of each number below a count, all of which stand there."""
    first = np.empty(count, dtype=np.int64)
    # Of several values that are written to one place, NumPy keeps the last.
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    return first
