"""Counting and partitioning 10^5 to 10^7 persons by five dimensions against one GROUP BY of the same rows in Polars; and a
release of the region, its rows and its screen."""

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import numpy as np
import polars as pl

from anonymise import synthetic
from anonymise.ages import ages
from anonymise.build import Built, build
from anonymise.counts import count
from anonymise.definition import shipped
from anonymise.hierarchies import months, municipalities, sexes
from anonymise.hierarchy import Hierarchy
from anonymise.icd import icd10gm
from anonymise.losses import Declared, Table
from anonymise.partition import Partition, partition
from tests.bench import adult, anonymisers, bars, region
from tests.bench.figures import Figure, compared, limited

SIZES: Final = (100_000, 1_000_000, 10_000_000)
ROUNDS: Final = 5
T = TypeVar("T")


def run(size: int) -> list[Figure]:
    """Processor seconds of all threads, the median of interleaved rounds; at the largest size one round and the memory."""
    persons, hierarchies = five_dimensions(size)
    names = [h.name for h in hierarchies]
    floor, own = [], []
    for _ in range(1 if size >= SIZES[2] else ROUNDS):
        floor.append(_seconds(lambda: persons.group_by(names).agg(pl.len()))[0])
        spent, made = _seconds(partial(partitioned, persons, hierarchies))
        own.append(spent)
    least, ours = median(floor), median(own)
    what = f"counting and partition, {size:,} persons, 5 dimensions"
    note = (
        f"{len(made.cells):,} cells, {len(made.sizes):,} blocks, {made.profile.value}; {ours:.2f} ({least:.2f}) s CPU"
    )
    figures = [limited(what, ours / least, "GROUP BYs", most=bars.PARTITION, note=note)]
    if size >= SIZES[2]:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        figures.append(limited(f"{what}: memory at its most, rows included", memory, "GB", most=bars.PARTITION_MEMORY))
    return figures


def release(size: int) -> list[Figure]:
    """The rows of a release of so many persons."""
    persons, definition = synthetic.persons(size, seed=1), shipped()
    names = ["municipality", "age_band", "sex", "chapter"]
    floor, own = [], []
    for _ in range(ROUNDS):
        floor.append(_seconds(lambda: persons.group_by(names).agg(pl.len()))[0])
        own.append(_seconds(partial(_built, persons))[0])
    what = f"rows of a release, {size:,} persons"
    return [
        compared(
            what,
            ours=median(own),
            against="one GROUP BY in Polars",
            other=median(floor),
            unit="s CPU",
            note=definition.slug,
        )
    ]


def quality(folder: Path) -> list[Figure]:
    """What the partition loses: Adult, and the region's eight tables."""
    return [*adult.run(folder), *anonymisers.run(), *region.run(folder)]


def five_dimensions(size: int) -> tuple[pl.DataFrame, tuple[Hierarchy, ...]]:
    """Persons by municipality, age of five years, sex, group of ICD-10-GM and month."""
    drawn = region.persons(min(size, 100_000)).select("municipality", "age_band", "sex", "chapter")
    random = np.random.default_rng(5)
    # Each column is drawn anew from the made-up region's, so that cells grow with the persons.
    columns = {name: drawn[name].gather(random.integers(0, drawn.height, size)) for name in drawn.columns}
    month = pl.Series("month", np.array([f"{n:02}" for n in range(1, 13)]))[random.integers(0, 12, size)]
    persons = pl.DataFrame({"person": pl.int_range(size, eager=True), **columns, "month": month})
    renamed = persons.rename({"age_band": "age", "chapter": "icd10gm"})
    return renamed, (municipalities(), ages().from_level("1"), sexes(), icd10gm(), months())


def partitioned(persons: pl.DataFrame, hierarchies: tuple[Hierarchy, ...]) -> Partition:
    """The partition by the tables of an analyst: places first, then ages, groups and months by district."""
    tables = (
        Table({0: 0}, 8.0),
        Table({0: 1, 3: 1}, 2.0),
        Table({0: 2, 1: 2, 2: 0}, 1.0),
        Table({0: 2, 3: 0}, 1.0),
        Table({0: 2, 4: 0}, 1.0),
    )
    counted = count(persons, hierarchies)
    return partition(
        counted.cells, counted.persons, hierarchies=hierarchies, loss=Declared(hierarchies, tables), k=10, hard={0: 2}
    )


def _built(persons: pl.DataFrame) -> Built:
    return build(persons, shipped())


def _seconds(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    made = work()
    return time.process_time() - started, made
