"""Two years of the demo's region, published: 8 quarters of five data sets, 26 weeks of the sixth, and what each costs.

`python -m tests.bench.usability [PATIENTS]`, and a line of the benchmark. A data set that the attack on all periods finds
something in is built again under a stricter rule for its groups, in the end without categories. At the end all releases
are attacked together. What a release loses is what `plan` says of it: the share of persons in a wrong declared cell and
the share of cells with persons that are not told, as means over its tables.
"""

import sys
from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Final

import msgspec
import polars as pl
from rich.console import Console
from rich.table import Table

from anonymise.attack.folder import Folder
from anonymise.attack.minimality import told_by_coarseness
from anonymise.attack.presence import inhabitants
from anonymise.attack.run import Attack, attack, composed
from anonymise.build import Built, build
from anonymise.cohort import Protection
from anonymise.definition import Definition, shipped
from anonymise.denominators import inhabitants_for
from anonymise.periods import Days, Quarter
from anonymise.plan import planned
from anonymise.tables import tabulate
from tests.bench.demo_region import seasons
from tests.bench.figures import Figure
from tests.generative.releases import folder

QUARTERLY: Final = (
    "use-of-telemedicine", "reasons-for-encounter", "waiting-times", "chronic-conditions", "travel-saved",
)  # fmt: skip
WEEKLY: Final = "respiratory-season"
QUARTERS, WEEKS, PATIENTS = 8, 26, 20_000
LADDER: Final = ((0.8, 2), (0.7, 2), (0.6, 3), (0.5, 3))
"""Share limits and numbers of categories, tried one after the other; then no categories at all."""
BARE: Final = "no categories"


@dataclass(frozen=True)
class Out:
    """One release: the folder, its persons, the step of the ladder, what its rows say, its groups, and what it loses."""

    folder: Folder
    persons: int
    step: str
    flags: Counter[str]
    groups: int
    misplaced: float
    lost: float


def stricter(definition: Definition, share: float, categories: int) -> Definition:
    """A definition whose groups are asked more."""
    own = definition.protection
    protection = Protection(own.k, share, categories, own.dominance)
    return replace(definition, cohort=msgspec.structs.replace(definition.cohort, protection=protection))


def publish(persons: pl.DataFrame, slug: str, region: str, period: Quarter | Days, earlier: list[Folder]) -> Out:
    """The first release on the ladder in which several periods together leave enough open."""
    wanted = shipped(slug, region)
    for share, categories in LADDER:
        tried = stricter(wanted, share, categories)
        built = build(persons, tried)
        made = folder(built, tried, quarter=period)  # type: ignore[arg-type]
        mine = [f for f in composed([*earlier, made]) if made.name in f.releases] if earlier and made.groups else []
        if not mine and not told_by_coarseness(made):
            return _out(made, built, wanted, f"{share:.0%}, {categories}")
    bare = replace(built, blocks=replace(built.blocks, group=None, categories=(), other=()))
    bare = replace(bare, table=tabulate(bare.blocks, wanted, inhabitants=inhabitants_for(wanted)))
    return _out(folder(bare, wanted, quarter=period), bare, wanted, BARE)  # type: ignore[arg-type]


def _out(made: Folder, built: Built, wanted: Definition, step: str) -> Out:
    lines = [line.partition for line in planned(built, wanted)]
    return Out(
        made,
        built.persons.height,
        step,
        Counter(row.flag for row in built.table.rows),
        len(made.groups and built.blocks.group_sizes()),
        fmean(line.misplaced for line in lines),
        fmean(line.lost for line in lines),
    )


def published(patients: int, *, quarters: int = QUARTERS, weeks: int = WEEKS) -> list[Out]:
    """Every release, in the order of periods."""
    out: list[Out] = []
    for season in seasons(patients, quarters=quarters, weeks=weeks):
        asked: list[tuple[str, str, Quarter | Days, pl.DataFrame]]
        asked = [(slug, "kiel", season.quarter, season.persons) for slug in QUARTERLY]
        asked += [(WEEKLY, "kiel-weeks", period, persons) for period, persons in season.weeks]
        for slug, region, period, persons in asked:
            earlier = [o.folder for o in out if o.folder.slug == slug and o.folder.groups]
            out.append(publish(persons, slug, region, period, earlier))
    return out


def attacked(out: list[Out]) -> Attack:
    """What an attack on all of them finds."""
    return attack([o.folder for o in out], population=inhabitants(None), explain=3)


def show(out: list[Out], found: Attack, console: Console) -> None:
    """Nothing; every release has been printed, and what was found."""
    table = Table(
        "release",
        "persons",
        "rule of the groups",
        "groups",
        "exact",
        "estimated",
        "withheld",
        "misplaced",
        "cells not told",
    )
    for o in out:
        flags = [str(o.flags[flag]) for flag in ("", "e", "c")]
        losses = [f"{o.misplaced:.1%}", f"{o.lost:.0%}"]
        table.add_row(o.folder.name, str(o.persons), o.step, str(o.groups), *flags, *losses)
    console.print(table)
    console.print(f"{len(out)} releases, {found.columns} unknown numbers: {len(found.findings)} found")
    for kind, count in Counter(f.kind for f in found.findings).items():
        console.print(f"  {count} {kind}: {next(f for f in found.findings if f.kind == kind)}")


def run(patients: int = PATIENTS, *, quarters: int = QUARTERS, weeks: int = WEEKS) -> list[Figure]:
    """A line for each data set, what its releases lose in the middle, and one with the bar: all of them are out."""
    out = published(patients, quarters=quarters, weeks=weeks)
    found = attacked(out)
    what = f"{quarters} quarters and {weeks} weeks of the demo's region, {patients:,} patients"
    wanted = len(QUARTERLY) * quarters + weeks
    told = Figure(
        f"{what}: releases that withstand", float(len(out) if not found.findings else 0), "releases",
        bar=f"{wanted} or more", met=len(out) >= wanted and not found.findings,
    )  # fmt: skip
    return [told, *(_line(slug, [o for o in out if o.folder.slug == slug]) for slug in (*QUARTERLY, WEEKLY))]


def _line(slug: str, out: list[Out]) -> Figure:
    bare = sum(o.groups == 0 for o in out)
    note = f"{len(out)} releases, {bare} without categories; cells not told: {median(o.lost for o in out):.0%}"
    return Figure(f"{slug}: persons misplaced, the middle release", median(o.misplaced for o in out), "", note=note)


if __name__ == "__main__":
    releases = published(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS)
    show(releases, attacked(releases), Console(width=150))
