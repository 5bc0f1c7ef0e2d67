"""A published number and a table of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from anonymise.hierarchy import Text

EXACT: Final = ""
WITHHELD: Final = "c"
ESTIMATE: Final = "e"
PLACE: Final = "municipality"

Number = int | float


@dataclass(frozen=True, slots=True)
class Row:
    """One published number: the code of each dimension, then the value, why it is missing or rough, and its bounds."""

    keys: tuple[str, ...]
    value: Number | None
    flag: str = EXACT
    lower: Number | None = None
    upper: Number | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a release, and per dimension the base values that each code stands for.

    `dimensions` ends in `measure` where more than persons are told. `titles` are the words for codes that don't speak for themselves.
    """

    dimensions: tuple[str, ...]
    rows: tuple[Row, ...]
    holds: Mapping[str, Mapping[str, tuple[str, ...]]]
    titles: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)

    @property
    def areas(self) -> dict[str, tuple[str, ...]]:
        """The municipalities of each area, without the region as a whole."""
        return {code: values for code, values in self.holds.get(PLACE, {}).items() if code != "*"}

    def persons(self) -> tuple[Row, ...]:
        """The rows that count persons, without the column of the measure."""
        if "measure" not in self.dimensions:
            return self.rows
        return tuple(
            Row(row.keys[:-1], row.value, row.flag, row.lower, row.upper)
            for row in self.rows
            if row.keys[-1] == "persons"
        )
