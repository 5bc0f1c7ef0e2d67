"""Two years of the demo's region, published: 8 quarters of five data sets, 26 weeks of the sixth, and what each costs.

`python -m tests.bench.usability [PATIENTS]`, and a line of the benchmark. A data set climbs its ladder until the
attacks on it and on its earlier periods find nothing. At the end all releases are attacked together. What a release loses is what `plan` says of it: the share of persons in a wrong declared cell and
the share of cells with persons that are not told, as means over its tables.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

import polars as pl
from rich.console import Console
from rich.table import Table

from anonymise.attack.folder import Folder
from anonymise.attack.minimality import told_by_coarseness
from anonymise.attack.presence import inhabitants
from anonymise.attack.run import Attack, attack, composed
from anonymise.build import Built, build
from anonymise.definition import Definition, shipped
from anonymise.ladder import climbed
from anonymise.periods import Days, Quarter
from anonymise.plan import planned
from tests.bench.demo_region import seasons
from tests.bench.figures import Figure
from tests.generative.releases import folder

QUARTERLY: Final = (
    "use-of-telemedicine", "reasons-for-encounter", "waiting-times", "chronic-conditions", "travel-saved",
)  # fmt: skip
WEEKLY: Final = "respiratory-season"
QUARTERS, WEEKS, PATIENTS = 8, 26, 20_000


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


BARE: Final = "no categories"


@dataclass(frozen=True)
class Tried:
    """A data set at one step: its definition there, what was built, the folder; `settled` if the attacks find nothing."""

    definition: Definition
    built: Built
    folder: Folder
    settled: bool


def publish(persons: pl.DataFrame, slug: str, region: str, period: Quarter | Days, earlier: list[Folder]) -> Out:
    """The first release on its ladder in which the attacks on it and on several periods find nothing."""

    def attempt(definition: Definition) -> Tried:
        built = build(persons, definition)
        made = folder(built, definition, quarter=period)  # type: ignore[arg-type]
        if not made.groups and not definition.bare and definition.sensitive is not None:
            return Tried(definition, built, made, settled=False)
        mine = [f for f in composed([*earlier, made]) if made.name in f.releases] if earlier and made.groups else []
        return Tried(definition, built, made, settled=not mine and not told_by_coarseness(made))

    last = climbed(shipped(slug, region), attempt)[-1]
    return _out(last.folder, last.built, last.definition)


def _out(made: Folder, built: Built, wanted: Definition) -> Out:
    taken = wanted.ladder[-1]
    step = BARE if wanted.bare else f"{taken.finest}, {taken.share_limit:.0%}"
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
