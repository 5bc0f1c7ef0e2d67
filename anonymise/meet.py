"""The meet: into which sets the blocks of all releases about overlapping cohorts cut the persons.

An atom is a set of persons who stand in the same block of every release, "not in it" included. Every set that unions,
intersections and differences of blocks can form is a union of atoms, so if every atom holds at least k persons, all of
them do: that clears by proof. A meet over many periods holds almost only small atoms; it clears nothing then, which is
no verdict yet. Block numbers are paired and numbered anew, never hashed, so two atoms are never taken for one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ids = NDArray[np.int64]

ABSENT: Final = 0
"""The block of persons who are not in a release."""

TABLE: Final = 50_000_000
"""Pairs up to this many are numbered by a table of all of them; more are sorted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who stood in which block of one release: for the person with each number the block, from 1; 0 where absent."""

    name: str
    blocks: Ids


@dataclass(frozen=True, slots=True)
class Met:
    """What the meet of some releases holds: the atom of every person, -1 for who is in none, and the sizes."""

    atoms: Ids
    sizes: Ids

    def small(self, k: int) -> int:
        """How many atoms hold fewer than k persons: 0 clears."""
        return int((self.sizes < k).sum())

    @property
    def smallest(self) -> int:
        """The persons of the smallest atom."""
        return int(self.sizes.min(initial=0))


def standings(releases: Mapping[str, pl.DataFrame]) -> list[Standing]:
    """Who stood in which block of some releases, each given as `person` and `block`; persons get numbers for all of them."""
    everybody = pl.concat([members.select("person") for members in releases.values()]).unique(maintain_order=True)
    numbers = everybody.with_row_index("number")
    found = []
    for name, members in releases.items():
        placed = members.select("person", pl.col("block").rank("dense").cast(pl.Int64)).join(numbers, on="person")
        blocks = np.full(everybody.height, ABSENT, dtype=np.int64)
        blocks[placed["number"].to_numpy()] = placed["block"].to_numpy()
        found.append(Standing(name, blocks))
    return found


def meet(standings: Sequence[Standing]) -> Met:
    """The atoms of some releases. Persons that a shorter list does not reach are absent from its release."""
    persons = max((len(s.blocks) for s in standings), default=0)
    atoms, count = np.zeros(persons, dtype=np.int64), 1
    nowhere, before = np.ones(persons, dtype=bool), np.zeros(0, dtype=np.int64)
    for standing in standings:
        blocks = np.full(persons, ABSENT, dtype=np.int64)
        blocks[: len(standing.blocks)] = standing.blocks
        if not np.array_equal(blocks, before):  # data sets about one cohort share its blocks
            atoms, count = _numbered(atoms, blocks, count)
            nowhere &= blocks == ABSENT
        before = blocks
    sizes = np.bincount(atoms[~nowhere], minlength=count)
    atoms[nowhere] = -1
    return Met(atoms, sizes[sizes > 0])


def _numbered(atoms: Ids, blocks: Ids, count: int) -> tuple[Ids, int]:
    """Each pair of an atom and a block under a number of its own, from 0, and how many there are."""
    width = int(blocks.max(initial=0)) + 1
    pairs = atoms * width + blocks
    if count * width <= TABLE:
        seen = np.zeros(count * width, dtype=bool)
        seen[pairs] = True
        number = np.cumsum(seen) - 1
        return number[pairs], int(number[-1]) + 1
    order = np.argsort(pairs, kind="stable")
    sorted_pairs = pairs[order]
    new = np.empty(len(pairs), dtype=np.int64)
    new[order] = np.concatenate([[0], np.cumsum(sorted_pairs[1:] != sorted_pairs[:-1])])
    return new, int(new.max()) + 1
