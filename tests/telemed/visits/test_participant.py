"""Whom an Appointment names: ours by id or by our own address, nobody of another server."""

from collections.abc import Iterator

import pytest

from fhir.here import stand_at
from telemed.visits.resource import participant

BASE = "https://telemed.example/fhir"


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    stand_at(BASE)
    yield
    stand_at("")


@pytest.mark.parametrize(
    ("reference", "id"),
    [
        ("Patient/1", "1"),
        ("Patient/1/_history/2", "1"),
        (f"{BASE}/Patient/1", "1"),
        ("https://elsewhere.example/fhir/Patient/1", None),
        ("Practitioner/1", None),
        ("Patient", None),
    ],
)
def test_only_our_own_resource_is_the_participant(reference: str, id: str | None) -> None:
    assert participant({"participant": [{"actor": {"reference": reference}}]}, "Patient") == id
