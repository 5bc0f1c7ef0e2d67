"""Worlds made from a world: persons of two places exchange their categories.

A programme's world shows much, but of a category that few have it can fill few places at once. Where a place can hold k of
them in some world, one near by mostly shows it: who has the category elsewhere gives it to the place, and takes what its
persons have instead. Each exchange is checked against every row that it touches.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from anonymise.attack.matrix import Ids, Matrix

TRIES: Final = 400
"""Exchanges tried for one column; what stays open is the programme's."""


class Exchange:
    """Exchanges within some grids of columns, by place (rows) and category."""

    def __init__(self, rows: Matrix, grids: Sequence[Ids]) -> None:
        self._rows = rows
        self._where = {
            int(c): (n, *divmod(at, grid.shape[1])) for n, grid in enumerate(grids) for at, c in enumerate(grid.ravel())
        }
        self._grids = grids
        order = np.argsort(rows.index, kind="stable")
        row_of = rows.row_of[order]
        ends = np.searchsorted(rows.index[order], np.arange(rows.columns + 1))
        self._of = [row_of[ends[c] : ends[c + 1]].tolist() for c in range(rows.columns)] if grids else []

    def clear(self, world: Ids, columns: Ids, *, need: Ids, shown: Ids) -> None:
        """Raise `shown` to what is needed for the columns that an exchange in a world can fill."""
        if not self._grids:
            return
        reached = self._rows.times(world)
        room = ((reached - self._rows.lower).tolist(), (self._rows.upper - reached).tolist())
        for column in columns.tolist():
            if column in self._where and self._fills(world, column, int(need[column]), room):
                shown[column] = need[column]

    def _fills(self, world: Ids, column: int, need: int, room: tuple[list[int], list[int]]) -> bool:
        """Whether the column reaches `need` by exchanges."""
        number, place, category = self._where[column]
        grid = self._grids[number]
        missing = need - int(world[column])
        own = {c: int(world[c]) for c in grid[place].tolist() if c != column and world[c] > 0}
        others = [p for p in np.flatnonzero(world[grid[:, category]] > 0).tolist() if p != place]
        near = set(self._of[column])
        others.sort(key=lambda p: -len(near.intersection(self._of[int(grid[p, category])])))
        moved: dict[int, int] = {}
        tries = 0
        for other in others:
            for mine in sorted(own, key=lambda c: -own[c]):
                kind = self._where[mine][2]
                gives, takes = int(grid[other, category]), int(grid[other, kind])
                amount = min(missing, own[mine], int(world[gives]))
                tries += 1
                if amount > 0 and self._kept(moved, (column, mine, gives, takes), amount, room):
                    own[mine] -= amount
                    missing -= amount
                    if missing == 0:
                        return True
                    break
            if tries > TRIES:
                return False
        return False

    def _kept(
        self, moved: dict[int, int], four: tuple[int, int, int, int], amount: int, room: tuple[list[int], list[int]]
    ) -> bool:
        """Make an exchange if all rows are kept; `moved` holds what the ones before changed."""
        change: dict[int, int] = {}
        for column, sign in zip(four, (1, -1, -1, 1), strict=True):
            for row in self._of[column]:
                change[row] = change.get(row, 0) + sign * amount
        below, above = room
        for row, by in change.items():
            total = moved.get(row, 0) + by
            if by and not -below[row] <= total <= above[row]:
                return False
        for row, by in change.items():
            moved[row] = moved.get(row, 0) + by
        return True
