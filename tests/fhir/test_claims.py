"""Which criteria exclude each other while they create."""

from pathlib import Path

import pytest

from fhir.conditional import criteria_token
from fhir.search.parsing import pairs_of, parse
from tests.fhir.record import caller, vault

SAME = ("identifier=1", "identifier=urn:s|1", "identifier=|1", "identifier=1,urn:t|1", "active=true&identifier=1")
OTHER = (
    "identifier=2",
    "identifier=1,2",
    "identifier=urn:s|",
    "identifier:not=1",
    "identifier:missing=false",
    "name=1",
)


@pytest.mark.parametrize("text", [*SAME, *OTHER])
def test_criteria_meet_if_they_name_one_identifier_and_only_then(tmp_path: Path, text: str) -> None:
    keys = vault(tmp_path)
    first, second = (criteria_token(keys, caller(), parse("Patient", pairs_of(one))) for one in (SAME[0], text))

    assert (first == second) is (text in SAME)
    assert first != criteria_token(keys, caller("south"), parse("Patient", pairs_of(text)))
    assert first != criteria_token(keys, caller(), parse("Practitioner", pairs_of("identifier=1")))
