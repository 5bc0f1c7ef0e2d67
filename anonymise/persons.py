"""Persons from a file, for use without the platform: CSV or Parquet, one row per person.

What is wrong with a file is told by row and column, never by what stands there: messages end up in logs.
"""

from pathlib import Path
from typing import Final

import polars as pl

from anonymise.cohort import CLINIC
from anonymise.counts import EXAMPLES, PERSON
from anonymise.definition import Definition
from anonymise.hierarchy import Hierarchy
from anonymise.periods import Period
from anonymise.problems import InputInvalid

PARQUET: Final = (".parquet", ".pq")
SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


def columns_of(definition: Definition) -> tuple[str, ...]:
    """The columns that a data set needs: the person, every identifying dimension of its cohort, its sensitive one, the
    clinic where no clinic may dominate, and the period where the cohort names a column for it."""
    sensitive = () if definition.sensitive is None else (definition.sensitive.name,)
    clinic = () if definition.protection.dominance is None else (CLINIC,)
    when = definition.cohort.period_column
    period = () if when is None else (when,)
    return (PERSON, *(d.name for d in definition.identifying), *sensitive, *clinic, *period)


def rows_that_count(definition: Definition) -> str:
    """Which rows of a file of persons count, in a sentence."""
    when = definition.cohort.period_column
    if when is None:
        return f"Every row of the file counts for the {definition.period} that is built: it holds that one alone."
    return f"Of the file those rows count whose {when} is the {definition.period} that is built."


def read_persons(path: Path, definition: Definition, *, period: Period | None = None) -> pl.DataFrame:
    """The columns of a file that a data set needs, all as text without blanks around it: every row, or where the cohort
    names a column for the period those of the period. Raises naming row (without the header) and column."""
    frame = _frame(path)
    _require_columns(frame, columns_of(definition), path)
    rows = frame.select(pl.col(name).cast(pl.String).str.strip_chars() for name in columns_of(definition))
    rows = rows.with_row_index(ROW, offset=1)
    _require_filled(rows, path)
    when = definition.cohort.period_column
    if when is not None and period is not None:
        rows = rows.filter(pl.col(when) == period.name).drop(when)
        if rows.is_empty():
            raise InputInvalid(f"{path.name} has no row whose {when} is {period.name}.")
    again = rows.filter(~pl.col(PERSON).is_first_distinct())
    if again.height:
        raise InputInvalid(
            f"{path.name}, row {again[ROW][0]}: this person stands in an earlier row, too ({again.height} such rows)."
        )
    for dimension in definition.cohort.dimension:
        if dimension.name in rows.columns:
            _require_known(rows, definition.hierarchies[dimension.name], path)
    return rows.drop(ROW)


ROW: Final = "the row of the file"


def _frame(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise InputInvalid(f"There is no file {path}.")
    if not path.stat().st_size:
        raise InputInvalid(f"{path.name} is empty.")
    try:
        return pl.read_parquet(path) if path.suffix.lower() in PARQUET else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        if "utf-8" in str(error).lower() or "utf8" in str(error).lower():
            raise InputInvalid(f"{path.name} is not UTF-8 text. Save it as UTF-8.") from error
        raise InputInvalid(f"{path.name} can't be read as CSV or Parquet.") from error


def _require_columns(frame: pl.DataFrame, names: tuple[str, ...], path: Path) -> None:
    lacking = [name for name in names if name not in frame.columns]
    if not lacking:
        return
    for separator, called in SEPARATORS.items():
        if len(frame.columns) == 1 and separator in frame.columns[0]:
            raise InputInvalid(f"{path.name} is separated by {called}. Save it as CSV with commas.")
    raise InputInvalid(f"{path.name} has no column {', '.join(lacking)}.")


def _require_filled(rows: pl.DataFrame, path: Path) -> None:
    for name in rows.columns:
        empty = rows.filter(pl.col(name).is_null() | (pl.col(name).cast(pl.String) == ""))
        if empty.height:
            raise InputInvalid(
                f"{path.name}, row {empty[ROW][0]}: {name} is empty ({empty.height} such rows). "
                "Write 'unknown' where something is not known."
            )


def _require_known(rows: pl.DataFrame, hierarchy: Hierarchy, path: Path) -> None:
    words = rows[hierarchy.name].unique().to_list()
    unknown = [word for word in words if hierarchy.place_of(word) is None]
    if not unknown:
        return
    wrong = rows.filter(pl.col(hierarchy.name).is_in(unknown))
    length = max(len(value) for value in hierarchy.values)
    if all(word.isdigit() and hierarchy.place_of(word.zfill(length)) is not None for word in unknown):
        hint = f"Leading zeros are lost: keep such keys as text of {length} characters."
    else:
        known = ", ".join(hierarchy.values[:EXAMPLES]) + (", ..." if len(hierarchy.values) > EXAMPLES else "")
        hint = f"Use one of its {len(hierarchy.values)}: {known}"
    raise InputInvalid(
        f"{path.name}, row {wrong[ROW][0]}: {hierarchy.name} holds a value that is not in its hierarchy "
        f"({wrong.height} such rows). {hint}"
    )
