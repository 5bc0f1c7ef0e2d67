"""From one row per person to counts: cells of the identifying dimensions, and per cell the values of the sensitive one.

The counting is one Narwhals expression, so the rows may be a Polars frame, a DuckDB relation or a Spark frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import narwhals as nw
import numpy as np
import polars as pl

from anonymise.cohort import CLINIC
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.problems import InputInvalid

PERSON: Final = "person"
PERSONS: Final = "persons"
KEY: Final = "key"
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
    """The persons per combination of values, in no order; raises if a person stands in two rows."""
    frame = nw.from_native(rows).lazy()
    checked = _collected(frame.select(nw.col(PERSON).n_unique().alias(PERSONS), nw.len().alias("rows")))
    if checked[PERSONS][0] != checked["rows"][0]:
        raise InputInvalid("A person stands in more than one row.")
    counts = _collected(frame.group_by(*names).agg(nw.len().alias(PERSONS)))
    return counts.select(*names, pl.col(PERSONS).cast(pl.Int64))


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
    hierarchies = [*identifying, *([] if sensitive is None else [sensitive])]
    coded, treated, persons = _tallied(rows, hierarchies, [CLINIC] if clinics else [])
    number = len(identifying)
    cells, place = _distinct(coded[:, :number], [len(h.values) for h in identifying])
    sums = np.bincount(place, weights=persons, minlength=len(cells)).astype(np.int64)
    value = np.zeros_like(place) if sensitive is None else coded[:, number]
    return Counted(cells, sums, np.stack([place, value, persons], axis=1), np.stack([place, treated, persons], axis=1))


def _tallied(rows: Any, hierarchies: Sequence[Hierarchy], others: list[str]) -> tuple[Codes, Codes, Codes]:
    """Combinations as value numbers, the number of the other column's word (0 without one), and the persons of each."""
    names = [h.name for h in hierarchies]
    sizes = [len(h.values) for h in hierarchies]
    if isinstance(rows, pl.DataFrame) and not others and prod(sizes) < 2**62:
        # Words become numbers once, before they are grouped: one whole number is grouped faster than several texts.
        keys = np.ravel_multi_index(tuple(_places(rows[h.name], h) for h in hierarchies), tuple(sizes))
        found = tally(pl.DataFrame({PERSON: rows[PERSON], KEY: keys}), [KEY])
        coded = np.stack(np.unravel_index(found[KEY].to_numpy(), tuple(sizes)), axis=1).astype(np.int64)
        return coded, np.zeros(len(coded), dtype=np.int64), found[PERSONS].to_numpy()
    found = tally(rows, [*names, *others])
    coded = np.stack([_places(found[h.name], h) for h in hierarchies], axis=1)
    word = found[others[0]].rank("dense").to_numpy().astype(np.int64) - 1 if others else np.zeros(len(coded), np.int64)
    return coded, word, found[PERSONS].to_numpy()


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
    if not len(coded) or prod(sizes) >= 2**62:
        cells, place = np.unique(coded, axis=0, return_inverse=True)
        return cells, place.ravel()
    keys = np.ravel_multi_index(tuple(coded.T), tuple(sizes))
    order = np.argsort(keys)
    new = np.diff(keys[order], prepend=-1) > 0
    place = np.empty(len(keys), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return coded[order[new]], place


def _places(column: pl.Series, hierarchy: Hierarchy) -> Codes:
    """The place of every row's value in its hierarchy."""
    column = column.cast(pl.String)
    words = column.unique().sort()
    places = [None if word is None else hierarchy.place_of(word) for word in words.to_list()]
    if None in places:
        known = ", ".join(hierarchy.values[:EXAMPLES]) + (", ..." if len(hierarchy.values) > EXAMPLES else "")
        count = len(hierarchy.values)
        raise InputInvalid(f"A value of {hierarchy.name} is not in its hierarchy. Use one of its {count}: {known}")
    # Words as an enumeration: each is hashed once, and the table of places is looked up by number.
    found: Codes = np.array(places, dtype=np.int64)[column.cast(pl.Enum(words)).to_physical().to_numpy()]
    return found
