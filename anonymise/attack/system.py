"""All that is published about overlapping cohorts as one system of rows over atoms.

Columns: per cohort the persons of each identifying atom; per release with telling dimensions the persons of each of its
identifying atoms by category; and, where the period of one cohort lies inside another's or one is supposed to be part of
the other, the persons that the other has more. All are whole and not negative. Every statement is a row; the others say that categories add up to persons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import permutations
from typing import Literal

import numpy as np

from anonymise.attack.atoms import Atoms, Ids, atoms
from anonymise.attack.matrix import OPEN, Matrix, matrix
from anonymise.attack.published import Dimension, Members, Published, Statement, in_words
from anonymise.rule import Rule, strictest

Kind = Literal["persons", "category", "left"]
Part = tuple[str, str]
"""A cohort, and another that it is supposed to be part of."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of columns about one cohort or release: `places` identifying atoms times `categories`."""

    kind: Kind
    name: str
    start: int
    places: int
    categories: int = 1

    @property
    def columns(self) -> Ids:
        """The columns, one row per place, one column per category."""
        return np.arange(self.start, self.start + self.places * self.categories).reshape(self.places, self.categories)


@dataclass(frozen=True, slots=True)
class Told:
    """What the releases about one cohort tell by the same telling dimensions: columns, their own identifying atoms,
    categories as atoms, and for every atom of all releases the own one that it lies in."""

    releases: tuple[Published, ...]
    block: Block
    places: Atoms
    categories: Atoms
    inside: Ids

    @property
    def singling(self) -> tuple[Dimension, ...]:
        """The dimensions by which an attacker recognises a person."""
        return tuple(self.releases[0].dimensions[n] for n in self.releases[0].singling)

    @property
    def telling(self) -> tuple[Dimension, ...]:
        """The dimensions that nobody may learn."""
        return tuple(self.releases[0].dimensions[n] for n in self.releases[0].telling)

    @property
    def rule(self) -> Rule:
        """The strictest of the releases' limits."""
        return strictest([release.rule for release in self.releases])


@dataclass(frozen=True, slots=True)
class System:
    """Columns, rows, and for every row the statement it comes from (None: it only adds up)."""

    releases: tuple[Published, ...]
    dimensions: tuple[Dimension, ...]
    places: Atoms
    persons: tuple[Block, ...]
    told: tuple[Told, ...]
    left: tuple[Block, ...]
    rows: Matrix
    source: tuple[Statement | None, ...]

    def about(self, column: int) -> str:
        """The set that a column counts, in words."""
        for block in (*self.persons, *self.left):
            if block.start <= column < block.start + block.places:
                return f"{in_words(self.dimensions, self.places.box(column - block.start))} ({block.name})"
        told = next(t for t in self.told if t.block.start <= column < t.block.start + t.block.columns.size)
        place, category = divmod(column - told.block.start, told.block.categories)
        what = in_words(told.telling, told.categories.box(category))
        return f"{in_words(told.singling, told.places.box(place))}; {what} ({told.block.name})"


def system(releases: Sequence[Published], *, part: Part | None = None) -> System:
    """The system of some releases whose cohorts overlap. `part` supposes that everybody of one cohort is in another."""
    return _Builder(tuple(releases), part).system()


class _Builder:
    def __init__(self, releases: tuple[Published, ...], part: Part | None) -> None:
        self._part = part
        self._dimensions = _joined(releases)
        self._releases = tuple(_aligned(release, self._dimensions) for release in releases)
        self._rows: list[tuple[Ids, Ids, int, int]] = []
        self._source: list[Statement | None] = []
        self._used = 0

    def system(self) -> System:
        sets = [self._wide(r, s.members) for r in self._releases for s in r.statements]
        places = atoms([len(d.values) for d in self._dimensions], sets)
        cohorts = {r.cohort: (r.first, r.last) for r in self._releases}
        persons = {name: self._take("persons", name, places.count) for name in cohorts}
        told = []
        for telling, alike in _alike(self._releases).items():
            if telling:
                told += self._by_category(alike, persons[alike[0].cohort], places)
            for release in () if telling else alike:
                for statement in release.statements:
                    self._put(self._at(places, release, statement, persons[release.cohort]), statement)
        left = [
            self._left(a, b, persons, places.count)
            for a, b in permutations(cohorts, 2)
            if (a, b) == self._part or _inside(cohorts, a, b)
        ]
        rows = matrix(self._rows, self._used)
        return System(
            self._releases, self._dimensions, places, tuple(persons.values()), tuple(told), tuple(left), rows,
            tuple(self._source),
        )  # fmt: skip

    def _take(self, kind: Kind, name: str, places: int, categories: int = 1) -> Block:
        block = Block(kind, name, self._used, places, categories)
        self._used += places * categories
        return block

    def _wide(self, release: Published, members: Sequence[Members]) -> tuple[Members, ...]:
        """A set of a release by the identifying dimensions of all; a dimension that it does not have is left open."""
        own = {release.dimensions[n].name: members[n] for n in release.singling}
        return tuple(own.get(d.name, d.everything) for d in self._dimensions)

    def _at(self, places: Atoms, release: Published, statement: Statement, persons: Block) -> Ids:
        return persons.start + places.made_of[self._wide(release, statement.members)]

    def _put(self, index: Ids, statement: Statement) -> None:
        self._row(index, np.ones(len(index), dtype=np.int64), statement.lower, statement.upper)
        self._source[-1] = statement

    def _row(self, index: Ids, value: Ids, lower: int, upper: int | None) -> None:
        self._rows.append((index, value, lower, OPEN if upper is None else upper))
        self._source.append(None)

    def _by_category(self, releases: tuple[Published, ...], persons: Block, places: Atoms) -> list[Told]:
        """Columns and rows for releases about one cohort that tell the same dimensions; none if they only count."""
        one = releases[0]
        statements = [statement for release in releases for statement in release.statements]
        chosen = [tuple(s.members[n] for n in one.singling) for s in statements]
        what = [tuple(s.members[n] for n in one.telling) for s in statements]
        own = atoms([len(one.dimensions[n].values) for n in one.singling], chosen)
        categories = atoms([len(one.dimensions[n].values) for n in one.telling], what)
        name = ", ".join(release.name for release in releases)
        # Without any category there is nothing to add up, and no columns are needed.
        block = self._take("category", name, own.count, categories.count if categories.count > 1 else 0)
        for statement, place, category in zip(statements, chosen, what, strict=True):
            if len(categories.made_of[category]) == categories.count:
                self._put(self._at(places, one, statement, persons), statement)
            else:
                index = block.columns[np.ix_(own.made_of[place], categories.made_of[category])].ravel()
                self._put(index, statement)
        if not block.columns.size:
            return []
        inside = _coarser(own, places, [d.name for d in self._dimensions], one)
        self._add_up(block, persons, inside)
        return [Told(releases, block, own, categories, inside)]

    def _add_up(self, block: Block, persons: Block, inside: Ids) -> None:
        """The categories of each of a release's identifying atoms are together its persons."""
        for place in range(block.places):
            index = np.concatenate([block.columns[place], persons.start + np.flatnonzero(inside == place)])
            value = np.ones(len(index), dtype=np.int64)
            value[block.categories :] = -1
            self._row(index, value, 0, 0)

    def _left(self, inner: str, outer: str, persons: dict[str, Block], count: int) -> Block:
        supposed = f", if {inner} is part of it" if (inner, outer) == self._part else ""
        block = self._take("left", f"in {outer} but not in {inner}{supposed}", count)
        for place in range(count):
            index = np.array([persons[outer].start + place, persons[inner].start + place, block.start + place])
            self._row(index, np.array([1, -1, -1]), 0, 0)
        return block


def _alike(releases: Sequence[Published]) -> dict[tuple[str, ...], tuple[Published, ...]]:
    """Releases about one cohort with the same dimensions, by cohort and telling dimensions (none: an empty key)."""
    found: dict[tuple[str, ...], list[Published]] = {}
    for release in releases:
        names = tuple(d.name for d in release.dimensions)
        telling = tuple(release.dimensions[n].name for n in release.telling)
        found.setdefault((release.cohort, *names) if telling else (), []).append(release)
    return {key: tuple(each) for key, each in found.items()}


def _joined(releases: Sequence[Published]) -> tuple[Dimension, ...]:
    """The identifying dimensions of all releases by name, with the values of all."""
    joined: dict[str, Dimension] = {}
    for release in releases:
        for place in release.singling:
            own = release.dimensions[place]
            known = joined.get(own.name, own)
            values = tuple(dict.fromkeys([*known.values, *own.values]))
            joined[own.name] = Dimension(own.name, "identifying", values)
    return tuple(joined.values())


def _aligned(release: Published, joined: Sequence[Dimension]) -> Published:
    """A release whose identifying dimensions list the base values of all; a set of all its own values stays all."""
    wide = {dimension.name: dimension for dimension in joined}
    places = {n: {v: p for p, v in enumerate(wide[release.dimensions[n].name].values)} for n in release.singling}

    def moved(members: tuple[Members, ...]) -> tuple[Members, ...]:
        changed = list(members)
        for n, place in places.items():
            own = release.dimensions[n]
            full = len(members[n]) == len(own.values)
            named = tuple(sorted(place[own.values[value]] for value in members[n]))
            changed[n] = wide[own.name].everything if full else named
        return tuple(changed)

    dimensions = tuple(wide[d.name] if n in places else d for n, d in enumerate(release.dimensions))
    statements = tuple(replace(s, members=moved(s.members)) for s in release.statements)
    return replace(release, dimensions=dimensions, statements=statements)


def _inside(cohorts: dict[str, tuple[date, date]], inner: str, outer: str) -> bool:
    """Whether whoever is in the inner cohort is in the outer one too: its days all belong to the other's."""
    (first, last), (begins, ends) = cohorts[inner], cohorts[outer]
    return begins <= first and last <= ends and (first, last) != (begins, ends)


def _coarser(own: Atoms, places: Atoms, names: Sequence[str], release: Published) -> Ids:
    """For each atom of all releases the atom of one release that holds it."""
    if not own.axes:
        return np.zeros(places.count, dtype=np.int64)
    first = np.unique(places.atom_of, return_index=True)[1]
    grid = np.unravel_index(first, tuple(axis.classes for axis in places.axes))
    located = []
    for axis, n in zip(own.axes, release.singling, strict=True):
        place = names.index(release.dimensions[n].name)
        # One base value of each class of all releases says which class of this release it belongs to.
        one = np.unique(places.axes[place].class_of, return_index=True)[1]
        located.append(axis.class_of[one][grid[place]])
    return own.atom_of[np.ravel_multi_index(located, tuple(axis.classes for axis in own.axes))]
