"""Sets that the numbers narrow to fewer than k persons.

The most that a set can hold never shrinks when the set grows. So if some union, difference or intersection of published
sets is narrowed below k, one of its atoms is; asking every atom asks for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.attack.derivation import Proof, conflict, steps
from anonymise.attack.findings import Finding
from anonymise.attack.matrix import Ids
from anonymise.attack.programme import WHOLE
from anonymise.attack.published import Statement
from anonymise.attack.reach import Progress, Reach, Search, silent, singly, worlds
from anonymise.attack.relations import stated_bounds
from anonymise.attack.system import System
from anonymise.rule import Mask

UNPROVED: Final = Proof((), "", np.inf)

LARGE: Final = 20_000
"""Columns beyond which published sets are judged by sums alone, and few columns are asked one by one."""

ASKED: Final = 60
"""Columns of a large system that are asked one by one; what is open then counts as undecided."""


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
    grids = [each.block.columns for each in system.told]
    large = system.rows.columns > LARGE
    told = _told_by_sums(system, need) if large else _told_by_programmes(system, search, need)
    outside = _outside(system, told)
    seen = worlds(search, outside, need=need, grids=grids, progress=progress)
    # A large system that is broken already is not searched to its end.
    asked = (0 if told else ASKED) if large else None
    found = singly(search, outside, need=need, seen=seen, progress=progress, asked=asked)
    narrow = np.zeros(system.rows.columns, dtype=bool)
    narrow[outside] = (found.most[outside] > 0) & (found.most[outside] < need[outside])
    findings = [_of_statement(system, each, derive=n < explain) for n, each in enumerate(told)]
    findings += [
        _finding(system, search, column, int(need[column]), found, derive=number < explain - len(told))
        for number, column in enumerate(np.flatnonzero(_once(system, narrow, outside)).tolist())
    ]
    late = outside[(found.most[outside] >= need[outside]) & (found.shown[outside] < need[outside])]
    if len(late):
        what = f"{system.about(int(late[0]))} and {len(late) - 1} more sets"
        findings.append(Finding("undecided", names(system), what, 0, int(found.most[late[0]]), "not known to hold k"))
    return Narrowed(tuple(findings), found)


@dataclass(frozen=True, slots=True)
class _Stated:
    """A published set that is narrowed as a whole, and with it all of its atoms."""

    statement: Statement
    columns: Ids
    most: int
    need: int


def _told_by_sums(system: System, need: Ids) -> list[_Stated]:
    """The published sets that sums of published sets narrow."""
    bounds = stated_bounds(system)
    return _stated(system, need, lambda row: int(bounds.most[row]))


def _told_by_programmes(system: System, search: Search, need: Ids) -> list[_Stated]:
    """The published sets that all numbers together narrow."""

    def most(row: int) -> int:
        columns = system.rows.index[system.rows.starts[row] : system.rows.starts[row + 1]]
        return int(np.floor(search.bound(columns, np.ones(len(columns))) + WHOLE))

    return _stated(system, need, most)


def _stated(system: System, need: Ids, most: Callable[[int], int]) -> list[_Stated]:
    """The published sets of several atoms that can hold somebody but fewer than k. A set inside another comes once."""
    rows = system.rows
    found: list[_Stated] = []
    covered = np.zeros(rows.columns, dtype=bool)
    for row in np.argsort(-np.diff(rows.starts), kind="stable").tolist():
        statement, columns = system.source[row], rows.index[rows.starts[row] : rows.starts[row + 1]]
        if statement is None or len(columns) < 2 or statement.upper == 0 or covered[columns].all():
            continue
        k = int(need[columns].max())
        bound = most(row) if statement.lower < k else 0
        if 0 < bound < k:
            found.append(_Stated(statement, columns, bound, k))
            covered[columns] = True
    return found


def _outside(system: System, told: Sequence[_Stated]) -> Ids:
    """The columns that are in none of some sets."""
    inside = np.zeros(system.rows.columns, dtype=bool)
    for stated in told:
        inside[stated.columns] = True
    return np.flatnonzero(~inside)


def _of_statement(system: System, stated: _Stated, *, derive: bool) -> Finding:
    ones = np.ones(len(stated.columns))
    proof = steps(system, stated.columns, ones, below=stated.need) if derive else UNPROVED
    most = stated.most if proof.bound == np.inf else min(stated.most, int(np.floor(proof.bound + WHOLE)))
    release = next(r for r in system.releases if any(s is stated.statement for s in r.statements))
    return Finding(
        "set", names(system), f"{stated.statement.about(release)} ({release.name})", stated.statement.lower, most,
        f"fewer than {stated.need} persons", derivation=proof.steps, conclusion=_so(most, proof.figures),
    )  # fmt: skip


def _so(most: int, figures: str) -> str:
    return f"So there are at most {most} of them: {figures}." if figures else ""


def _once(system: System, narrow: Mask, outside: Ids) -> Mask:
    """Without the categories of places that are narrowed as a whole: they say the same again."""
    kept, told_already = narrow.copy(), np.ones(len(narrow), dtype=bool)
    told_already[outside] = False
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
    proof = steps(system, np.array([column]), np.ones(1), below=need) if derive else UNPROVED
    return Finding(
        "set", names(system), system.about(column), least, most, f"fewer than {need} persons",
        derivation=proof.steps, conclusion=_so(most, proof.figures),
    )  # fmt: skip


def _contradiction(system: System) -> Finding:
    shown = conflict(system)
    what = shown[0].about if shown else "some numbers"
    return Finding("contradiction", names(system), what, 0, 0, "no persons can be counted so", derivation=shown)
