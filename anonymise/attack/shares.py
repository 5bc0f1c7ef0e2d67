"""Shares that the numbers prove: sets of which too many persons have one category, and sets with too few categories.

A share of a set is proved to lie above the limit if it does in every world. Sets can be weighed against each other, so
the question for all of them at once is a game between the attacker, who chooses the set, and the world; by the minimax
theorem the attacker wins exactly if no mean of worlds keeps the limit in every atom. One world that does is therefore a
proof for every union, difference and intersection. Where there is none, the dual weights of the limits name the set.

Persons are whole: of 44 in 55, exactly the limit of 80 %, some block of 11, 14, 14 and 16 must have more. Which one,
nobody can tell, and each may have less: no set is proved then, unless one is by itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.attack.derivation import steps
from anonymise.attack.findings import Finding, Step
from anonymise.attack.matrix import OPEN, Ids, Matrix, Range
from anonymise.attack.programme import WHOLE, Programme
from anonymise.attack.published import Members, Published, Statement, in_words
from anonymise.attack.reach import Reach, Search
from anonymise.attack.sets import names
from anonymise.attack.system import System, Told

PER_MILLE: Final = 1000
"""The share limit in whole numbers: 0.8 x n is not exact."""

QUESTIONS: Final = 40_000
"""Places times categories up to which all unions of places are asked at once; beyond, only each published set by itself."""

CORNERS: Final = 3
"""How many corners around a linear solution are looked at. Rows of nested sets have whole corners only."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One question: in one place, the persons with one category (or with categories that mean nearly the same)."""

    told: Told
    place: int
    category: Ids
    name: str
    whole: Ids
    share: int

    @property
    def weights(self) -> tuple[Ids, Ids]:
        """Columns and whole weights whose sum must not be above zero: 1000 x the category - `share` x all."""
        weights = np.full(len(self.whole), -self.share)
        weights[self.category] += PER_MILLE
        return self.whole, weights


def proved_shares(system: System, base: Search, known: Reach, *, explain: int) -> tuple[Finding, ...]:
    """Every set of which the numbers prove that more than the limit has one category."""
    limits = [each for told in system.told for each in _limits(told, base, known)]
    if not limits:
        return ()
    if len(limits) > QUESTIONS:
        return stated_shares(system)
    rows = _with(system, limits, slack=False)
    search = Search(rows)
    if search.feasible():
        late = _not_between_worlds(system, base, search)
        return tuple(Finding("undecided", names(system), system.about(c), 0, 0, "no world was found") for c in late)
    found_sets, kept = _sets(system, base, limits)
    if kept:
        found_sets = [[limit] for limit in limits if _proved_in_whole_numbers(base, limit)]
    elif not found_sets:
        return (Finding("share", names(system), "sets whose persons are few", 0, 0, "no world keeps the share limit"),)
    return tuple(_finding(system, base, chosen, derive=n < explain) for n, chosen in enumerate(found_sets))


def stated_shares(system: System) -> tuple[Finding, ...]:
    """Every published set whose own numbers prove a share above the limit."""
    return tuple(finding for told in system.told for finding in _stated_shares(told))


def _stated_shares(told: Told) -> tuple[Finding, ...]:
    """Published sets whose own numbers prove a share above the limit: a category, or the total without the others."""
    findings = []
    for release in told.releases:
        total: dict[tuple[Members, ...], Statement] = {}
        parts: dict[tuple[Members, ...], dict[tuple[Members, ...], Statement]] = {}
        for statement in release.statements:
            place, what = (tuple(statement.members[n] for n in which) for which in (release.singling, release.telling))
            full = all(len(m) == len(release.dimensions[n].values) for m, n in zip(what, release.telling, strict=True))
            if full:
                total[place] = statement
            else:
                parts.setdefault(place, {})[what] = statement
        for place, whole in total.items():
            for statement in parts.get(place, {}).values():
                most = whole.upper
                if (
                    most is not None
                    and statement.lower * PER_MILLE > round(release.rule.share_limit * PER_MILLE) * most
                ):
                    findings.append(_stated_finding(release, statement, whole, most))
    return tuple(findings)


def _stated_finding(release: Published, part: Statement, whole: Statement, of: int) -> Finding:
    shown = tuple(Step(f"{release.name}, {s.where}", s.about(release), s.says, number=s.lower) for s in (whole, part))
    return Finding(
        "share", (release.name,), part.about(release), part.lower, of if part.upper is None else part.upper,
        f"at most {release.rule.share_limit:.0%}", of=of, derivation=shown,
        conclusion=f"So at least {part.lower} of {of} have it.",
    )  # fmt: skip


def too_few_categories(system: System, known: Reach) -> tuple[Finding, ...]:
    """Every atom that can hold persons of fewer categories than the rule asks for."""
    findings = []
    for told in system.told:
        possible = known.most[told.block.columns] > 0
        least = told.rule.min_categories
        for place in np.flatnonzero((possible.sum(axis=1) > 0) & (possible.sum(axis=1) < least)).tolist():
            left = "; ".join(
                in_words(told.telling, told.categories.box(c)) for c in np.flatnonzero(possible[place]).tolist()
            )
            count = int(possible[place].sum())
            what = f"{in_words(told.singling, told.places.box(place))} ({told.block.name}): only {left}"
            findings.append(Finding("categories", names(system), what, count, count, f"at least {least} categories"))
    return tuple(findings)


def _limits(told: Told, base: Search, known: Reach) -> list[Limit]:
    """The questions about a release: every place that can hold somebody, every category and every family of them."""
    categories: dict[tuple[int, ...], str] = {}
    for category in range(told.categories.count):
        categories[(category,)] = in_words(told.telling, told.categories.box(category))
    for family, name in _families(told):
        categories.setdefault(tuple(family.tolist()), name)
    columns = told.block.columns
    share = {category: _share(told, base, columns[:, list(category)].ravel()) for category in categories}
    inhabited = np.flatnonzero((known.most[columns] > 0).any(axis=1))
    return [
        Limit(told, place, np.array(category), name, columns[place], share[category])
        for place in inhabited.tolist()
        for category, name in categories.items()
        if len(category) < told.categories.count
    ]


def _share(told: Told, base: Search, columns: Ids) -> int:
    """The largest share of a category that is allowed, in thousandths: the limit, or not far above its share in all."""
    rule = told.rule
    if rule.skew_limit < 1:
        whole = told.block.columns.ravel()
        most = base.bound(columns, np.ones(len(columns)))
        least = -base.bound(whole, -np.ones(len(whole)))
        overall = most / least if least > 0 else 1.0
        return round(min(rule.share_limit, overall + rule.skew_limit) * PER_MILLE)
    return round(rule.share_limit * PER_MILLE)


def _families(told: Told) -> list[tuple[Ids, str]]:
    """Categories that mean nearly the same, as atoms: only families that published categories make up exactly."""
    found = []
    for axis, dimension in enumerate(told.telling):
        for members in dimension.kin:
            box = [each.everything for each in told.telling]
            box[axis] = members
            inside = np.unique(told.categories.atom_of[told.categories.cells(box)])
            outside_box: list[Members] = list(box)
            outside_box[axis] = tuple(v for v in dimension.everything if v not in set(members))
            outside = told.categories.atom_of[told.categories.cells(outside_box)]
            if not np.isin(inside, outside).any():
                found.append((inside, in_words(told.telling, box)))
    return found


def _with(system: System, limits: list[Limit], *, slack: bool) -> Matrix:
    """The rows of a system and the limits; with slack, each limit can be broken at the price of a column of its own."""
    rows = system.rows
    parts = [limit.weights for limit in limits]
    first = rows.columns
    if slack:
        parts = [(np.append(i, first + n), np.append(v, -1)) for n, (i, v) in enumerate(parts)]
    lengths = [len(index) for index, _ in parts]
    return Matrix(
        np.concatenate([rows.starts, rows.starts[-1] + np.cumsum(lengths)]),
        np.concatenate([rows.index, *(index for index, _ in parts)]),
        np.concatenate([rows.value, *(value for _, value in parts)]),
        np.concatenate([rows.lower, np.full(len(parts), -OPEN)]),
        np.concatenate([rows.upper, np.zeros(len(parts), dtype=np.int64)]),
        rows.columns + (len(parts) if slack else 0),
    )


def _not_between_worlds(system: System, base: Search, limited: Search) -> list[int]:
    """Columns, one of each part, for which the linear solution that keeps the limits may be no mean of worlds.

    It is one where the corners around it are whole; those are worlds, and a mean of worlds answers every weighing of
    sets. Elsewhere a world that keeps the limits itself has to be found.
    """
    near = limited.last()
    least = np.maximum(base.known.least, np.floor(near + WHOLE).astype(np.int64))
    most = np.minimum(base.known.most, np.ceil(near - WHOLE).astype(np.int64))
    around = Search(system.rows, Range(np.minimum(least, most), most))
    open_columns = np.zeros(system.rows.columns, dtype=bool)
    random = np.random.default_rng(1)
    for _ in range(CORNERS):
        weights = random.normal(size=system.rows.columns)  # nosemgrep: guessable-secret - an objective
        for programme in around.batches:
            corner = programme.most(programme.columns, weights[programme.columns])
            open_columns[programme.columns] |= ~corner.sure[programme.columns]
    late = []
    while open_columns.any():
        column = int(np.argmax(open_columns))
        programme = limited.around(column)
        found = programme.most_in_whole_numbers(np.array([column]), np.zeros(1))
        if not found.feasible or not found.sure[programme.columns].all():
            late.append(column)
        open_columns[programme.columns] = False
    return late


def _sets(system: System, base: Search, limits: list[Limit]) -> tuple[list[list[Limit]], bool]:
    """The sets whose share is proved, as limits of one category; single places where they alone prove it. And whether
    a mean of worlds keeps all limits, so that there are none."""
    rows = _with(system, limits, slack=True)
    # The slacks are left open, or what is known of them would take the place of the limits' weights.
    price = np.full(len(limits), OPEN * PER_MILLE)
    known = Range(np.concatenate([base.known.least, np.zeros_like(price)]), np.concatenate([base.known.most, price]))
    slack = np.arange(system.rows.columns, rows.columns)
    programme = Programme(rows, known, part_of=np.zeros(rows.columns, dtype=np.int64))
    found = programme.most(slack, -np.ones(len(slack)))
    if found.bound > -WHOLE:
        return [], True
    weights = np.abs(found.weights[system.rows.rows :])
    by_category: dict[tuple[int, str], list[Limit]] = {}
    for limit, weight in zip(limits, weights.tolist(), strict=True):
        if weight > WHOLE:
            by_category.setdefault((limit.told.block.start, limit.name), []).append(limit)
    proved: list[list[Limit]] = []
    for chosen in by_category.values():
        single = [[limit] for limit in chosen if _proved(system, base, [limit])]
        proved += single or [each for each in [chosen] if _proved(system, base, each)]
    return proved, False


def _sum(chosen: list[Limit]) -> tuple[Ids, Ids]:
    parts = [limit.weights for limit in chosen]
    return np.concatenate([i for i, _ in parts]), np.concatenate([v for _, v in parts])


def _proved(system: System, base: Search, chosen: list[Limit]) -> bool:
    """Whether a set is above the limit in every world."""
    columns, weights = _sum(chosen)
    return base.bound(columns, -weights.astype(np.float64)) < -WHOLE


def _proved_in_whole_numbers(base: Search, limit: Limit) -> bool:
    """Whether one place is above the limit in every world, though a mean of worlds is not."""
    columns, weights = limit.weights
    return base.bound_in_whole_numbers(columns, -weights.astype(np.float64)) < -WHOLE


def _finding(system: System, base: Search, chosen: list[Limit], *, derive: bool) -> Finding:
    told, name = chosen[0].told, chosen[0].name
    places = np.array([limit.place for limit in chosen])
    whole = told.block.columns[places].ravel()
    part = told.block.columns[places][:, chosen[0].category].ravel()
    most, least, everybody = (
        int(np.floor(base.bound(columns, np.full(len(columns), sign)) + WHOLE))
        for columns, sign in ((part, 1.0), (part, -1.0), (whole, 1.0))
    )
    boxes = " and ".join(in_words(told.singling, told.places.box(int(place))) for place in places)
    columns, weights = _sum(chosen)
    shown = steps(system, columns, -weights.astype(np.float64), below=0).steps if derive else ()
    return Finding(
        "share", names(system), f"{boxes}: {name} ({told.block.name})", -least, most,
        f"at most {chosen[0].share / PER_MILLE:.0%}", of=everybody, derivation=shown,
        conclusion=f"So more than {chosen[0].share / PER_MILLE:.0%} of these persons have {name} for certain.",
    )  # fmt: skip
