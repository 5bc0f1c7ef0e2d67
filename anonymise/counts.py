"""From one row per person to counts: cells of the identifying dimensions, and per cell the values of the sensitive one.

The counting is one Narwhals expression, so the rows may be a Polars frame, a DuckDB relation or a Spark frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np
import polars as pl

from anonymise.hierarchy import Codes, Hierarchy
from anonymise.problems import InputInvalid

PERSON: Final = "person"
CLINIC: Final = "clinic"
# How many values a refusal names.
EXAMPLES: Final = 30


@dataclass(frozen=True, slots=True)
class Counted:
    """Distinct cells in rising order (one row of value numbers each) and their persons; and, for the dimension shown for
    groups and for clinics, which cell has how many persons of which value: rows of cell, value, persons."""

    cells: Codes
    persons: Codes
    values: Codes
    clinics: Codes

    def by_block(self, block: Codes, parts: Codes) -> Codes:
        """The persons per block (rows) and value (columns); one column of nothing where there are no values."""
        width = int(parts[:, 1].max(initial=0)) + 1
        sums = np.zeros((int(block.max()) + 1, width), dtype=np.int64)
        np.add.at(sums, (block[parts[:, 0]], parts[:, 1]), parts[:, 2])
        return sums


def tally(rows: Any, names: Sequence[str]) -> pl.DataFrame:
    """The persons per combination of values, sorted; raises if a person stands in two rows."""
    frame = nw.from_native(rows).lazy()
    checked = _collected(frame.select(nw.col(PERSON).n_unique().alias("persons"), nw.len().alias("rows")))
    if checked["persons"][0] != checked["rows"][0]:
        raise InputInvalid("A person stands in more than one row.")
    counts = _collected(frame.group_by(*names).agg(nw.len().alias("persons")))
    return counts.select(*names, pl.col("persons").cast(pl.Int64)).sort(names)


def _collected(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    """The rows of a small result. DuckDB and Spark give theirs as tuples, so that neither needs pyarrow."""
    native = frame.to_native()
    if isinstance(native, pl.LazyFrame):
        return native.collect()
    rows = native.fetchall() if hasattr(native, "fetchall") else native.collect()
    return pl.DataFrame([tuple(row) for row in rows], schema=frame.collect_schema().names(), orient="row")


def count(
    rows: Any, identifying: Sequence[Hierarchy], *, sensitive: Hierarchy | None = None, clinics: bool = False
) -> Counted:
    """The counts of some persons. A person in two rows or a value outside its hierarchy is refused."""
    others = ([sensitive.name] if sensitive else []) + ([CLINIC] if clinics else [])
    tallied = tally(rows, [*(h.name for h in identifying), *others])
    coded = np.stack([_places(tallied[h.name], h) for h in identifying], axis=1)
    persons = tallied["persons"].to_numpy().astype(np.int64)
    cells, place = _distinct(coded, [len(h.values) for h in identifying])
    sums = np.bincount(place, weights=persons, minlength=len(cells)).astype(np.int64)
    values = np.zeros(len(place), np.int64) if sensitive is None else _places(tallied[sensitive.name], sensitive)
    treated = tallied[CLINIC].rank("dense").to_numpy().astype(np.int64) - 1 if clinics else np.zeros_like(place)
    return Counted(cells, sums, np.stack([place, values, persons], axis=1), np.stack([place, treated, persons], axis=1))


def base_values(rows: pl.DataFrame, hierarchies: Sequence[Hierarchy]) -> pl.DataFrame:
    """The persons with the base value of each dimension, as text."""
    columns = [
        pl.Series(h.name, np.array(h.values, dtype=object)[_places(rows[h.name], h)], dtype=pl.String)
        for h in hierarchies
    ]
    return pl.DataFrame([rows[PERSON], *columns])


def cells_of(rows: pl.DataFrame, counted: Counted, *, identifying: Sequence[Hierarchy]) -> Codes:
    """The place, among the counted cells, of each person's cell, in the order of the rows."""
    coded = np.stack([_places(rows[h.name], h) for h in identifying], axis=1)
    _, place = _distinct(np.concatenate([counted.cells, coded]), [len(h.values) for h in identifying])
    return place[len(counted.cells) :]


def _distinct(coded: Codes, sizes: Sequence[int]) -> tuple[Codes, Codes]:
    """The distinct rows in rising order, and the place of each row among them."""
    if len(coded) and np.prod([float(size) for size in sizes]) < 2**62:
        keys, place = np.unique(np.ravel_multi_index(tuple(coded.T), tuple(sizes)), return_inverse=True)
        return np.stack(np.unravel_index(keys, tuple(sizes)), axis=1).astype(np.int64), place
    cells, place = np.unique(coded, axis=0, return_inverse=True)
    return cells, place.ravel()


def _places(column: pl.Series, hierarchy: Hierarchy) -> Codes:
    """The place of every row's value in its hierarchy."""
    words = column.cast(pl.String).unique().sort()
    place = {word: None if word is None else hierarchy.place_of(word) for word in words.to_list()}
    if None in place.values():
        known = ", ".join(hierarchy.values[:EXAMPLES]) + (", ..." if len(hierarchy.values) > EXAMPLES else "")
        count = len(hierarchy.values)
        raise InputInvalid(f"A value of {hierarchy.name} is not in its hierarchy. Use one of its {count}: {known}")
    found: Codes = column.cast(pl.String).replace_strict(place, return_dtype=pl.Int64).to_numpy()
    return found
