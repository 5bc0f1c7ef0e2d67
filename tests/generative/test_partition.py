"""The partition on random hierarchies and cells: what must hold whatever they look like."""

from random import Random

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from anonymise.blocks import plain_blocks
from anonymise.cells import spread
from anonymise.hierarchy import Codes, Hierarchy, build
from anonymise.losses import Declared, Generic, Loss, Table
from anonymise.partition import Partition, partition
from anonymise.profiles import Profile
from tests.effort import examples

World = tuple[tuple[Hierarchy, ...], Codes, Codes]


@st.composite
def trees(draw: st.DrawFn, name: str) -> Hierarchy:
    """A hierarchy of 1 to 9 values and up to two levels between them and the top."""
    values = draw(st.integers(1, 9))
    columns = {"0": [f"v{n}" for n in range(values)]}
    nodes = list(range(values))
    for level in range(draw(st.integers(0, 2))):
        parent = {node: draw(st.integers(0, max(nodes))) for node in sorted(set(nodes))}
        nodes = [parent[node] for node in nodes]
        columns[str(level + 1)] = [f"l{level}n{node}" for node in nodes]
    return build(name, columns)


@st.composite
def worlds(draw: st.DrawFn, least: int = 10) -> World:
    """Hierarchies, distinct cells and at least so many persons."""
    hierarchies = tuple(draw(trees(f"d{n}")) for n in range(draw(st.integers(1, 4))))
    sizes = [len(h.values) for h in hierarchies]
    keys = draw(st.lists(st.integers(0, int(np.prod(sizes)) - 1), min_size=1, max_size=30, unique=True))
    cells = np.stack(np.unravel_index(np.array(keys), tuple(sizes)), axis=1).astype(np.int64)
    persons = np.array(draw(st.lists(st.integers(1, 14), min_size=len(keys), max_size=len(keys))), dtype=np.int64)
    persons[0] += max(0, least - int(persons.sum()))
    return hierarchies, cells, persons


def loss_for(hierarchies: tuple[Hierarchy, ...], declared: int) -> Loss:
    if not declared:
        return Generic(hierarchies)
    tables = tuple(Table({d: min(1, len(h.levels) - 1)}, float(d + 1)) for d, h in enumerate(hierarchies))
    return Declared(hierarchies, tables)


def made(world: World, *, k: int = 10, declared: int = 0, profile: Profile | None = None, hard: int = 0) -> Partition:
    hierarchies, cells, persons = world
    levels = {0: 0} if hard else {}
    loss = loss_for(hierarchies, declared)
    return partition(cells, persons, hierarchies=hierarchies, loss=loss, k=k, hard=levels, profile=profile)


CHOICES = (worlds(), st.integers(0, 1), st.sampled_from([None, *Profile]), st.integers(0, 1))


@examples(60)
@given(*CHOICES)
def test_every_block_holds_k_and_every_cell_lies_inside_its_nodes(
    world: World, declared: int, profile: Profile | None, hard: int
) -> None:
    found = made(world, declared=declared, profile=profile, hard=hard)

    assert found.sizes.min() >= 10
    assert found.sizes.sum() == world[2].sum()
    for d, hierarchy in enumerate(world[0]):
        own = found.levels[found.block, d]
        assert (hierarchy.levels[own, found.cells[:, d]] == found.nodes[found.block, d]).all()


@examples(40)
@given(*CHOICES, st.randoms(use_true_random=False))
def test_the_order_of_the_cells_changes_nothing(
    world: World, declared: int, profile: Profile | None, hard: int, random: Random
) -> None:
    hierarchies, cells, persons = world
    order = list(range(len(cells)))
    random.shuffle(order)

    one = made(world, declared=declared, profile=profile, hard=hard)
    other = made((hierarchies, cells[order], persons[order]), declared=declared, profile=profile, hard=hard)

    assert np.array_equal(one.cells, other.cells)
    assert np.array_equal(one.block, other.block)


@examples(40)
@given(worlds(), st.integers(0, 1))
def test_a_hard_level_is_exact_wherever_it_holds_k_but_for_the_one_that_takes_in_few(
    world: World, declared: int
) -> None:
    hierarchies, cells, persons = world
    found = plain_blocks(made(world, declared=declared, hard=1))

    for level in range(len(hierarchies[0].levels)):
        _, lower, upper = spread(found, {0: level}).sums(found.persons)
        true = np.bincount(hierarchies[0].levels[level][cells[:, 0]], weights=persons, minlength=len(lower))
        assert (lower <= true).all() and (true <= upper).all()
        if level + 1 < len(hierarchies[0].levels):
            parent = dict(zip(hierarchies[0].levels[level], hierarchies[0].levels[level + 1], strict=True))
            inexact = [parent[node] for node in np.flatnonzero((true >= 10) & (lower < upper))]
            assert len(inexact) == len(set(inexact))


@examples(40)
@given(*CHOICES)
def test_bounds_of_every_cell_hold_the_truth_and_estimates_add_up(
    world: World, declared: int, profile: Profile | None, hard: int
) -> None:
    hierarchies, cells, persons = world
    found = plain_blocks(made(world, declared=declared, profile=profile, hard=hard))
    levels = dict.fromkeys(range(len(hierarchies)), 0)

    expected, lower, upper = spread(found, levels).sums(found.persons)

    place = np.ravel_multi_index(tuple(cells.T), [len(h.nodes[0]) for h in hierarchies])
    true = np.bincount(place, weights=persons, minlength=len(lower))
    assert (lower <= true).all() and (true <= upper).all()
    assert expected.sum() == pytest.approx(persons.sum())
    assert ((lower <= expected + 1e-6) & (expected <= upper + 1e-6)).all()


def test_twin_with_k_off_by_one_leaves_a_block_too_small() -> None:
    def small(world: World) -> bool:
        return bool(made(world, k=9).sizes.min() < 10)

    assert find(worlds(), small, settings=settings(phases=[Phase.generate], max_examples=200, database=None))


def test_cells_that_hold_k_only_together_are_one_block() -> None:
    tree = build("d", {"0": ["a", "b"]})

    found = partition(
        np.array([[0], [1]]), np.array([9, 1]), hierarchies=(tree,), loss=Generic((tree,)), k=10
    )  # fmt: skip

    assert found.sizes.tolist() == [10]
