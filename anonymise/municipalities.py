"""The municipalities of the region and what each belongs to: the table of facts that ships with the package."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Municipality:
    """One row of the table of municipalities."""

    ags: str
    name: str
    district: str
    district_name: str
    amt: str
    population: int


@cache
def municipality_table() -> tuple[Municipality, ...]:
    """The municipalities of the region, in the order of their keys."""
    text = (files("anonymise") / "data" / "municipalities.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    table = [
        Municipality(
            ags=row["ags"],
            name=row["name"],
            district=row["district"],
            district_name=row["district_name"],
            # A key that starts with 5 names an Amt; the others govern themselves and are a node of their own.
            amt=row["district"] + row["amt_key"] if row["amt_key"].startswith("5") else row["ags"],
            population=int(row["population"]),
        )
        for row in rows
    ]
    return tuple(sorted(table, key=lambda row: row.ags))
