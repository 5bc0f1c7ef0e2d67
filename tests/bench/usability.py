"""Two years of the demo's region, published: 8 quarters of every data set and 26 weeks, and what coarsening cost.

`python -m tests.bench.usability [PERSONS]`. Each quarter some people leave, some come, some move and some come for another
reason. A data set that the attack finds something in is built again under a stricter rule for its groups, in the end
without categories. At the end all releases are attacked together.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from anonymise import synthetic
from anonymise.attack.folder import Folder
from anonymise.attack.presence import inhabitants
from anonymise.attack.run import attack, composed
from anonymise.build import Built, build
from anonymise.cohort import Protection
from anonymise.definition import Definition, shipped
from anonymise.periods import Days, Quarter, week
from tests.generative.releases import folder

QUARTERLY: Final = (
    "use-of-telemedicine", "reasons-for-encounter", "waiting-times", "chronic-conditions", "travel-saved",
)  # fmt: skip
WEEKLY: Final = "respiratory-season"
QUARTERS, WEEKS, PERSONS = 8, 26, 8000
WEEKLY_SHARE: Final = 0.06
"""Of a quarter's persons, who comes for a respiratory disease in one week."""
LADDER: Final = ((0.8, 2), (0.7, 2), (0.6, 3), (0.5, 3))
"""Share limits and numbers of categories, tried one after the other; then no categories at all."""


@dataclass(frozen=True)
class Out:
    """One release: its data set, period, the step of the ladder, what its rows say, its groups."""

    folder: Folder
    step: str
    flags: Counter[str]
    groups: int


def cohorts(persons: int) -> Iterator[pl.DataFrame]:
    """The persons of each quarter: a tenth leaves and as many come, a fiftieth moves, a fifth has another reason."""
    random = np.random.default_rng(7)
    current = synthetic.persons(persons, seed=0)
    for quarter in range(QUARTERS):
        yield current
        new = synthetic.persons(persons, seed=quarter + 1).with_columns(
            person=pl.format("q{}-{}", pl.lit(quarter), "person")
        )
        stays = pl.Series(random.random(persons) > 0.1)
        current = pl.concat([current.filter(stays), new.filter(~stays)])
        for column in current.columns[1:]:
            changes = 0.02 if column in ("municipality", "age_band", "sex", "condition") else 0.2
            where = pl.Series(random.random(current.height) < changes)
            fresh = new.sample(current.height, with_replacement=True, seed=quarter)[column]
            current = current.with_columns(pl.when(where).then(fresh).otherwise(pl.col(column)).alias(column))


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
        if not mine:
            return _out(made, built, f"{share:.0%}, {categories}")
    return _out(replace(made, groups=(), rows=_counted(made)), built, "no categories")


def _counted(made: Folder) -> tuple:  # type: ignore[type-arg]
    told = next(n for n, d in enumerate(made.dimensions) if d.role != "identifying")
    return tuple(row for row in made.rows if len(row.members[told]) == len(made.dimensions[told].values))


def _out(made: Folder, built: Built, step: str) -> Out:
    return Out(
        made, step, Counter(row.flag for row in built.table.rows), len(made.groups and built.blocks.group_sizes())
    )


def run(persons: int, console: Console) -> list[Out]:
    """Every release, printed as it comes; the last line says what the attack on all of them found."""
    out: list[Out] = []
    weeks = 0
    for number, cohort in enumerate(cohorts(persons)):
        quarter = Quarter(2025 + number // 4, number % 4 + 1)
        for slug in QUARTERLY:
            earlier = [o.folder for o in out if o.folder.slug == slug and o.folder.groups]
            out.append(publish(cohort, slug, "kiel", quarter, earlier))
        while weeks < WEEKS and week(2025, weeks + 2).last <= quarter.last:
            part = cohort.sample(round(persons * WEEKLY_SHARE), seed=weeks)
            earlier = [o.folder for o in out if o.folder.slug == WEEKLY and o.folder.groups]
            out.append(publish(part, WEEKLY, "kiel-weeks", week(2025, weeks + 2), earlier))
            weeks += 1
    table = Table("release", "rule of the groups", "groups", "exact", "estimated", "withheld", "withheld of all")
    for o in out:
        flags = [o.flags[flag] for flag in ("", "e", "c")]
        table.add_row(o.folder.name, o.step, str(o.groups), *map(str, flags), f"{flags[2] / sum(flags):.0%}")
    console.print(table)
    whole = attack([o.folder for o in out], population=inhabitants(None), explain=3)
    console.print(
        f"{len(out)} releases, {whole.columns} unknown numbers, {whole.programmes}: {len(whole.findings)} found"
    )
    for kind, count in Counter(f.kind for f in whole.findings).items():
        console.print(f"  {count} {kind}: {next(f for f in whole.findings if f.kind == kind)}")
    return out


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else PERSONS, Console(width=150))
