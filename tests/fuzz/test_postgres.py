"""A share of what nobody should send, on PostgreSQL: what overflows a column there is a text like any other on SQLite."""

from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.effort import examples
from tests.fhir.record import observation, patient
from tests.fuzz import test_addresses, test_bodies, test_openapi
from tests.fuzz.asking import Asker, asking

TESTS: tuple[Any, ...] = (
    test_addresses.test_searches,
    test_addresses.test_addresses,
    test_addresses.test_headers,
    test_bodies.test_spoiled_resources,
    test_bodies.test_spoiled_updates_and_what_follows,
    test_bodies.test_patches,
    test_bodies.test_bundles,
)


@pytest.fixture
def database_kind() -> str:
    """The one on which the other files ask nothing."""
    return "postgresql"


@pytest.fixture
def asker(tmp_path: Path, database_url: str) -> Iterator[Asker]:
    with asking(tmp_path, database_url) as made:
        made.create(observation(made.create(patient())))
        yield made


@given(data=st.data())
@examples(90)
def test_what_nobody_should_send(asker: Asker, shared: Path, data: st.DataObject) -> None:
    asked = data.draw(st.sampled_from(TESTS)).hypothesis.inner_test
    known = {"asker": asker, "resources": test_bodies.small(shared), "data": data}

    asked(**{name: known[name] for name in signature(asked).parameters})


@given(case=test_openapi.CASES)
@examples(40)
def test_requests_of_every_operation(asker: Asker, case: Any) -> None:
    test_openapi.sent(asker, case)
