"""Line and column of what is wrong, in the text as it was sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.codec import parse
from fhir.outcome import body
from fhir.rules import Invalid, places, validate
from fhir.rules.places import Places
from fhir.rules.table import type_of
from infra.problems import Issue, Place

PATIENT = b"""
{ "resourceType": "Patient",
  "gender": "perhaps",
  "name": [ { "family": "" },
            { "given": ["A", 7] } ],
  "birthDate": "2023-02-30"
}"""


def refusal(sent: bytes) -> Invalid:
    with pytest.raises(Invalid) as refused:
        validate(parse(sent, type=None))
    return refused.value


def issues(sent: bytes) -> tuple[Issue, ...]:
    return refusal(sent).issues


def test_each_fault_has_its_line_and_column() -> None:
    found = {issue.expression[0]: issue.place for issue in issues(PATIENT)}

    assert found == {
        "Patient.gender": Place(3, 13),
        "Patient.name[0].family": Place(4, 25),
        "Patient.name[1].given[1]": Place(5, 30),
        "Patient.birthDate": Place(6, 16),
    }


def test_what_is_missing_is_placed_where_it_belongs() -> None:
    assert issues(b'{"resourceType":"Observation",\n"code":{"text":"x"}}')[0].place == Place(1, 1)


def test_a_fault_of_the_library_has_a_place_too() -> None:
    found = issues(b'{"resourceType":"Patient","photo":[{"url":\n"a b"}]}')

    assert found[0].place == Place(2, 1)


def test_the_outcome_says_line_and_column_and_is_itself_valid() -> None:
    outcome = body(refusal(PATIENT))

    validate(parse(outcome, type="OperationOutcome"))
    extensions = json.loads(outcome)["issue"][0]["extension"]
    assert [(each["url"].rpartition("-")[2], each["valueInteger"]) for each in extensions] == [("line", 3), ("col", 13)]


def test_a_choice_is_named_as_fhirpath_names_it() -> None:
    found = issues(b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":"1"}}')

    assert [issue.expression for issue in found] == [("Observation.value.value",)]


def test_a_long_text_is_not_searched_for_places() -> None:
    sent = b'{"resourceType":"Bundle","type":"perhaps"' + b" " * places.MOST_BYTES + b"}"

    assert issues(sent)[0].place is None


def test_a_deep_text_is_scanned_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_SCANNED", 30)
    sent = b'{"a":{"b":{"c":{"d":1}}}}'

    assert Places(sent).of(("a", "b", "c", "d")) == Place(1, sent.index(b'{"c"') + 1)


def test_an_array_is_searched_only_so_far() -> None:
    sent = b"[" + b"1," * places.MOST_ITEMS + b"2]"

    assert Places(sent).of((places.MOST_ITEMS - 1,)) == Place(1, 2 * places.MOST_ITEMS)
    assert Places(sent).of((places.MOST_ITEMS,)) == Place(1, 1)


@given(st.integers(0, 3), st.sampled_from([None, 0, 3]), st.sampled_from(sorted(type_of("Patient").elements)))
def test_a_place_is_where_the_value_begins(before: int, indent: int | None, name: str) -> None:
    value = {"one": [1, {"two": "x"}]}
    text = "\n" * before + json.dumps({"resourceType": "Patient", name: value}, indent=indent)

    place = Places(text.encode()).of((name, "one", 1, "two"))

    assert place is not None
    assert text.splitlines()[place.line - 1][place.column - 1 :].startswith('"x"')
