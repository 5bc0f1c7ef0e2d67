"""How many persons each column can hold at most: by what follows from single rows, by worlds, and by the programme.

A world that shows `need` persons in a column clears it. One objective over all that is still open clears many at once,
so thousands of columns take some dozens of linear programmes; only what then stays open is asked one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anonymise.attack.matrix import Ids, Matrix, Range, follows, parts
from anonymise.attack.programme import WHOLE, Programme

Progress = Callable[[int, int], None]


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
    """The programmes of one system, made when they are needed."""

    def __init__(self, rows: Matrix, within: Range | None = None) -> None:
        self.rows = rows
        self.known = follows(rows, within)
        self._part_of = parts(rows, self.known)
        self._whole: Programme | None = None
        self._parts: dict[int, Programme] = {}

    @property
    def solved(self) -> dict[str, int]:
        """How many linear and integer programmes were solved."""
        every = [p for p in (self._whole, *self._parts.values()) if p is not None]
        return {kind: sum(p.solved[kind] for p in every) for kind in ("linear", "integer")}

    @property
    def whole(self) -> Programme:
        """The programme over all parts."""
        if self._whole is None:
            self._whole = Programme(self.rows, self.known, part_of=self._part_of)
        return self._whole

    def around(self, column: int) -> Programme:
        """The programme over the part of a column."""
        part = int(self._part_of[column])
        if part not in self._parts:
            self._parts[part] = Programme(self.rows, self.known, part_of=self._part_of, only=part)
        return self._parts[part]

    def most(self, column: int, *, enough: float = np.inf) -> tuple[int, int, Ids]:
        """The most that a column can hold: the bound, what a world shows, and that world's sure columns (else zero)."""
        return self._extreme(column, 1.0, enough)

    def least(self, column: int) -> int:
        """The least that a column can hold."""
        return -self._extreme(column, -1.0, np.inf)[0]

    def _extreme(self, column: int, sign: float, enough: float) -> tuple[int, int, Ids]:
        found = self.around(column).most_in_whole_numbers(np.array([column]), np.array([sign]), enough=enough)
        world = np.where(found.sure, found.world, 0)
        bound = int(np.floor(found.bound + WHOLE))
        return bound, int(sign) * int(world[column]) if found.sure[column] else -bound, world


def reach(search: Search, targets: Ids, *, need: Ids, progress: Progress = silent) -> Reach:
    """For each column of `targets` whether it can hold as many persons as `need` says (per column of the system), and if
    not, how many at most."""
    known = search.known
    most, shown = known.most.copy(), known.least.copy()
    if known.contradiction >= 0:
        return Reach(most, shown, known.least, possible=False)
    if search.rows.rows and not search.whole.most(targets[:0], np.zeros(0)).feasible:
        return Reach(most, shown, known.least, possible=False)
    undecided = _sweep(search, targets, need, most, shown, progress)
    for number, column in enumerate(undecided.tolist()):
        if shown[column] < min(need[column], most[column]):
            bound, _, world = search.most(column, enough=float(need[column]))
            np.maximum(shown, world, out=shown)
            most[column] = min(most[column], bound)
        progress(len(targets) - len(undecided) + number + 1, len(targets))
    return Reach(most, shown, known.least)


def _sweep(search: Search, targets: Ids, need: Ids, most: Ids, shown: Ids, progress: Progress) -> Ids:
    """Worlds for everything that is open at once, until one brings nothing new; returns what is still open."""
    while True:
        undecided = targets[shown[targets] < np.minimum(need[targets], most[targets])]
        if not len(undecided):
            return undecided
        found = search.whole.most(undecided, np.ones(len(undecided)))
        np.maximum(shown, np.where(found.sure, found.world, 0), out=shown)
        left = targets[shown[targets] < np.minimum(need[targets], most[targets])]
        progress(len(targets) - len(left), len(targets))
        if len(left) == len(undecided):
            return left
