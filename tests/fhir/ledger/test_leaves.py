"""A leaf holds every column of its row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary

from fhir.audit import AUDIT
from fhir.ledger import leaves

texts = st.text(max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: st.integers(0, 2**63 - 1) if name in ("id", "recorded", "version", "data_key") else texts
    for name in leaves.COLUMNS
} | {"detail": st.binary(max_size=8)}
rows = st.tuples(*(st.none() | VALUES[name] if AUDIT.c[name].nullable else VALUES[name] for name in leaves.COLUMNS))

KNOWN = (7, 1_763_894_400_000_000, "north", "c-1", "read", "Patient", "p-1", 2,
         "client", "north", "system", "TREAT", "0", "r-1", 5, b"sealed")  # fmt: skip
# For ever: leaves that were signed years ago are made again by this.
WRITTEN = (
    b'["telemed.audit.1",7,1763894400000000,"north","c-1","read","Patient","p-1",2,"client","north","system","TREAT",'
    b'"0","r-1",5,"c9d0036bed6744bcdf692fc980d8717d7e5f5a4f4e8266b4a84982602fb1cd09"]'
)


def test_a_leaf_is_written_as_it_was_from_the_beginning() -> None:
    assert leaves.leaf(KNOWN) == WRITTEN


def test_a_leaf_has_every_column_of_the_log() -> None:
    assert tuple(AUDIT.c.keys()) == leaves.COLUMNS, "a new column needs a new format of leaves"
    assert [column.name for column in AUDIT.c if isinstance(column.type, LargeBinary)] == ["detail"]


@given(rows, rows)
def test_two_rows_have_the_same_leaf_only_if_they_are_the_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (leaves.leaf(one) == leaves.leaf(other)) == (one == other)


@pytest.mark.parametrize("at", range(len(leaves.COLUMNS)), ids=leaves.COLUMNS)
@given(data=st.data())
def test_a_change_of_any_column_changes_the_leaf(at: int, data: st.DataObject) -> None:
    row = data.draw(rows)
    other = data.draw(VALUES[leaves.COLUMNS[at]].filter(lambda value: value != row[at]))

    assert leaves.leaf((*row[:at], other, *row[at + 1 :])) != leaves.leaf(row)
