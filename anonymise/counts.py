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

from anonymise.coding import WORD, distinct, packed, tallied, unpacked
from anonymise.cohort import CLINIC
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.problems import InputInvalid

PERSON: Final = "person"
PERSONS: Final = "persons"
# How many values a refusal names.
EXAMPLES: Final = 30


@dataclass(frozen=True, slots=True)
class Counted:
    """Distinct cells in rising order (one row of value numbers each) and their persons.

    And what cells hold: rows of a cell's place, the number of a value of the dimension shown for groups, the number of a
    clinic, and so many persons; 0 where there is no such dimension, or no clinics.
    """

    cells: Codes
    persons: Codes
    place: Codes
    value: Codes
    clinic: Codes
    number: Codes

    def by_block(self, block: Codes, column: Codes) -> Codes:
        """The persons per block (rows) and value of a column, `value` or `clinic` (columns)."""
        width = int(column.max(initial=0)) + 1
        cells = block[self.place] * width + column
        size = (int(block.max()) + 1) * width
        return np.bincount(cells, weights=self.number, minlength=size).astype(np.int64).reshape(-1, width)


def tally(rows: Any, names: Sequence[str]) -> pl.DataFrame:
    """The persons per combination of values, in no order; raises if a person stands in two rows."""
    frame = nw.from_native(rows).lazy()
    checked = _collected(frame.select(nw.col(PERSON).n_unique().alias(PERSONS), nw.len().alias("rows")))
    _require_once(checked[PERSONS][0], checked["rows"][0])
    counts = _collected(frame.group_by(*names).agg(nw.len().alias(PERSONS)))
    return counts.select(*names, pl.col(PERSONS).cast(pl.Int64))


def _require_once(persons: int, rows: int) -> None:
    if persons != rows:
        raise InputInvalid("A person stands in more than one row.")


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
    coded, treated, number = _tallied(rows, hierarchies, [CLINIC] if clinics else [])
    width = len(identifying)
    if sensitive is None and not clinics:
        nothing = np.zeros_like(number)
        return Counted(coded, number, np.arange(len(number)), nothing, nothing, number)
    cells, place = distinct(coded[:, :width], [len(h.values) for h in identifying])
    persons = np.bincount(place, weights=number, minlength=len(cells)).astype(np.int64)
    value = np.zeros_like(place) if sensitive is None else coded[:, width]
    return Counted(cells, persons, place, value, treated, number)


def _tallied(rows: Any, hierarchies: Sequence[Hierarchy], others: list[str]) -> tuple[Codes, Codes, Codes]:
    """The distinct combinations in rising order as value numbers, the number of the other column's word (0 without one),
    and the persons of each."""
    names = [h.name for h in hierarchies]
    sizes = [len(h.values) for h in hierarchies]
    if isinstance(rows, pl.DataFrame) and not others and prod(sizes) < WORD:
        # Words become numbers once, and rows one number each: these are sorted faster than texts are grouped.
        _require_once(rows[PERSON].n_unique(), rows.height)
        keys, persons = tallied(packed([_places(rows[h.name], h) for h in hierarchies], sizes))
        return unpacked(keys, sizes), np.zeros_like(keys), persons
    found = tally(rows, [*names, *others])
    coded = np.stack([_places(found[h.name], h) for h in hierarchies], axis=1)
    word = found[others[0]].rank("dense").to_numpy().astype(np.int64) - 1 if others else np.zeros(len(coded), np.int64)
    combined, place = distinct(np.column_stack([coded, word]), [*sizes, int(word.max(initial=0)) + 1])
    # Different words of the record may stand for one value.
    sums = np.bincount(place, weights=found[PERSONS].to_numpy(), minlength=len(combined)).astype(np.int64)
    return combined[:, :-1], combined[:, -1], sums


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
    _, place = distinct(np.concatenate([counted.cells, coded]), [len(h.values) for h in identifying])
    return place[len(counted.cells) :]


def _places(column: pl.Series, hierarchy: Hierarchy) -> Codes:
    """The place of every row's value in its hierarchy."""
    column = column.cast(pl.String)
    found: Codes
    # Most columns hold values of the hierarchy as they are: numbered in one step.
    numbered = column.cast(pl.Enum(hierarchy.values), strict=False)
    if not numbered.null_count():
        found = numbered.to_physical().to_numpy()
        return found
    words = column.unique().sort()
    places = [None if word is None else hierarchy.place_of(word) for word in words.to_list()]
    if None in places:
        known = ", ".join(hierarchy.values[:EXAMPLES]) + (", ..." if len(hierarchy.values) > EXAMPLES else "")
        count = len(hierarchy.values)
        raise InputInvalid(f"A value of {hierarchy.name} is not in its hierarchy. Use one of its {count}: {known}")
    # Words as an enumeration: each is hashed once, and the table of places is looked up by number.
    found = np.array(places, dtype=np.int64)[column.cast(pl.Enum(words)).to_physical().to_numpy()]
    return found
