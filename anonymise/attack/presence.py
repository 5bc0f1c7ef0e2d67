"""Whether the numbers tell who is in: places of which nearly all inhabitants are in the cohort.

Presence is bounded as in delta-presence: of no set that the numbers can bound may more than the limit be proved to be
in. That hardly anybody is in tells nobody's presence, so there is no lower limit. The regions of blocks and rows are
nested along the place, and for nested regions it is enough to ask each of them (Hall's theorem): whoever fits into every
region fits altogether.
Nergiz, Atzori, Clifton, "Hiding the presence of individuals from shared databases", SIGMOD 2007.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from anonymise.attack.blocks import bounds
from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import Folder
from anonymise.attack.published import Dimension, Members, in_words
from anonymise.municipalities import municipality_table
from anonymise.problems import InputInvalid

PRESENCE_LIMIT: Final = 0.8
"""Of no set of inhabitants may a larger share be proved to be in. The same as the share limit, for the same reason: beyond
it, living there as good as tells it."""

PERSONS: Final = "persons"

Population = Mapping[str, int]
"""Inhabitants by the base value of one dimension."""


def told_by_presence(folder: Folder, population: Population, *, dimension: str) -> tuple[Finding, ...]:
    """Every region of which the numbers prove that more inhabitants than the limit are in.

    `population` counts inhabitants by the base values of `dimension`; regions cut by another dimension are left to it as a
    whole, because nobody publishes fewer inhabitants than there are.
    """
    dimensions = folder.identifying if folder.blocks else folder.dimensions
    place = next((n for n, d in enumerate(dimensions) if d.name == dimension), None)
    if place is None:
        return ()
    own = dimensions[place]
    known = np.array([population.get(value, -1) for value in own.values])
    findings = []
    for region, lower, upper in _regions(folder, own, place):
        inhabitants = known[list(region[place])]
        everybody = int(inhabitants.sum())
        if (inhabitants >= 0).all() and lower * 1000 > round(PRESENCE_LIMIT * 1000) * everybody:
            findings.append(_finding(folder, region, lower, min(upper, everybody), everybody))
    return tuple(findings)


def _regions(folder: Folder, own: Dimension, place: int) -> Iterator[tuple[tuple[Members, ...], int, int]]:
    """Regions along one dimension, all others left open, with the persons in them, at least and at most: those of blocks
    and of single values, or of rows where there are no blocks."""
    if not folder.blocks:
        for row in folder.rows:
            rest = (
                len(m) == len(d.values)
                for n, (m, d) in enumerate(zip(row.members, folder.dimensions, strict=True))
                if n != place
            )
            if all(rest) and row.upper is not None:
                yield row.members, row.lower, row.upper
        return
    chosen = {block.members[place] for block in folder.blocks} | {(n,) for n in own.everything}
    regions = [
        tuple(members if n == place else d.everything for n, d in enumerate(folder.identifying))
        for members in sorted(chosen)
    ]
    least, most = bounds(folder.blocks, regions, sizes=[len(d.values) for d in folder.identifying])
    yield from zip(regions, least.tolist(), most.tolist(), strict=True)


def _finding(folder: Folder, region: Sequence[Members], lower: int, upper: int, everybody: int) -> Finding:
    what = in_words(folder.identifying if folder.blocks else folder.dimensions, region)
    steps = (
        Step(folder.name, f"whoever is counted inside {what}", f"{lower} persons"),
        Step("public statistics", what, f"{everybody} inhabitants"),
    )
    return Finding(
        "presence", (folder.name,), what, lower, upper, f"at most {PRESENCE_LIMIT:.0%} of the inhabitants",
        of=everybody, derivation=steps, conclusion=f"So at least {lower} of {everybody} inhabitants are in.",
    )  # fmt: skip


def inhabitants(path: Path | None) -> tuple[str, Population]:
    """The dimension and the inhabitants by its values: from a CSV file with two columns, the second `persons`, or of the
    municipalities that ship."""
    if path is None:
        return "municipality", {row.ags: row.population for row in municipality_table()}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = [name for name in reader.fieldnames or () if name != PERSONS]
            if len(names) != 1 or PERSONS not in (reader.fieldnames or ()):
                raise InputInvalid(f"{path} needs two columns: a dimension and {PERSONS}.")
            return names[0], {line[names[0]]: int(line[PERSONS]) for line in reader}
    except (OSError, ValueError, TypeError) as error:
        raise InputInvalid(f"{path} can't be read as numbers of inhabitants: {error}.") from error
