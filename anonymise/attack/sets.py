"""Sets that the numbers narrow to fewer than k persons.

The most that a set can hold never shrinks when the set grows. So if some union, difference or intersection of published
sets is narrowed below k, one of its atoms is; asking every atom asks for all of them.
"""

from dataclasses import dataclass

import numpy as np

from anonymise.attack.derivation import conflict, steps
from anonymise.attack.findings import Finding
from anonymise.attack.matrix import Ids
from anonymise.attack.programme import WHOLE
from anonymise.attack.published import Statement
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
    if not search.feasible():
        return Narrowed((_contradiction(system),), Reach(need, need, need, possible=False))
    told = _stated(system, search, need)
    inside = np.zeros(system.rows.columns, dtype=bool)
    for statement in told:
        inside[statement.columns] = True
    grids = [each.block.columns for each in system.told]
    found = reach(search, np.flatnonzero(~inside), need=need, grids=grids, progress=progress)
    narrow = _once(system, ~inside & (found.most > 0) & (found.most < need), inside)
    findings = [_of_statement(system, each, derive=n < explain) for n, each in enumerate(told)]
    findings += [
        _finding(system, search, column, int(need[column]), found, derive=number < explain - len(told))
        for number, column in enumerate(np.flatnonzero(narrow).tolist())
    ]
    late = np.flatnonzero(~inside & (found.most >= need) & (found.shown < need))
    findings += [
        Finding("undecided", names(system), system.about(int(c)), 0, int(found.most[c]), f"at least {need[c]}")
        for c in late.tolist()
    ]
    return Narrowed(tuple(findings), found)


@dataclass(frozen=True, slots=True)
class _Stated:
    """A published set that is narrowed as a whole, and with it all of its atoms."""

    statement: Statement
    columns: Ids
    most: int
    need: int


def _stated(system: System, search: Search, need: Ids) -> list[_Stated]:
    """The published sets of several atoms that can hold somebody but fewer than k. A set inside another comes once."""
    rows, found = system.rows, []
    for row in np.argsort(-np.diff(rows.starts), kind="stable").tolist():
        statement, columns = system.source[row], rows.index[rows.starts[row] : rows.starts[row + 1]]
        k = int(need[columns].max(initial=0))
        if statement is None or statement.lower >= k or len(columns) < 2 or statement.upper == 0:
            continue
        if any(np.isin(columns, other.columns).all() for other in found):
            continue
        bound = int(np.floor(search.bound(columns, np.ones(len(columns))) + WHOLE))
        if 0 < bound < k:
            found.append(_Stated(statement, columns, bound, k))
    return found


def _of_statement(system: System, stated: _Stated, *, derive: bool) -> Finding:
    ones = np.ones(len(stated.columns))
    shown, figures = steps(system, stated.columns, ones, below=stated.need) if derive else ((), "")
    release = next(r for r in system.releases if any(s is stated.statement for s in r.statements))
    return Finding(
        "set", names(system), f"{stated.statement.about(release)} ({release.name})", stated.statement.lower, stated.most,
        f"fewer than {stated.need} persons", derivation=shown, conclusion=_so(stated.most, figures),
    )  # fmt: skip


def _so(most: int, figures: str) -> str:
    return f"So there are at most {most} of them: {figures}." if figures else ""


def _once(system: System, narrow: Mask, told_already: Mask) -> Mask:
    """Without the categories of places that are narrowed as a whole: they say the same again."""
    kept = narrow.copy()
    for told in system.told:
        persons = next(b for b in system.persons if b.name == told.releases[0].cohort)
        for place in range(told.places.count):
            inside = persons.start + np.flatnonzero(told.inside == place)
            if (narrow | told_already)[inside].all():
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
    least, most = search.exactly(column) if derive else (int(found.least[column]), int(found.most[column]))
    shown, figures = steps(system, np.array([column]), np.ones(1), below=need) if derive else ((), "")
    return Finding(
        "set", names(system), system.about(column), least, most, f"fewer than {need} persons",
        derivation=shown, conclusion=_so(most, figures),
    )  # fmt: skip


def _contradiction(system: System) -> Finding:
    shown = conflict(system)
    what = shown[0].about if shown else "some numbers"
    return Finding("contradiction", names(system), what, 0, 0, "no persons can be counted so", derivation=shown)
