"""The shortest way to a finding: the published numbers that prove it, none of which can be left out.

The programme's dual weights say which rows a bound rests on; then each is left out in turn, and stays out if the bound
holds without it. What remains is irreducible. Rows that only add up are not shown.
"""

from dataclasses import dataclass

import numpy as np

from anonymise.attack.findings import Step
from anonymise.attack.matrix import OPEN, Ids, Matrix, Range
from anonymise.attack.programme import WHOLE, Numbers, Optimum, Programme
from anonymise.attack.published import Statement
from anonymise.attack.system import System


@dataclass(frozen=True, slots=True)
class Proof:
    """The published numbers that a bound rests on, their sum in figures if it comes out, and the bound."""

    steps: tuple[Step, ...]
    figures: str
    bound: float


def steps(system: System, columns: Ids, weights: Numbers, *, below: float) -> Proof:
    """The published numbers that keep a weighted sum of columns below a number.

    Without steps where no linear programme proves it (only whole numbers do).
    """
    rows = system.rows
    found = _bound(rows, columns, weights)
    if found.bound > below - WHOLE:
        return Proof((), "", np.inf)
    kept = np.flatnonzero(np.abs(found.weights) > WHOLE)
    # Rows of little weight first: what goes early is never looked at again.
    for row in kept[np.argsort(np.abs(found.weights[kept]), kind="stable")].tolist():
        fewer = kept[kept != row]
        if _bound(rows.only(fewer), columns, weights).bound < below - WHOLE:
            kept = fewer
    part = rows.only(kept)
    last = _bound(part, columns, weights)
    told = [(system.source[row], last.weights[place]) for place, row in enumerate(kept.tolist())]
    shown = [(statement, weight) for statement, weight in told if statement is not None]
    found_steps = tuple(_step(system, statement, weight) for statement, weight in shown)
    return Proof(found_steps, _figures(shown, last.bound), last.bound)


def conflict(system: System) -> tuple[Step, ...]:
    """Published numbers that no persons can have together, none of which can be left out."""
    rows = system.rows
    kept = np.flatnonzero(np.abs(_least_broken(rows).weights) > WHOLE)
    for row in kept.tolist():
        fewer = kept[kept != row]
        if not _bound(rows.only(fewer), kept[:0], np.zeros(0)).feasible:
            kept = fewer
    told = [system.source[row] for row in kept.tolist()]
    return tuple(_step(system, statement, 1.0) for statement in told if statement is not None)


def _least_broken(rows: Matrix) -> Optimum:
    """The least by which all rows together have to be broken; the weights name rows that can't be kept together."""
    every = np.arange(rows.rows)
    over, under = rows.columns + every, rows.columns + rows.rows + every
    order = np.argsort(np.concatenate([rows.row_of, every, every]), kind="stable")
    wide = Matrix(
        rows.starts + 2 * np.arange(rows.rows + 1),
        np.concatenate([rows.index, over, under])[order],
        np.concatenate([rows.value, np.full(rows.rows, -1), np.ones(rows.rows, dtype=np.int64)])[order],
        rows.lower, rows.upper, rows.columns + 2 * rows.rows,
    )  # fmt: skip
    return _bound(wide, np.concatenate([over, under]), np.full(2 * rows.rows, -1.0))


def _bound(rows: Matrix, columns: Ids, weights: Numbers) -> Optimum:
    """The bound that some rows alone give, columns being at least zero."""
    free = Range(np.zeros(rows.columns, dtype=np.int64), np.full(rows.columns, OPEN))
    return Programme(rows, free, part_of=np.zeros(rows.columns, dtype=np.int64)).most(columns, weights)


def _step(system: System, statement: Statement, weight: float) -> Step:
    release = next(r for r in system.releases if any(s is statement for s in r.statements))
    sign = 1 if weight > 0 else -1
    number = statement.lower if sign < 0 or statement.upper is None else statement.upper
    return Step(f"{release.name}, {statement.where}", statement.about(release), statement.says, sign, number)


def _figures(shown: list[tuple[Statement, float]], bound: float) -> str:
    """The numbers as a sum, such as "52 - 40 - 1 = 11", if it comes out."""
    parts, total = [], 0.0
    for statement, weight in sorted(shown, key=lambda pair: -pair[1]):
        number = statement.lower if weight < 0 or statement.upper is None else statement.upper
        times = "" if abs(abs(weight) - 1) < WHOLE else f"{abs(weight):g} x "
        parts.append(f"{'-' if weight < 0 else '+'} {times}{number}")
        total += weight * number
    if not parts or abs(total - bound) > WHOLE * max(1.0, abs(bound)):
        return ""
    return f"{' '.join(parts).removeprefix('+ ')} = {bound:g}"
