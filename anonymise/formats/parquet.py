"""Parquet: the same columns as the CSV, keys as text, numbers as integers, missing as null."""

import io

import polars as pl

from anonymise.rows import Table


def parquet_bytes(table: Table, period: str) -> bytes:
    """The rows as Parquet (zstd)."""
    columns: dict[str, pl.Series] = {"period": pl.Series([period] * len(table.rows), dtype=pl.String)}
    for place, name in enumerate(table.dimensions):
        columns[name] = pl.Series([row.keys[place] for row in table.rows], dtype=pl.String)
    # Only a measure beside persons has decimals.
    number = pl.Float64 if "measure" in table.dimensions else pl.Int64
    columns["value"] = pl.Series([row.value for row in table.rows], dtype=number, strict=False)
    columns["flag"] = pl.Series([row.flag for row in table.rows], dtype=pl.String)
    columns["lower"] = pl.Series([row.lower for row in table.rows], dtype=number, strict=False)
    columns["upper"] = pl.Series([row.upper for row in table.rows], dtype=number, strict=False)
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
