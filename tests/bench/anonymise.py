"""A release of 10^5 and 10^6 synthetic persons against one GROUP BY of the same rows in Polars."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import polars as pl

from anonymise import synthetic
from anonymise.build import build
from anonymise.definition import shipped
from anonymise.screen import screen
from anonymise.tables import Table
from tests.bench.figures import Figure, compared

SIZES = (100_000, 1_000_000)
ROUNDS = 5
DIMENSIONS = ("municipality", "age_band", "sex", "chapter")


def run(size: int) -> list[Figure]:
    """The rows of a release of so many persons and their screen: processor seconds of all threads, the median."""
    persons, definition = synthetic.persons(size, seed=1), shipped()
    floor, building, screening = [], [], []
    for _ in range(ROUNDS):
        floor.append(_seconds(lambda: persons.group_by(DIMENSIONS).agg(pl.len()))[0])
        spent, table = _seconds(lambda: build(persons, definition))
        building.append(spent)
        screening.append(_seconds(partial(_screened, table, persons))[0])
    least, built, screened = median(floor), median(building), median(screening)
    return [
        compared(f"{what}, {size:,} persons", ours=spent, against="one GROUP BY in Polars", other=least, unit="s CPU")
        for what, spent in (("rows of a release", built), ("rows and screen of a release", built + screened))
    ]


def _screened(table: Table, persons: pl.DataFrame) -> Table:
    screen(table, persons, rule=shipped().rule).require()
    return table


def _seconds(work: Callable[[], Table | pl.DataFrame]) -> tuple[float, Table]:
    started = time.process_time()
    made = work()
    spent = time.process_time() - started
    return spent, made  # type: ignore[return-value]  # only the table of `build` is used
