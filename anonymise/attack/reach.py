"""How many persons each column can hold at most: by what follows from single rows, by worlds, and by the programme.

A world that shows `need` persons in a column clears it. One objective over all that is still open clears many at once,
so thousands of columns take some dozens of linear programmes; only what then stays open is asked one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.attack.exchange import Exchange
from anonymise.attack.matrix import Ids, Matrix, Range, follows, parts, without_sums
from anonymise.attack.programme import WHOLE, Numbers, Programme

Progress = Callable[[int, int], None]

BATCH: Final = 3000
"""Columns of one programme, if its parts are small: a simplex step costs more the more columns there are."""


def silent(done: int, of: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Per column the most that is possible: `most` for certain not more, `shown` reached by some world.

    `possible` is False where no persons can be counted so. Columns whose integer programme was not done in time are open:
    `shown` stays below `most`.
    """

    most: Ids
    shown: Ids
    least: Ids
    possible: bool = True


class Search:
    """The programmes of one system, made when they are needed: one for each batch of parts that do not depend on others."""

    def __init__(self, rows: Matrix, within: Range | None = None) -> None:
        self.rows = without_sums(rows)
        self.known = follows(self.rows, within)
        self._part_of = parts(self.rows, self.known)
        self._batches: list[Programme] | None = None
        self._around: dict[int, Programme] = {}

    @property
    def solved(self) -> dict[str, int]:
        """How many linear and integer programmes were solved."""
        every = [*(self._batches or ()), *self._around.values()]
        return {kind: sum(p.solved[kind] for p in every) for kind in ("linear", "integer")}

    @property
    def batches(self) -> list[Programme]:
        """The programmes over all parts, some parts each."""
        if self._batches is None:
            free = np.flatnonzero(self.known.least < self.known.most)
            numbers, sizes = np.unique(self._part_of[free], return_counts=True)
            batch = np.cumsum(sizes) // BATCH
            self._batches = [
                Programme(self.rows, self.known, part_of=self._part_of, only=numbers[batch == n])
                for n in np.unique(batch)
            ]
        return self._batches

    def feasible(self) -> bool:
        """Whether any numbers keep the rows."""
        none = self.rows.index[:0]
        if self.known.contradiction >= 0:
            return False
        return all(p.most(none, np.zeros(0)).feasible for p in self.batches)

    def bound(self, columns: Ids, weights: Numbers) -> float:
        """What a weighted sum of columns can't be above."""
        total = 0.0
        free = np.zeros(self.rows.columns, dtype=bool)
        for programme in self.batches:
            own = np.isin(columns, programme.columns)
            free[programme.columns] = True
            if own.any():
                total += programme.most(columns[own], weights[own]).bound
        fixed = ~free[columns]
        return total + float(weights[fixed] @ self.known.least[columns[fixed]])

    def bound_in_whole_numbers(self, columns: Ids, weights: Numbers) -> float:
        """The same where every column holds whole persons."""
        total = 0.0
        for part in np.unique(self._part_of[columns]):
            own = self._part_of[columns] == part
            programme = self.around(int(columns[own][0]))
            total += programme.most_in_whole_numbers(columns[own], weights[own]).bound
        return total

    def last(self) -> Numbers:
        """All columns in the last linear solution of every batch, as they came."""
        values = self.known.least.astype(np.float64)
        for programme in self.batches:
            values[programme.columns] = programme.last()[programme.columns]
        return values

    def around(self, column: int) -> Programme:
        """The programme over the part of a column."""
        part = int(self._part_of[column])
        if part not in self._around:
            only = np.array([part])
            self._around[part] = Programme(self.rows, self.known, part_of=self._part_of, only=only)
        return self._around[part]

    def most(self, column: int, *, enough: float = np.inf, reached: int = 0) -> tuple[int, Ids]:
        """What a column can't be above, and what the sure columns of a world hold (zero elsewhere).

        Whole numbers are only asked for where a linear bound leaves open whether the column reaches `enough`, or anything
        at all (`reached` is what some world shows).
        """
        programme, one = self.around(column), np.array([column])
        found = programme.most(one, np.ones(1))
        bound = int(np.floor(found.bound + WHOLE))
        if not found.sure[column] and bound > 0 and (bound >= enough or reached == 0):
            found = programme.most_in_whole_numbers(one, np.ones(1), enough=enough)
            bound = min(bound, int(np.floor(found.bound + WHOLE)))
        return bound, np.where(found.sure, found.world, 0)

    def exactly(self, column: int) -> tuple[int, int]:
        """The least and the most that a column can hold, in whole numbers."""
        programme, one = self.around(column), np.array([column])
        least, most = (programme.most_in_whole_numbers(one, np.array([sign])).bound for sign in (-1.0, 1.0))
        return -int(np.floor(least + WHOLE)), int(np.floor(most + WHOLE))


def worlds(search: Search, targets: Ids, *, need: Ids, grids: Sequence[Ids] = (), progress: Progress = silent) -> Reach:
    """What worlds show of `targets`: whether each can hold as many persons as `need` says (per column of the system).

    `grids` are the columns by place and category within which persons can be exchanged.
    """
    known = search.known
    most, shown = known.most.copy(), known.least.copy()
    if not search.feasible():
        return Reach(most, shown, known.least, possible=False)
    state = _State(targets, need, most, shown, progress)
    exchange = Exchange(search.rows, grids)
    for programme in search.batches:
        _sweep(programme, state, exchange)
    return Reach(most, shown, known.least)


def singly(
    search: Search, targets: Ids, *, need: Ids, seen: Reach, progress: Progress = silent, asked: int | None = None
) -> Reach:
    """The same after asking, for each column of `targets` that no world has shown to hold enough, how many it can hold.

    With `asked`, only so many columns are asked.
    """
    most, shown = seen.most.copy(), seen.shown.copy()
    state = _State(targets, need, most, shown, progress)
    for column in state.open(targets)[:asked].tolist():
        if shown[column] < min(need[column], most[column]):
            bound, world = search.most(column, enough=float(need[column]), reached=int(shown[column]))
            np.maximum(shown, world, out=shown)
            most[column] = min(most[column], bound)
            state.tell()
    return Reach(most, shown, seen.least)


@dataclass(frozen=True, slots=True)
class _State:
    """What is asked and what is known so far."""

    targets: Ids
    need: Ids
    most: Ids
    shown: Ids
    progress: Progress

    def open(self, columns: Ids) -> Ids:
        """The columns that are neither cleared nor known exactly."""
        return columns[self.shown[columns] < np.minimum(self.need[columns], self.most[columns])]

    def tell(self) -> None:
        """Say how far it is."""
        self.progress(len(self.targets) - len(self.open(self.targets)), len(self.targets))


def _sweep(programme: Programme, state: _State, exchange: Exchange) -> None:
    """Worlds for everything of a batch that is open, until one brings nothing new."""
    own = np.intersect1d(state.targets, programme.columns)
    while len(undecided := state.open(own)):
        found = programme.most(undecided, np.ones(len(undecided)))
        np.maximum(state.shown, np.where(found.sure, found.world, 0), out=state.shown)
        if found.sure[programme.columns].all():
            exchange.clear(found.world, state.open(own), need=state.need, shown=state.shown)
        state.tell()
        if len(state.open(own)) == len(undecided):
            return
