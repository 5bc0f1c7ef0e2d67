"""Entries that can't be carried out: the answer names the entry and says what is wrong with it."""

from typing import Any

import httpx
import pytest

from tests.fhir.record import patient
from tests.fhir.test_bundles import PATIENT, bundle, entry

GOOD = entry("POST", "Patient", resource=patient(), fullUrl=PATIENT)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (entry("GET", "/Patient/1"), "begin with a slash"),
        (entry("GET", "https://elsewhere.example/fhir/Patient/1"), "another server"),
        (entry("POST", "Patient/$validate", resource=patient()), "Operations"),
        (entry("GET", "Patient/1/_history"), "Histories"),
        (entry("GET", "_history?_count=1"), "Histories"),
        (entry("GET", "metadata"), "/fhir/metadata"),
        (entry("POST", "Patient/_search", resource=patient()), "is a GET"),
        (entry("get", "Patient/1"), "in capitals"),
        (entry("POST", "Patient"), "needs a resource"),
        (entry("GET", "Patient/1", resource=patient()), "takes no resource"),
        ({"request": {"method": "GET"}}, "request.url"),
        ({"resource": patient()}, "needs request"),
        (GOOD, "same fullUrl"),
    ],
    ids=range(13),
)
async def test_an_entry_that_can_not_be_carried_out_is_named_and_its_fault_told(
    north: httpx.AsyncClient, wrong: dict[str, Any], says: str
) -> None:
    refused = await north.post("", content=bundle(GOOD, wrong))

    issue = refused.json()["issue"][0]
    assert refused.status_code == 400
    assert issue["expression"] == ["Bundle.entry[1]"]
    assert says in issue["diagnostics"]
