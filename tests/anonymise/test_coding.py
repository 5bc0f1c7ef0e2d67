"""Rows as numbers and back, and keys of cells from two halves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonymise.coding import distinct, first_places, packed, present, tallied, unpacked
from anonymise.hierarchy import Codes, Hierarchy, build
from anonymise.keys import halves

SIZES = (3, 4, 2)
TREES = tuple(
    build(f"d{number}", {"value": [f"{v}" for v in range(size)], "pair": [f"p{v // 2}" for v in range(size)]})
    for number, size in enumerate(SIZES)
)


@st.composite
def tables(draw: st.DrawFn) -> Codes:
    row = st.tuples(*(st.integers(0, size - 1) for size in SIZES))
    return np.array(draw(st.lists(row, min_size=1, max_size=40)), dtype=np.int64)


@given(tables())
def test_rows_come_back_from_their_keys(rows: Codes) -> None:
    keys = packed(list(rows.T), SIZES)

    assert np.array_equal(unpacked(keys, SIZES), rows)


@given(tables())
def test_distinct_rows_rise_and_every_row_finds_its_place(rows: Codes) -> None:
    found, place = distinct(rows, SIZES)

    assert [tuple(row) for row in found.tolist()] == sorted({tuple(row) for row in rows.tolist()})
    assert np.array_equal(found[place], rows)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60))
def test_numbers_are_counted_found_and_placed(numbers: list[int]) -> None:
    held = np.array(numbers, dtype=np.int64)
    keys, often = tallied(held)
    place = np.searchsorted(keys, held)

    assert present(held).tolist() == keys.tolist() == sorted(set(numbers))
    assert often.tolist() == [numbers.count(key) for key in sorted(set(numbers))]
    assert first_places(place, len(keys)).tolist() == [numbers.index(key) for key in sorted(set(numbers))]


@given(tables(), st.tuples(*(st.integers(0, 2) for _ in SIZES)), st.data())
def test_keys_are_equal_where_stratum_and_nodes_are_and_only_there(
    rows: Codes, vector: tuple[int, ...], data: st.DataObject
) -> None:
    within = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))), dtype=np.int64)
    parts = halves(rows, within, hierarchies=TREES)

    keys = parts[0].keys(vector)[parts[0].code] + parts[1].keys(vector)[parts[1].code]

    named = nodes(rows, within, vector, TREES)
    assert len(set(keys.tolist())) == len(set(named))
    assert len(set(zip(keys.tolist(), named, strict=True))) == len(set(named))


def nodes(rows: Codes, within: Codes, vector: tuple[int, ...], trees: tuple[Hierarchy, ...]) -> list[tuple[int, ...]]:
    """What a key stands for: the stratum and the node of every dimension."""
    return [
        (int(stratum), *(int(tree.levels[level, value]) for tree, level, value in zip(trees, vector, row, strict=True)))
        for stratum, row in zip(within, rows.tolist(), strict=True)
    ]
