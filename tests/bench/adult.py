"""Adult (8 dimensions, 30,162 rows): what the partition loses, by metric code that is not ours, and what it costs."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import polars as pl

from anonymise.counts import cells_of, count
from anonymise.hierarchy import TOP, Hierarchy, build
from anonymise.losses import Generic
from anonymise.partition import Partition, partition
from tests.bench import bars
from tests.bench.figures import Figure, limited, unmeasured
from tests.fixtures import reference

DIMENSIONS: Final = (
    "sex", "age", "race", "marital-status", "education", "native-country", "workclass", "occupation",
)  # fmt: skip
ROUNDS: Final = 5
MARK: Final = "\x1f"


def hierarchy_in(folder: Path, name: str, values: set[str]) -> Hierarchy:
    """The hierarchy of a column, of the values that occur; a node's code is its label and its number, since labels repeat."""
    with (folder / f"adult_hierarchy_{name}.csv").open(newline="") as file:
        lines = {tuple(line) for line in csv.reader(file, delimiter=";") if line and line[0] in values}
    rows = sorted((line if line[-1] != "*" else line[:-1] for line in lines), key=lambda line: line[::-1])
    columns: dict[str, list[str]] = {}
    for level in range(len(rows[0])):
        numbers: dict[tuple[str, ...], int] = {}
        codes = [f"{row[level]}{MARK}{numbers.setdefault(row[level:], len(numbers))}" for row in rows]
        # A level that puts nothing together only makes the lattice larger.
        if level == 0 or len(set(codes)) < len(set(columns[str(len(columns) - 1)])):
            columns[str(len(columns))] = codes
    made = build(name, columns)
    read = {row[0]: code for row, code in zip(rows, columns["0"], strict=True)}
    assert made.level_names[-1] == TOP
    return build(name, columns, reads=read.get)


def adult(folder: Path) -> tuple[pl.DataFrame, tuple[Hierarchy, ...]]:
    """The rows, each with a number as its person, and their hierarchies."""
    rows = pl.read_csv(folder / "adult.csv", separator=";", infer_schema=False).with_row_index("person")
    return rows, tuple(hierarchy_in(folder, name, set(rows[name].to_list())) for name in DIMENSIONS)


def partitioned(rows: pl.DataFrame, hierarchies: tuple[Hierarchy, ...], *, k: int) -> tuple[Partition, float]:
    """The partition and the processor seconds of counting and partitioning."""
    began = time.process_time()
    counted = count(rows, hierarchies)
    made = partition(counted.cells, counted.persons, hierarchies=hierarchies, loss=Generic(hierarchies), k=k)
    return made, time.process_time() - began


def published(rows: pl.DataFrame, made: Partition, file: Path) -> None:
    """Nothing; the file holds the rows in their order with labels of nodes."""
    counted = count(rows, made.hierarchies)
    place = cells_of(rows, counted, identifying=made.hierarchies)
    block = made.block[place]
    labels = {
        h.name: np.array([code.split(MARK)[0] for code in made.codes(d)], dtype=object)[block]
        for d, h in enumerate(made.hierarchies)
    }
    pl.DataFrame(labels).write_csv(file, separator=";")


def measured(file: Path, *, shared: Path, k: int) -> dict[str, float]:
    """What the metric code says of some published rows."""
    data = shared / "data" / "anonymise"
    command = [
        sys.executable, str(shared / "tools" / "kanon_metrics.py"), "--data", str(data / "adult.csv"),
        "--hierarchies", str(data / "adult_hierarchy_"), "--published", str(file), "--qi", ",".join(DIMENSIONS),
        "-k", str(k),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(folder: Path) -> list[Figure]:
    """Lines for what is lost at each k, and for the time at k = 10."""
    shared = reference.folder_of_reference()
    if shared is None:
        return [unmeasured("Adult", against="ARX, quoted", why="there is no folder with the reference data")]
    rows, hierarchies = adult(shared / "data" / "anonymise")
    figures = []
    for k, (most, arx) in bars.ADULT_NCP.items():
        made, _ = partitioned(rows, hierarchies, k=k)
        published(rows, made, folder / "adult.csv")
        found = measured(folder / "adult.csv", shared=shared, k=k)
        assert found["k_holds"], "a class is smaller than k"
        errors = ", ".join(f"{name} {found[name]:.3f}" for name in ("leaf3", "node2", "node3"))
        note = f"ARX's best, quoted: {arx}; C_avg {found['c_avg']:.3f}; errors of queries: {errors}"
        figures.append(
            limited(f"Adult, certainty penalty at k = {k}", round(found["ncp"], 4), "NCP", most=most, note=note)
        )
    spent = median(partitioned(rows, hierarchies, k=10)[1] for _ in range(ROUNDS))
    note = "counting and partition; ARX, quoted: 4 to 9 s"
    return [*figures, limited("Adult, k = 10", spent, "s CPU", most=bars.ADULT_SECONDS, note=note)]
