"""Persons from a file, for use without the platform: CSV or Parquet, one row per person."""

from pathlib import Path

import polars as pl

from anonymise.cohort import CLINIC
from anonymise.counts import PERSON
from anonymise.definition import Definition
from anonymise.problems import InputInvalid


def columns_of(definition: Definition) -> tuple[str, ...]:
    """The columns that a data set needs: the person, every identifying dimension of its cohort, its sensitive one, and the
    clinic where no clinic may dominate."""
    sensitive = () if definition.sensitive is None else (definition.sensitive.name,)
    clinic = () if definition.protection.dominance is None else (CLINIC,)
    return (PERSON, *(d.name for d in definition.identifying), *sensitive, *clinic)


def read_persons(path: Path, definition: Definition) -> pl.DataFrame:
    """The columns of a file that a data set needs, all as text."""
    names = columns_of(definition)
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputInvalid(f"{path.name} can't be read as CSV or Parquet.") from error
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise InputInvalid(f"{path.name} has no column {', '.join(lacking)}.")
    persons = frame.select(pl.col(name).cast(pl.String) for name in names)
    if persons.select(pl.any_horizontal(pl.all().is_null().any())).item():
        raise InputInvalid(f"{path.name} has empty fields. Write 'unknown' where something is not known.")
    return persons
