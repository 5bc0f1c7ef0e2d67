"""Cell suppression, for comparison only: what a table would lose if small cells were struck out one table at a time.

Primary: fewer than k persons, but no zeros. Secondary: a line with a single struck cell loses its smallest other one, again
and again. That protects one table against its own margins, not linked tables against each other, so it flatters
suppression; sdcTable and tau-Argus solve it exactly.
"""

import numpy as np
from numpy.typing import NDArray

from anonymise.rule import Counts


def struck(table: Counts, *, k: int) -> NDArray[np.bool_]:
    """Which cells of a table of persons are struck out."""
    found = (table > 0) & (table < k)
    changed = True
    while changed:
        changed = False
        for axis in range(table.ndim):
            if table.shape[axis] == 1:
                continue
            lines, cells = np.moveaxis(found, axis, -1), np.moveaxis(table, axis, -1)
            flat, values = lines.reshape(-1, lines.shape[-1]), cells.reshape(-1, cells.shape[-1])
            alone = np.flatnonzero(flat.sum(axis=1) == 1)
            others = np.where(flat[alone] | (values[alone] == 0), np.iinfo(np.int64).max, values[alone])
            partner = others.argmin(axis=1)
            has_one = others[np.arange(len(alone)), partner] < np.iinfo(np.int64).max
            flat[alone[has_one], partner[has_one]] = True
            changed |= bool(has_one.any())
            found = np.moveaxis(flat.reshape(lines.shape), -1, axis)
    return found
