"""A log is the same however its rows came in: one by one or all at once."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fhir.ledger.growth import NOTHING, LogBroken, State, by_tenant, confirmed, frontier, grown
from fhir.ledger.keys import SigningKey
from fhir.ledger.leaves import COLUMNS

KEY = SigningKey("telemed.example", Ed25519PrivateKey.generate())


def rows(count: int, *, tenant: str = "north") -> list[tuple[Any, ...]]:
    return [(number, 0, tenant, *("x" for _ in COLUMNS[3:-1]), None) for number in range(count)]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_a_log_that_grew_in_parts_is_the_log_that_grew_at_once(parts: list[int]) -> None:
    all_rows, state = rows(sum(parts)), NOTHING
    made, nodes, done = list[dict[str, Any]](), list[dict[str, Any]](), 0
    for part in parts:
        growth = grown(all_rows[done : done + part], confirmed("north", state, [KEY]), KEY)
        made, nodes, state, done = [*made, *growth.leaves], [*nodes, *growth.nodes], growth.after, done + part

    at_once = grown(all_rows, NOTHING, KEY)

    assert (made, nodes, state) == (at_once.leaves, at_once.nodes, at_once.after)
    assert [leaf["place"] for leaf in made] == list(range(len(all_rows)))


@given(st.integers(1, 40), st.data())
def test_a_state_that_was_changed_is_not_grown_on(size: int, data: st.DataObject) -> None:
    state = grown(rows(size), NOTHING, KEY).after
    byte = data.draw(st.integers(0, len(state.peaks) - 1))
    wrong = state.peaks[:byte] + bytes([state.peaks[byte] ^ 1]) + state.peaks[byte + 1 :]

    for changed in (state._replace(peaks=wrong), state._replace(size=size + 1), State(size, "note", state.peaks)):
        with pytest.raises(LogBroken):
            confirmed("north", changed, [KEY])
    with pytest.raises(LogBroken):
        confirmed("south", state, [KEY])
    with pytest.raises(LogBroken):
        frontier(state._replace(peaks=state.peaks[1:]))


def test_rows_of_several_tenants_are_parted_and_keep_their_order() -> None:
    mixed = [row for pair in zip(rows(5), rows(5, tenant="south"), strict=True) for row in pair]

    assert list(by_tenant(mixed)) == [rows(5), rows(5, tenant="south")]
