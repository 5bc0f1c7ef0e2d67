"""The differentially private profile, optional (OpenDP): discrete Laplace noise on declared tables, totals made consistent.

The unit is one person, who stands in one cell of each table. The budget is split evenly over the tables and one grand
total; every table is then brought to that total, which costs no budget.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from anonymise.problems import InputInvalid
from anonymise.rule import Counts


def available() -> bool:
    """True if OpenDP is installed."""
    return find_spec("opendp") is not None


def noisy(tables: Sequence[Counts], *, epsilon: float) -> list[Counts]:
    """The tables with noise, not negative, all with the same sum. Not repeatable: noise that can be made again can be taken
    away."""
    if not epsilon > 0:
        raise InputInvalid("epsilon must be above zero.")
    total = int(tables[0].sum()) if tables else 0
    scale = (len(tables) + 1) / epsilon
    known = max(int(_laplace(np.array([total]), scale)[0]), 0)
    return [consistent(_laplace(table.ravel(), scale), known).reshape(table.shape) for table in tables]


def consistent(counts: Counts, total: int) -> Counts:
    """Whole numbers, not negative, with a given sum: cut at zero, scaled, the largest remainders rounded up."""
    cut = np.maximum(counts, 0)
    if not cut.sum():
        cut = np.ones_like(cut)
    exact = cut * (total / cut.sum())
    result: Counts = np.floor(exact).astype(np.int64)
    missing = total - int(result.sum())
    result[np.argsort(result - exact, kind="stable")[:missing]] += 1
    return result


def _laplace(counts: Counts, scale: float) -> Counts:
    # Imported here: the library is an extra, and a megabyte of native code that nobody else needs.
    import opendp.prelude as dp

    dp.enable_features("contrib")
    domain, metric = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    return np.array(dp.m.make_laplace(domain, metric, scale=scale)(counts.tolist()), dtype=np.int64)
