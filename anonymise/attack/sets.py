"""Sets that the numbers narrow to fewer than k persons.

The most that a set can hold never shrinks when the set grows. So if some union, difference or intersection of published
sets is narrowed below k, one of its atoms is; asking every atom asks for all of them.
"""

from dataclasses import dataclass

import numpy as np

from anonymise.attack.derivation import conflict, steps
from anonymise.attack.findings import Finding
from anonymise.attack.matrix import Ids
from anonymise.attack.reach import Progress, Reach, Search, reach, silent
from anonymise.attack.system import System
from anonymise.rule import Mask


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The findings about sets, and what every column can hold."""

    findings: tuple[Finding, ...]
    reach: Reach


def narrowed_sets(system: System, search: Search, *, explain: int, progress: Progress = silent) -> Narrowed:
    """Every atom that can hold somebody but fewer than k; the first `explain` with their derivation."""
    need = needs(system)
    targets = np.arange(system.rows.columns)
    grids = [told.block.columns for told in system.told]
    found = reach(search, targets, need=need, grids=grids, progress=progress)
    if not found.possible:
        return Narrowed((_contradiction(system),), found)
    narrow = _once(system, (found.most > 0) & (found.most < need))
    findings = [
        _finding(system, search, column, int(need[column]), found, derive=number < explain)
        for number, column in enumerate(np.flatnonzero(narrow).tolist())
    ]
    late = np.flatnonzero((found.most >= need) & (found.shown < need))
    findings += [
        Finding("undecided", names(system), system.about(int(c)), 0, int(found.most[c]), f"at least {need[c]}")
        for c in late.tolist()
    ]
    return Narrowed(tuple(findings), found)


def _once(system: System, narrow: Mask) -> Mask:
    """Without the categories of places that are narrowed as a whole: they say the same again."""
    kept = narrow.copy()
    for told in system.told:
        persons = next(b for b in system.persons if b.name == told.releases[0].cohort)
        for place in range(told.places.count):
            inside = persons.start + np.flatnonzero(told.inside == place)
            if narrow[inside].all():
                kept[told.block.columns[place]] = False
    return kept


def needs(system: System) -> Ids:
    """Per column how many persons the rule of its release asks for; of several releases, the strictest."""
    need = np.zeros(system.rows.columns, dtype=np.int64)
    strictest = max(release.rule.k for release in system.releases)
    of_cohort: dict[str, int] = {}
    for release in system.releases:
        of_cohort[release.cohort] = max(of_cohort.get(release.cohort, 0), release.rule.k)
    for block in system.persons:
        need[block.columns] = of_cohort[block.name]
    for block in system.left:
        need[block.columns] = strictest
    for told in system.told:
        need[told.block.columns] = told.rule.k
    return need


def names(system: System) -> tuple[str, ...]:
    """The releases of a system."""
    return tuple(release.name for release in system.releases)


def _finding(system: System, search: Search, column: int, need: int, found: Reach, *, derive: bool) -> Finding:
    most = int(found.most[column])
    shown, figures = steps(system, np.array([column]), np.ones(1), below=need) if derive else ((), "")
    least = search.least(column) if derive else int(found.least[column])
    return Finding(
        "set", names(system), system.about(column), least, most, f"fewer than {need} persons",
        derivation=shown, conclusion=f"So there are at most {most} of them: {figures}." if figures else "",
    )  # fmt: skip


def _contradiction(system: System) -> Finding:
    shown = conflict(system)
    what = shown[0].about if shown else "some numbers"
    return Finding("contradiction", names(system), what, 0, 0, "no persons can be counted so", derivation=shown)
