"""The linear and the integer programme over a system's rows, by HiGHS: one model, many objectives, the basis kept.

A world is a choice of whole numbers for all columns that keeps every row: persons as they could be, given all that is
published. What a world shows is possible for certain. What the programme's bound excludes is impossible for certain.
"""

from dataclasses import dataclass
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from anonymise.attack.matrix import OPEN, Ids, Matrix, Range

Numbers = NDArray[np.float64]
Sure = NDArray[np.bool_]

WHOLE: Final = 1e-6
"""How far from a whole number HiGHS may be and mean it; its own tolerance is 1e-7."""

PATIENCE: Final = 20.0
"""Seconds for one integer programme. One that is not done counts against the release."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """What an objective can reach: a bound for certain, the best world found, and the weight of every row in the bound.

    `sure` says for which columns the world is whole and keeps all their rows; parts of a system do not depend on each
    other. `feasible` is False where no numbers at all keep the rows.
    """

    bound: float
    world: Ids
    sure: Sure
    weights: Numbers
    feasible: bool = True


class Programme:
    """One model over the columns that are not known already, or over those of some parts (`only`)."""

    def __init__(self, rows: Matrix, known: Range, *, part_of: Ids, only: Ids | None = None) -> None:
        self._part_of = part_of
        self._least, self._most = known.least, known.most
        free = known.least < known.most
        self._free = np.flatnonzero(free if only is None else free & np.isin(part_of, only))
        place = np.full(rows.columns, -1, dtype=np.int64)
        place[self._free] = np.arange(len(self._free))
        touched = np.zeros(rows.rows, dtype=bool)
        touched[rows.row_of[place[rows.index] >= 0]] = True
        self._numbers = np.flatnonzero(_binding(rows, known) & touched)
        self._rows, self._every = rows.only(self._numbers), rows.rows
        self._model = _model(self._rows, known, self._free, place)
        self._linear = _solver(self._model)
        self._integer: highspy.Highs | None = None
        self._costs = np.zeros(len(self._free))
        self._alone: Numbers | None = None
        self.solved = {"linear": 0, "integer": 0}

    @property
    def columns(self) -> Ids:
        """The columns of the model: those that are not known already."""
        return self._free

    def most(self, columns: Ids, weights: Numbers) -> Optimum:
        """The largest weighted sum of some columns, as a linear programme."""
        costs, fixed = self._costs_of(columns, weights)
        if not self._rows.rows:
            return self._without_rows(costs, fixed)
        changed = np.flatnonzero(costs != self._costs)
        if len(changed):
            self._linear.changeColsCost(len(changed), changed.astype(np.int32), costs[changed])
        self._costs = costs
        self._linear.run()
        self.solved["linear"] += 1
        status = self._linear.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return self._nothing(self._linear)
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"the linear programme ended as {self._linear.modelStatusToString(status)}")
        return self._found(self._linear, costs, fixed, np.inf)

    def most_in_whole_numbers(self, columns: Ids, weights: Numbers, *, enough: float = np.inf) -> Optimum:
        """The same in whole numbers; it stops at a world that reaches `enough`."""
        first = self.most(columns, weights)
        if not first.feasible or first.sure[self._free].all():
            return first
        costs, fixed = self._costs_of(columns, weights)
        solver = self._whole_solver()
        solver.changeColsCost(len(self._free), np.arange(len(self._free), dtype=np.int32), costs)
        solver.setOptionValue("objective_target", min(enough - fixed, 1e15))
        solver.run()
        self.solved["integer"] += 1
        if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return self._nothing(solver)
        return self._found(solver, costs, fixed, fixed + solver.getInfo().mip_dual_bound, first)

    def last(self) -> Numbers:
        """All columns in the last linear solution, as they came."""
        values = self._least.astype(np.float64)
        if self._alone is not None:
            values[self._free] = self._alone
        elif len(self._free):
            values[self._free] = np.asarray(self._linear.getSolution().col_value)
        return values

    def _costs_of(self, columns: Ids, weights: Numbers) -> tuple[Numbers, float]:
        """The costs of the free columns, and what the others add."""
        costs = np.zeros(len(self._least))
        np.add.at(costs, columns, weights)
        rest = costs @ self._least - costs[self._free] @ self._least[self._free]
        return costs[self._free], float(rest)

    def _without_rows(self, costs: Numbers, fixed: float) -> Optimum:
        """The optimum where no row is left: every column by itself."""
        world = self._least.copy()
        world[self._free] = np.where(costs > 0, self._most[self._free], self._least[self._free])
        sure = np.zeros(len(self._least), dtype=bool)
        sure[self._free] = True
        self._alone = world[self._free].astype(np.float64)
        return Optimum(fixed + float(costs @ world[self._free]), world, sure, np.zeros(self._every))

    def _nothing(self, solver: highspy.Highs) -> Optimum:
        none = np.zeros(len(self._least), dtype=bool)
        return Optimum(-np.inf, self._least, none, self._weights(solver), feasible=False)

    def _found(
        self, solver: highspy.Highs, costs: Numbers, fixed: float, limit: float, first: Optimum | None = None
    ) -> Optimum:
        values = np.asarray(solver.getSolution().col_value)
        if len(values) != len(self._free):
            values = self._least[self._free].astype(np.float64) + 0.5  # no solution yet: no world
        bound = fixed + float(costs @ values) if first is None else min(first.bound, limit)
        weights = self._weights(solver) if first is None else first.weights
        return Optimum(bound, *self._world(values), weights)

    def _world(self, values: Numbers) -> tuple[Ids, Sure]:
        """The solution as a world, and where it is one: checked in whole numbers, whatever the solver says."""
        world = self._least.copy()
        world[self._free] = np.rint(values)
        bad = np.zeros(len(self._least), dtype=bool)
        bad[self._part_of[self._free[np.abs(values - np.rint(values)) > WHOLE]]] = True
        reached = self._rows.times(world)
        broken = (reached < self._rows.lower) | (reached > self._rows.upper)
        bad[self._part_of[self._rows.index[broken[self._rows.row_of]]]] = True
        sure = np.zeros(len(self._least), dtype=bool)
        sure[self._free] = ~bad[self._part_of[self._free]]
        return world, sure

    def _weights(self, solver: highspy.Highs) -> Numbers:
        weights = np.zeros(self._every)
        duals = np.asarray(solver.getSolution().row_dual)
        if len(duals) == len(self._numbers):
            weights[self._numbers] = duals
        return weights

    def _whole_solver(self) -> highspy.Highs:
        if self._integer is None:
            self._integer = _solver(self._model)
            every = np.arange(len(self._free), dtype=np.int32)
            kinds = np.full(len(self._free), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
            self._integer.changeColsIntegrality(len(every), every, kinds)
            self._integer.setOptionValue("time_limit", PATIENCE)
            self._integer.setOptionValue("presolve", "choose")
        return self._integer


def _binding(rows: Matrix, known: Range) -> Sure:
    """The rows that still say something about a column that is not known."""
    low = rows.value * np.where(rows.value > 0, known.least[rows.index], known.most[rows.index])
    high = rows.value * np.where(rows.value > 0, known.most[rows.index], known.least[rows.index])
    floor, ceiling = (np.zeros(rows.rows, dtype=np.int64) for _ in range(2))
    np.add.at(floor, rows.row_of, low)
    np.add.at(ceiling, rows.row_of, high)
    return (floor < rows.lower) | ((ceiling > rows.upper) & (rows.upper < OPEN))


def _model(part: Matrix, known: Range, free: Ids, place: Ids) -> highspy.HighsLp:
    open_entry = place[part.index] >= 0
    given = np.zeros(part.rows, dtype=np.int64)
    np.add.at(given, part.row_of[~open_entry], (part.value * known.least[part.index])[~open_entry])
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(free), part.rows
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.zeros(len(free))
    model.col_lower_ = known.least[free].astype(np.float64)
    model.col_upper_ = _open_ended(known.most[free])
    model.row_lower_ = (part.lower - given).astype(np.float64)
    model.row_upper_ = np.where(part.upper >= OPEN, highspy.kHighsInf, part.upper - given)
    matrix = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    counts = np.bincount(part.row_of[open_entry], minlength=part.rows)
    matrix.start_ = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    matrix.index_ = place[part.index[open_entry]].astype(np.int32)
    matrix.value_ = part.value[open_entry].astype(np.float64)
    return model


def _open_ended(most: Ids) -> Numbers:
    return np.where(most >= OPEN, float(OPEN), most.astype(np.float64))


class _Quiet(highspy.Highs):
    """HiGHS without its greeting: standard output belongs to the command."""

    def enableCallbacks(self) -> None:  # noqa: N802  # HiGHS calls it so, and greets there
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]  # HiGHS has it untyped


def _solver(model: highspy.HighsLp) -> highspy.Highs:
    solver = _Quiet()  # type: ignore[no-untyped-call]  # HiGHS has it untyped
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("presolve", "off")
    solver.setOptionValue("random_seed", 1)
    if solver.passModel(model) == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS does not take the model")
    return solver
