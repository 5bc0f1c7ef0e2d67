"""Rows of whole numbers over columns, and what follows from each row alone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

OPEN: Final = 10**8
"""Stands for "nothing is said": more persons than any release is about."""

ROUNDS: Final = 60
"""How often bounds are handed on between rows; what is left to gain after that is the programme's."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows in compressed form: the columns of row r are `index[starts[r]:starts[r + 1]]`, with whole coefficients."""

    starts: Ids
    index: Ids
    value: Ids
    lower: Ids
    upper: Ids
    columns: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.lower)

    @property
    def row_of(self) -> Ids:
        """The row of every entry."""
        return np.repeat(np.arange(self.rows), np.diff(self.starts))

    def times(self, world: Ids) -> Ids:
        """Each row's value in a world."""
        return np.add.reduceat(np.append(self.value * world[self.index], 0), self.starts[:-1]) * (
            np.diff(self.starts) > 0
        )

    def only(self, keep: Ids) -> "Matrix":
        """The same with some of the rows."""
        lengths = np.diff(self.starts)[keep]
        entries = np.concatenate([np.arange(self.starts[r], self.starts[r + 1]) for r in keep] or [np.zeros(0, int)])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return Matrix(
            starts, self.index[entries], self.value[entries], self.lower[keep], self.upper[keep], self.columns
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Per column the least and the most that is possible; `contradiction` names a row that can't be kept, or is -1."""

    least: Ids
    most: Ids
    contradiction: int = -1


def matrix(rows: list[tuple[Ids, Ids, int, int]], columns: int) -> Matrix:
    """The matrix of rows given as (columns, coefficients, lower, upper)."""
    lengths = [len(index) for index, _, _, _ in rows]
    empty = [np.zeros(0, dtype=np.int64)]
    return Matrix(
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        np.concatenate([r[0] for r in rows] or empty),
        np.concatenate([r[1] for r in rows] or empty),
        np.array([r[2] for r in rows], dtype=np.int64),
        np.array([r[3] for r in rows], dtype=np.int64),
        columns,
    )


def without_sums(rows: Matrix) -> Matrix:
    """The same without exact rows that are the sum of others: a total of totals says nothing new, but ties all together."""
    single = np.minimum.reduceat(np.append(rows.value, 1), rows.starts[:-1]) == 1
    exact = np.flatnonzero((rows.lower == rows.upper) & single & (np.diff(rows.starts) > 0))
    sets = {r: frozenset(rows.index[rows.starts[r] : rows.starts[r + 1]].tolist()) for r in exact.tolist()}
    holding: dict[int, list[int]] = {}
    dropped = []
    # Small sets first, so that every row is compared with those that could make it up, largest first.
    for row in sorted(sets, key=lambda r: (len(sets[r]), r)):
        left = set(sets[row])
        while left:
            inside = (r for r in reversed(holding.get(min(left), ())) if sets[r] <= left)
            found = next(inside, None)
            if found is None:
                break
            left -= sets[found]
        if left:
            for column in sets[row]:
                holding.setdefault(column, []).append(row)
        elif int(rows.lower[row]) == _made_up(rows, sets, holding, row):
            dropped.append(row)
    return rows.only(np.setdiff1d(np.arange(rows.rows), np.array(dropped, dtype=np.int64)))


def _made_up(rows: Matrix, sets: dict[int, frozenset[int]], holding: dict[int, list[int]], row: int) -> int:
    """What the rows that make up another add up to."""
    left, total = set(sets[row]), 0
    while left:
        found = next(r for r in reversed(holding[min(left)]) if sets[r] <= left)
        left -= sets[found]
        total += int(rows.lower[found])
    return total


def parts(rows: Matrix, known: Range) -> Ids:
    """For each column the number of its part: columns that are not known already and share rows, however far around."""
    part = np.arange(rows.columns)
    free = known.least < known.most
    open_entry = free[rows.index]
    row_of, index = rows.row_of[open_entry], rows.index[open_entry]
    while True:
        least = np.full(rows.rows, rows.columns, dtype=np.int64)
        np.minimum.at(least, row_of, part[index])
        joined = part.copy()
        np.minimum.at(joined, index, least[row_of])
        # Follow the numbers to their end, so that a long chain takes few rounds.
        while (joined[joined] != joined).any():
            joined = joined[joined]
        if (joined == part).all():
            return part
        part = joined


def follows(rows: Matrix, known: Range | None = None) -> Range:
    """What each row says about each of its columns, given what the others say, until nothing more follows.

    True bounds, though not always the tightest: those take the programme.
    """
    least = np.zeros(rows.columns, dtype=np.int64) if known is None else known.least.copy()
    most = np.full(rows.columns, OPEN, dtype=np.int64) if known is None else known.most.copy()
    row_of, positive = rows.row_of, rows.value > 0
    for _ in range(ROUNDS):
        low = rows.value * np.where(positive, least[rows.index], most[rows.index])
        high = rows.value * np.where(positive, most[rows.index], least[rows.index])
        floor, ceiling = _sum(low, rows), _sum(high, rows)
        broken = np.flatnonzero((floor > rows.upper) | ((ceiling < rows.lower) & (ceiling < OPEN)))
        if len(broken):
            return Range(least, most, int(broken[0]))
        # What is left for an entry when all others are as small, or as large, as they can be.
        room = np.minimum(rows.upper[row_of], OPEN) - (floor[row_of] - low)
        need = rows.lower[row_of] - (ceiling[row_of] - high)
        room = np.where(rows.upper[row_of] >= OPEN, OPEN * np.abs(rows.value), room)
        need = np.where(rows.lower[row_of] <= -OPEN, -OPEN * np.abs(rows.value), need)
        size = np.abs(rows.value)
        above = np.where(positive, np.floor_divide(room, size), np.floor_divide(-need, size))
        below = np.where(positive, -np.floor_divide(-need, size), -np.floor_divide(room, size))
        tighter_most, tighter_least = most.copy(), least.copy()
        np.minimum.at(tighter_most, rows.index, above)
        np.maximum.at(tighter_least, rows.index, below)
        if (tighter_least > tighter_most).any():
            column = int(np.flatnonzero(tighter_least > tighter_most)[0])
            return Range(least, most, int(row_of[np.flatnonzero(rows.index == column)[0]]))
        if (tighter_most == most).all() and (tighter_least == least).all():
            break
        least, most = tighter_least, tighter_most
    return Range(least, most)


def _sum(entries: Ids, rows: Matrix) -> Ids:
    padded = np.append(entries, 0)
    return np.where(np.diff(rows.starts) > 0, np.add.reduceat(padded, rows.starts[:-1]), 0)
