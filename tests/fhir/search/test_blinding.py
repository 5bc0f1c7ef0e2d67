"""What stands in the index for a token tells nothing, and what belongs together lies together."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.search.blinding import BESIDE, blinded
from fhir.search.parameters import CODE, OF, ON, TO, WITHIN, Token
from infra.vault import FileKeyProvider, Vault

PATIENT = "Patient/one"
DAY = "2026-11-30"
OF_ONE: list[Token] = [
    ("status", "Observation", OF, PATIENT, "final"),
    ("code", "Observation", OF, PATIENT, "http://loinc.org", "8867-4"),
    ("subject", "Observation", TO, PATIENT),
]
ON_A_DAY: list[Token] = [("code", "Observation", ON, DAY, "8867-4"), ("date", "Observation", WITHIN, DAY)]
ALONE: list[Token] = [
    ("date", "Observation", WITHIN, "2026-11"),
    ("identifier", "Observation", CODE, "x"),
    ("performer", "Observation", TO, PATIENT),
    ("birthdate", "Patient", WITHIN, DAY),
]


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    folder: Path = tmp_path_factory.mktemp("vault")
    return Vault(FileKeyProvider(folder / "keys.json"))


def beginnings(vault: Vault, tokens: list[Token]) -> set[bytes]:
    return {made[:BESIDE] for made in blinded(vault, tokens)}


@pytest.mark.parametrize("together", [OF_ONE, ON_A_DAY])
def test_what_is_written_together_lies_together(vault: Vault, together: list[Token]) -> None:
    assert len(beginnings(vault, together)) == 1


def test_another_patient_another_type_and_another_day_lie_elsewhere(vault: Vault) -> None:
    elsewhere: list[Token] = [
        OF_ONE[0],
        ("status", "Observation", OF, "Patient/two", "final"),
        ("status", "Encounter", OF, PATIENT, "final"),
        ON_A_DAY[0],
        ("code", "Observation", ON, "2026-12-01", "8867-4"),
    ]

    assert len(beginnings(vault, elsewhere)) == len(elsewhere)


def test_other_tokens_have_no_neighbours(vault: Vault) -> None:
    assert len(beginnings(vault, [*OF_ONE, *ON_A_DAY, *ALONE])) == 2 + len(ALONE)


SAID = st.sampled_from([OF, ON, TO, WITHIN, CODE])
WHAT = st.sampled_from([PATIENT, "Patient/two", DAY, "2026", ""])
TOKENS = st.tuples(st.sampled_from(["code", "status", "subject", "date"]), st.just("Observation"), SAID, WHAT, WHAT)


@given(st.sets(TOKENS))
def test_each_token_has_bytes_of_its_own_and_the_same_alone(vault: Vault, tokens: set[Token]) -> None:
    made = blinded(vault, tokens)

    assert len(made) == len(tokens)
    assert made == {one for token in tokens for one in blinded(vault, [token])}
