"""A plan as a table for the terminal and as data for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import msgspec
from rich.table import Table

from anonymise.attempts import Attempt, rungs
from anonymise.plan import Planned, Worth, heading, planned, total_of

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


def climbing(made: Sequence[Attempt]) -> list[dict[str, object]]:
    """The steps that were tried: level, share, groups, findings, and the share of persons misplaced or not told."""
    return [
        {
            **msgspec.to_builtins(rung),
            "lost": None if one.audit is None else total_of(planned(one.built, one.definition)),
        }
        for one, rung in zip(made, rungs(made), strict=True)
    ]


def steps_tried(made: Sequence[Attempt]) -> Table:
    """The same as a table."""
    table = Table("categories", "share within", "groups", "found", "misplaced or not told")
    for one, rung in zip(made, rungs(made), strict=True):
        level, share = "none" if one.definition.bare else rung.level, f"{rung.share_limit:.0%}"
        if one.audit is None:
            table.add_row(level, share, "none can be made", "", "")
        else:
            lost = total_of(planned(one.built, one.definition))
            table.add_row(level, share, str(rung.groups), str(rung.findings), f"{lost:.1%}")
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
