"""A plan as a table for the terminal and as data for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.table import Table

from anonymise.plan import Planned, Worth, heading

GUARANTEES: Final = (
    "error: median, of cells with k persons or more; misplaced: persons in a wrong cell; lost: cells with persons that are "
    "not told. The profiles protect differently: the partition keeps k in all that its tables form together; suppression is "
    "exact and not safe across linked tables; the private profile holds whatever else is known, within its budget."
)


def comparison(lines: Sequence[Planned], *, epsilon: float | None) -> Table:
    """A line per declared table: error, misplaced persons and lost cells under each profile."""
    table = Table()
    table.add_column("table")
    profiles = ["partition", "suppression", *(() if epsilon is None else (f"private, epsilon {epsilon:g}",))]
    for profile in profiles:
        for what in ("error", "misplaced", "lost"):
            table.add_column(f"{profile}: {what}", justify="right")
    for line in lines:
        worths = [line.partition, line.suppression, *(() if line.private is None else (line.private,))]
        table.add_row(heading(line.table), *(part for each in worths for part in _parts(each)))
    return table


def _parts(worth: Worth) -> tuple[str, str, str]:
    return f"{worth.relative:.1%}", f"{worth.misplaced:.1%}", f"{worth.lost:.0%}"


def described(lines: Sequence[Planned]) -> list[dict[str, object]]:
    """The same with all figures."""
    return [
        {
            "cells": dict(line.table.cells),
            "weight": line.table.weight,
            "number": line.cells,
            "partition": asdict(line.partition),
            "suppression": asdict(line.suppression),
            "private": None if line.private is None else asdict(line.private),
        }
        for line in lines
    ]
