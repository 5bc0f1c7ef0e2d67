"""Persons from a file, for use without the platform: CSV or Parquet, one row per person."""

from pathlib import Path

import polars as pl

from anonymise.extract import COLUMNS
from anonymise.problems import InputInvalid


def read_persons(path: Path) -> pl.DataFrame:
    """The columns person, municipality, age_band, sex and chapter of a file, all as text."""
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputInvalid(f"{path.name} can't be read as CSV or Parquet.") from error
    lacking = [name for name in COLUMNS if name not in frame.columns]
    if lacking:
        raise InputInvalid(f"{path.name} has no column {', '.join(lacking)}.")
    persons = frame.select(pl.col(name).cast(pl.String) for name in COLUMNS)
    if persons.select(pl.any_horizontal(pl.all().is_null().any())).item():
        raise InputInvalid(f"{path.name} has empty fields. Write 'unknown' where something is not known.")
    return persons
