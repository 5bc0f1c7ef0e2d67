"""What published sets say about each other, before any programme: a total is the sum of sets that make it up.

The same bounds follow from a programme over atoms, but most of what naive releases give away is a total minus its other
parts, and that takes a subtraction.
"""

import numpy as np

from anonymise.attack.matrix import OPEN, Ids, Matrix, Range, follows, matrix
from anonymise.attack.system import System


def stated_bounds(system: System) -> Range:
    """Per row of the system the least and the most that its set can hold, as far as sums of published sets tell."""
    rows = system.rows
    told = np.array([source is not None for source in system.source])
    least = np.where(told, rows.lower, 0)
    most = np.where(told, rows.upper, OPEN)
    return follows(_sums(system, rows), Range(least, most))


def _sums(system: System, rows: Matrix) -> Matrix:
    """A row for every published set and every layer that makes it up: the set less its parts is nothing."""
    found: list[tuple[Ids, Ids, int, int]] = []
    sizes = np.diff(rows.starts)
    layers = _layers(system, rows)
    for whole in [row for row, source in enumerate(system.source) if source is not None]:
        columns = rows.index[rows.starts[whole] : rows.starts[whole + 1]]
        for layer in layers:
            parts = np.unique(layer[columns])
            if parts[0] >= 0 and len(parts) > 1 and sizes[parts].sum() == len(columns):
                found.append((np.append(whole, parts), np.append(1, np.full(len(parts), -1)), 0, 0))
    return matrix(found, rows.rows)


def _layers(system: System, rows: Matrix) -> list[Ids]:
    """Published sets of the same kind in layers without overlap: for every column the row of the layer, or -1."""
    kinds: dict[tuple[bool, ...], list[Ids]] = {}
    sizes = np.diff(rows.starts)
    for row in np.argsort(-sizes, kind="stable").tolist():
        source = system.source[row]
        if source is None or not sizes[row]:
            continue
        columns = rows.index[rows.starts[row] : rows.starts[row + 1]]
        own = kinds.setdefault(tuple(label == "*" for label in source.labels), [])
        layer = next((each for each in own if (each[columns] < 0).all()), None)
        if layer is None:
            layer = np.full(rows.columns, -1, dtype=np.int64)
            own.append(layer)
        layer[columns] = row
    return [layer for own in kinds.values() for layer in own]
