"""Atoms: the smallest sets that published sets can form, by exact refinement (no hashes, so no collisions)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anonymise.attack.published import Members

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension, its values put together where no published set tells them apart."""

    class_of: Ids
    classes: int

    def of(self, members: Members) -> Ids:
        """The classes that some base values make up."""
        return np.unique(self.class_of[list(members)])

    def values(self, classes: Ids) -> Members:
        """The base values of some classes."""
        return tuple(np.flatnonzero(np.isin(self.class_of, classes)).tolist())


@dataclass(frozen=True, slots=True)
class Atoms:
    """The atoms of some product sets over some dimensions, and for every set the atoms that make it up."""

    axes: tuple[Axis, ...]
    atom_of: Ids
    count: int
    made_of: dict[tuple[Members, ...], Ids]

    def box(self, atom: int) -> tuple[Members, ...]:
        """The smallest product of base values that holds an atom."""
        if not self.axes:
            return ()
        cells = np.unravel_index(np.flatnonzero(self.atom_of == atom), self._shape)
        return tuple(axis.values(np.unique(place)) for axis, place in zip(self.axes, cells, strict=True))

    def cells(self, members: Sequence[Members]) -> Ids:
        """The places of a product set on the grid of classes."""
        return _cells(self.axes, self._shape, members)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(axis.classes for axis in self.axes)


def atoms(sizes: Sequence[int], sets: Sequence[tuple[Members, ...]]) -> Atoms:
    """The atoms of product sets over dimensions with so many base values; without dimensions, one atom."""
    wanted = list(dict.fromkeys(sets))
    axes = tuple(_axis(size, [each[place] for each in wanted]) for place, size in enumerate(sizes))
    shape = tuple(axis.classes for axis in axes)
    ids = np.zeros(int(np.prod(shape, dtype=np.int64)), dtype=np.int64)
    places = {each: _cells(axes, shape, each) for each in wanted}
    made = 1
    for cells in places.values():
        if len(cells) < len(ids):
            made = _split(ids, cells, made)
    found, atom_of = np.unique(ids, return_inverse=True)
    made_of = {each: np.unique(atom_of[cells]) for each, cells in places.items()}
    return Atoms(axes, atom_of.ravel().astype(np.int64), len(found), made_of)


def _split(ids: Ids, cells: Ids, made: int) -> int:
    """Give the cells numbers of their own, apart where they were apart; returns the next free number."""
    found, inverse = np.unique(ids[cells], return_inverse=True)
    ids[cells] = made + inverse.ravel()
    return made + len(found)


def _axis(size: int, members: Sequence[Members]) -> Axis:
    ids = np.zeros(size, dtype=np.int64)
    made = 1
    for chosen in dict.fromkeys(members):
        made = _split(ids, np.asarray(chosen, dtype=np.int64), made)
    found, class_of = np.unique(ids, return_inverse=True)
    return Axis(class_of.ravel().astype(np.int64), len(found))


def _cells(axes: Sequence[Axis], shape: tuple[int, ...], members: Sequence[Members]) -> Ids:
    places = [axis.of(chosen) for axis, chosen in zip(axes, members, strict=True)]
    if not places:
        return np.zeros(1, dtype=np.int64)
    grid = np.ix_(*places)
    return np.ravel_multi_index(np.broadcast_arrays(*grid), shape).ravel().astype(np.int64)
