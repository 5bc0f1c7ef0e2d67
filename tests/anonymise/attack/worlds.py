"""Small worlds, and an attacker who tries everything: every way in which persons could be, given what is published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, product

from hypothesis import strategies as st

from anonymise.attack.findings import Finding
from anonymise.attack.published import Dimension, Members, Published, Statement
from anonymise.attack.reach import Search
from anonymise.attack.sets import narrowed_sets
from anonymise.attack.shares import proved_shares, too_few_categories
from anonymise.attack.system import system
from anonymise.rule import Rule

FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)
PLACE = Dimension("place", "identifying", ("a", "b", "c"))
SEX = Dimension("sex", "identifying", ("f", "m"))
REASON = Dimension("reason", "sensitive", ("J", "F"))

Cell = tuple[int, ...]
Counts = dict[Cell, int]


@dataclass(frozen=True)
class World:
    """Some dimensions and, for every cell of them, how many persons are in it."""

    dimensions: tuple[Dimension, ...]
    counts: Counts

    def number(self, members: Sequence[Members]) -> int:
        return sum(n for cell, n in self.counts.items() if inside(cell, members))


def inside(cell: Cell, members: Sequence[Members]) -> bool:
    return all(value in chosen for value, chosen in zip(cell, members, strict=True))


def statement(dimensions: Sequence[Dimension], *codes: str, lower: int, upper: int | None = None) -> Statement:
    """A statement by codes: `*`, one value or several joined by a bar; exact unless `upper` is given."""
    members = tuple(
        d.everything if code == "*" else tuple(d.values.index(value) for value in code.split("|"))
        for d, code in zip(dimensions, codes, strict=True)
    )
    return Statement(" ".join(codes), codes, members, lower, lower if upper is None else upper)


def withheld(dimensions: Sequence[Dimension], *codes: str) -> Statement:
    found = statement(dimensions, *codes, lower=1)
    return Statement(found.where, found.labels, found.members, 1, None, withheld=True)


def published(
    dimensions: Sequence[Dimension], *statements: Statement, rule: Rule, name: str = "reasons 2026-Q3",
    cohort: str = "quarter", first: date = FIRST, last: date = LAST,
) -> Published:  # fmt: skip
    return Published(name, cohort, first, last, rule, tuple(dimensions), statements)


def found_by_attack(*releases: Published, explain: int = 100) -> list[Finding]:
    """Everything that the search finds in some releases."""
    whole = system(releases)
    search = Search(whole.rows)
    narrowed = narrowed_sets(whole, search, explain=explain)
    findings = list(narrowed.findings)
    if narrowed.reach.possible:
        findings += proved_shares(whole, search, narrowed.reach, explain=explain)
        findings += too_few_categories(whole, narrowed.reach)
    return findings


def consistent(dimensions: Sequence[Dimension], statements: Sequence[Statement], *, persons: int) -> Iterator[World]:
    """Every world with so many persons that keeps all statements."""
    cells = list(product(*(range(len(d.values)) for d in dimensions)))
    for bars in combinations(range(persons + len(cells) - 1), len(cells) - 1):
        ends = [-1, *bars, persons + len(cells) - 1]
        world = World(tuple(dimensions), {c: ends[n + 1] - ends[n] - 1 for n, c in enumerate(cells)})
        if all(kept(s, world.number(s.members)) for s in statements):
            yield world


def kept(said: Statement, number: int) -> bool:
    return said.lower <= number and (said.upper is None or number <= said.upper)


def formed(dimensions: Sequence[Dimension], statements: Sequence[Statement]) -> list[frozenset[Cell]]:
    """Everything that unions, intersections and differences of the statements' sets can form."""
    cells = list(product(*(range(len(d.values)) for d in dimensions)))
    atoms: dict[tuple[bool, ...], set[Cell]] = {}
    for cell in cells:
        atoms.setdefault(tuple(inside(cell, s.members) for s in statements), set()).add(cell)
    parts = [frozenset(each) for each in atoms.values()]
    return [frozenset().union(*some) for n in range(1, len(parts) + 1) for some in combinations(parts, n)]


@st.composite
def worlds(draw: st.DrawFn, dimensions: Sequence[Dimension], *, most: int = 6) -> World:
    """A world with few persons."""
    cells = list(product(*(range(len(d.values)) for d in dimensions)))
    placed = draw(st.lists(st.sampled_from(cells), min_size=1, max_size=most))
    return World(tuple(dimensions), {cell: placed.count(cell) for cell in cells})


@st.composite
def told(draw: st.DrawFn, world: World, *, most: int = 6) -> list[Statement]:
    """True statements about a world: the total, and some exact, rough and withheld numbers of product sets."""
    everything = [d.everything for d in world.dimensions]
    statements = [_said(world, everything, draw(st.just("exact")))]
    for _ in range(draw(st.integers(0, most))):
        members = [
            draw(st.sampled_from([d.everything, *((n,) for n in d.everything), d.everything[:2]]))
            for d in world.dimensions
        ]
        how = draw(st.sampled_from(["exact", "exact", "rough", "withheld"]))
        if how != "withheld" or world.number(members) > 0:
            statements.append(_said(world, members, how))
    return statements


def _said(world: World, members: Sequence[Members], how: str) -> Statement:
    number = world.number(members)
    labels = tuple("|".join(d.values[n] for n in chosen) for d, chosen in zip(world.dimensions, members, strict=True))
    lower, upper = {"exact": (number, number), "rough": (max(0, number - 1), number + 1), "withheld": (1, None)}[how]
    return Statement(how, labels, tuple(members), lower, upper, withheld=how == "withheld")
