"""What releases tell together that count by different units: persons who agreed, and persons at each clinic.

Neither is part of the other: somebody at two clinics is two units, and somebody who said nothing is counted by clinics
alone. But where both tell the same region, their difference counts somebody: those whom only one of them knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from anonymise.attack.findings import Finding, Step
from anonymise.attack.folder import ALL, Folder
from anonymise.attack.published import Statement
from anonymise.rule import common

Region = frozenset[tuple[str, str]]
"""The labels by which a region is told, without those that leave everything open."""


def told_by_units(folders: Sequence[Folder]) -> tuple[Finding, ...]:
    """Every region that two releases of overlapping periods tell by different units so exactly that their difference is
    certain to count somebody, and fewer than k."""
    regions = {folder.name: dict(_regions(folder)) for folder in folders}
    return tuple(
        finding
        for one, other in permutations(folders, 2)
        if one.unit != other.unit and one.first <= other.last and other.first <= one.last
        for finding in _differences(one, other, regions[one.name], regions[other.name])
    )


def _regions(folder: Folder) -> Iterator[tuple[Region, Statement]]:
    """The rows that count persons whatever their category, by region."""
    for row in folder.rows:
        telling = [label for d, label in zip(folder.dimensions, row.labels, strict=True) if d.role != "identifying"]
        if row.upper is not None and set(telling) <= {ALL}:
            named = zip((d.name for d in folder.dimensions), row.labels, strict=True)
            yield frozenset((name, label) for name, label in named if label != ALL), row


def _differences(
    one: Folder, other: Folder, ours: Mapping[Region, Statement], theirs: Mapping[Region, Statement]
) -> Iterator[Finding]:
    k = common([one.rule, other.rule]).k
    for region in sorted(ours.keys() & theirs.keys(), key=sorted):
        mine, its = ours[region], theirs[region]
        least, most = mine.lower - (its.upper or 0), (mine.upper or 0) - its.lower
        if least < 1 or most >= k:
            continue
        about = "; ".join(f"{name} {label}" for name, label in sorted(region)) or "everybody"
        yield Finding(
            "set", (one.name, other.name), f"{about}, counted in {one.name} alone", least, most, f"fewer than {k} persons",
            derivation=(
                Step(f"{one.name}, {mine.where}", about, mine.says, 1, mine.upper),
                Step(f"{other.name}, {its.where}", about, its.says, -1, its.lower),
            ),
            conclusion=f"So there are at most {most} of them: {mine.upper} - {its.lower} = {most}.",
        )  # fmt: skip
