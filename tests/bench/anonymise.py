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

SIZES = (100_000, 1_000_000)
ROUNDS = 5
DIMENSIONS = ("municipality", "age_band", "sex", "chapter")


def run() -> list[tuple[str, float, str]]:
    """What was measured, the number, its unit: processor seconds of all threads, median of interleaved rounds."""
    lines: list[tuple[str, float, str]] = []
    for size in SIZES:
        lines += _measured(synthetic.persons(size, seed=1), f"{size:,} persons")
    return lines


def _measured(persons: pl.DataFrame, what: str) -> list[tuple[str, float, str]]:
    definition = shipped()
    floor, building, screening = [], [], []
    for _ in range(ROUNDS):
        floor.append(_seconds(lambda: persons.group_by(DIMENSIONS).agg(pl.len()))[0])
        spent, table = _seconds(lambda: build(persons, definition))
        building.append(spent)
        screening.append(_seconds(partial(_screened, table, persons))[0])
    least, built, screened = median(floor), median(building), median(screening)
    return [
        (f"GROUP BY, {what}", least, "s"),
        (f"rows of a release, {what}", built, "s"),
        (f"screen of a release, {what}", screened, "s"),
        (f"rows against GROUP BY, {what}", built / least, "x"),
        (f"rows and screen against GROUP BY, {what}", (built + screened) / least, "x"),
    ]


def _screened(table: Table, persons: pl.DataFrame) -> Table:
    screen(table, persons, rule=shipped().rule).require()
    return table


def _seconds(work: Callable[[], Table | pl.DataFrame]) -> tuple[float, Table]:
    started = time.process_time()
    made = work()
    spent = time.process_time() - started
    return spent, made  # type: ignore[return-value]  # only the table of `build` is used
