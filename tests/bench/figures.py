"""What comes out: figures, as a table for people and as JSON for programs."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

BUSY: Final = 1.0


class Figure(msgspec.Struct, frozen=True):
    """One line. `ratio` is the other side's figure divided by ours: above 1 ours is the better one."""

    what: str
    ours: float
    unit: str
    against: str = ""
    other: float | None = None
    ratio: float | None = None
    note: str = ""
    bar: str = ""  # what is asked for
    met: bool | None = None  # None: nothing is asked for, or it could not be measured


class Report(msgspec.Struct, frozen=True):
    """All figures of one run, and where it was made."""

    load_at_start: tuple[float, float, float]
    cpus: int
    python: str
    sqlite: str
    figures: list[Figure]


def compared(
    what: str, *, ours: float, against: str, other: float, unit: str, note: str = "", bar: float | None = None
) -> Figure:
    """A figure of ours beside another of the same run, smaller being better; `bar` is the ratio that is asked for."""
    ratio = other / ours if ours else None
    asked = "" if bar is None else f"ratio {bar:g} or more"
    return Figure(what, ours, unit, against, other, ratio, note, asked, None if bar is None else (ratio or 0) >= bar)


def limited(what: str, ours: float, unit: str, *, most: float, note: str = "") -> Figure:
    """A figure of ours that may not exceed a limit."""
    return Figure(what, ours, unit, note=note, bar=f"{number(most)} {unit} or less", met=ours <= most)


def unmeasured(what: str, *, against: str, why: str) -> Figure:
    """A line that says why it has no figure."""
    return Figure(what, 0.0, "", against, note=f"NOT MEASURED: {why}")


def warn_if_busy(console: Console, load: tuple[float, float, float]) -> None:
    """Nothing; the load at the start is told, with a warning when others are at work."""
    console.print("load average at start: " + " ".join(f"{value:.2f}" for value in load))
    if load[0] > BUSY:
        console.print(
            f"[bold]Warning:[/bold] others are at work here (load {load[0]:.1f}). Ratios inside this run hold better "
            "than absolute figures; do not compare these with another run's."
        )


def report(figures: Sequence[Figure], load: tuple[float, float, float]) -> Report:
    """The figures with where they were made."""
    return Report(load, os.cpu_count() or 1, platform.python_version(), sqlite3.sqlite_version, list(figures))


def show(console: Console, made: Report) -> None:
    """Nothing; the table stands on the console."""
    table = Table(title=f"{made.cpus} cores, Python {made.python}, SQLite {made.sqlite}")
    for name in ("what", "ours", "other", "unit", "other is", "ratio", "bar", "note"):
        table.add_column(name, justify="right" if name in ("ours", "other", "ratio") else "left")
    for figure in made.figures:
        table.add_row(
            figure.what,
            number(figure.ours),
            "" if figure.other is None else number(figure.other),
            figure.unit,
            figure.against,
            "" if figure.ratio is None else f"{figure.ratio:.2g}",
            _judged(figure),
            figure.note,
        )
    console.print(table)
    console.print("ratio = other / ours, both of this run: above 1 ours costs less.")
    asked = [figure for figure in made.figures if figure.met is not None]
    console.print(f"bars: {sum(bool(figure.met) for figure in asked)} of {len(asked)} met")


def _judged(figure: Figure) -> str:
    """What is asked for, and whether it is so."""
    if figure.met is None:
        return figure.bar
    return f"{'[green]met[/green]' if figure.met else '[red]NOT MET[/red]'}: {figure.bar}"


def write(made: Report, file: Path) -> None:
    """Nothing; the file holds the report as JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")


def number(value: float) -> str:
    """A figure with about three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
