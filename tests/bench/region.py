"""The Kiel region with 100,000 made-up persons and eight declared tables, geography first: how far cells are off."""

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from anonymise import synthetic
from anonymise.build import build
from anonymise.definition import SHIPPED, Definition, load
from anonymise.icd import group_table
from anonymise.plan import Planned, heading, planned
from tests.bench import bars
from tests.bench.figures import Figure, limited

PERSONS: Final = 100_000
TABLES: Final = (
    ('municipality = "municipality"', 8),
    ('municipality = "district", age_band = "10", sex = "sex"', 1),
    ('municipality = "amt", chapter = "chapter"', 2),
    ('municipality = "municipality", age_band = "20"', 2),
    ('municipality = "municipality", chapter = "chapter"', 1),
    ('municipality = "district", sex = "sex", chapter = "group"', 1),
    ('age_band = "5", chapter = "group"', 1),
    ('municipality = "district", chapter = "chapter"', 1),
)


def definition(folder: Path) -> Definition:
    """The shipped cohort with groups of ICD-10-GM and bands of five years, and a data set of the eight tables."""
    cohort = (SHIPPED / "kiel" / "cohort.toml").read_text(encoding="utf-8")
    cohort = cohort.replace('base = "10"', 'base = "5"').replace('base = "chapter"', 'base = "group"')
    (folder / "cohort.toml").write_text(cohort)
    head = (SHIPPED / "kiel" / "reasons-for-encounter.toml").read_text(encoding="utf-8").split("[[table]]")[0]
    tables = "".join(f"\n[[table]]\ncells = {{ {cells} }}\nweight = {weight}\n" for cells, weight in TABLES)
    (folder / "region.toml").write_text(head + tables)
    return load(folder / "region.toml")


def persons(number: int) -> pl.DataFrame:
    """Made-up persons with whole years and groups of ICD-10-GM; within a chapter a few groups are frequent."""
    drawn = synthetic.persons(number, seed=2)
    random = np.random.default_rng(12)  # another seed than the persons, or groups would follow places
    inside: dict[str, list[str]] = {}
    for row in group_table():
        chapter = next(c for c in drawn["chapter"].unique() if "-" in c and c[:3] <= row.first and row.last <= c[4:])
        inside.setdefault(chapter, []).append(row.code)
    groups = []
    for chapter in drawn["chapter"].to_list():
        codes = inside.get(chapter, ["unknown"])
        groups.append(codes[int(len(codes) * random.random() ** 3)])
    ages = [_age(band, int(random.integers(0, 10))) for band in drawn["age_band"].to_list()]
    return drawn.with_columns(pl.Series("chapter", groups), pl.Series("age_band", ages))


def _age(band: str, year: int) -> str:
    return band if band == "unknown" else str(int(band.split("-")[0].rstrip("+")) + year)


def run(folder: Path, number: int = PERSONS) -> list[Figure]:
    """A line per table, the first with its bars."""
    wanted = definition(folder)
    lines = planned(build(persons(number), wanted), wanted)
    first = lines[0].partition
    what = f"{number:,} persons, {heading(lines[0].table)}"
    figures = [
        limited(f"{what}: median error", first.relative, "", most=bars.REGION_ERROR),
        limited(f"{what}: misplaced", first.misplaced, "", most=bars.REGION_MISPLACED),
    ]
    return figures + [_line(line) for line in lines[1:]]


def _line(line: Planned) -> Figure:
    own, other = line.partition, line.suppression
    note = (
        f"misplaced {own.misplaced:.3f}; not told: {own.lost:.0%} of cells, {own.persons_lost:.1%} of persons; "
        f"suppression: {other.lost:.0%}, {other.persons_lost:.1%}"
    )
    return Figure(f"{heading(line.table)}: median error", own.relative, "", note=note)
