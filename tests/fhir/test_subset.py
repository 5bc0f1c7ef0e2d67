"""What `_summary` and `_elements` leave of a resource."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.models import SERVED, model
from fhir.search.query import Summary
from fhir.subset import subset
from tests.fhir.record import observation, patient


def cut(resource: dict[str, Any], **asked: Any) -> dict[str, Any]:
    left: dict[str, Any] = json.loads(subset(json.dumps(resource).encode(), **asked))
    return left


def test_what_is_mandatory_or_changes_the_meaning_stays_with_the_elements_asked_for() -> None:
    sent = observation("1", id="a", meta={"versionId": "1"}, note=[{"text": "x"}], modifierExtension=[{"url": "urn:x"}])

    left = cut(sent, elements=["note", "unheard-of"])

    assert list(left) == ["resourceType", "status", "code", "id", "meta", "note", "modifierExtension"]


def test_a_summary_keeps_what_the_definition_marks_also_inside_an_element() -> None:
    component = {"code": {"text": "c"}, "valueInteger": 1, "referenceRange": [{"text": "r"}]}
    sent = observation("1", component=[component, component], note=[{"text": "x"}], text={"status": "empty", "div": ""})

    left = cut(sent, summary=Summary.TRUE)

    assert left["component"] == [{"code": {"text": "c"}, "valueInteger": 1}] * 2
    assert "note" not in left
    assert "text" not in left


def test_summaries_of_text_and_of_data_are_opposites() -> None:
    sent = patient(text={"status": "generated", "div": "<div/>"}, link=[{"other": {"reference": "Patient/2"}}])

    assert set(cut(sent, summary=Summary.TEXT)) == {"resourceType", "meta", "text", "link"}
    assert set(cut(sent, summary=Summary.DATA)) == {*sent, "meta"} - {"text"}


def test_no_digit_and_no_character_of_what_stays_is_changed() -> None:
    sent = b'{"resourceType":"Observation" , "status":"final","code":{"text":"\\u00e4 \xc3\xa4"},\n"id":"a",'
    sent += b'"valueQuantity": {"value": 0.40,  "unit":"\xe2\x82\xac"}, "_status":{"id":"1.0e2"},"note":[{"text":"n"}]}'

    left = subset(sent, summary=Summary.TRUE)

    assert b'"valueQuantity":{"value": 0.40,  "unit":"\xe2\x82\xac"}' in left
    assert b'"code":{"text":"\\u00e4 \xc3\xa4"}' in left
    assert b'"_status":{"id":"1.0e2"}' in left
    assert b"note" not in left


def test_the_tag_stands_beside_the_others_and_only_once() -> None:
    once = subset(json.dumps(patient(meta={"tag": [{"code": "own"}], "versionId": "1"})).encode(), elements=["name"])
    twice = subset(once, elements=["name"])

    assert [tag["code"] for tag in json.loads(once)["meta"]["tag"]] == ["own", "SUBSETTED"]
    assert twice == once


def test_a_contained_resource_stays_while_something_refers_to_it() -> None:
    contained = [{"resourceType": "Practitioner", "id": "p"}]
    sent = observation("1", contained=contained, performer=[{"reference": "#p"}])

    assert cut(sent, summary=Summary.TRUE)["contained"] == contained
    assert "contained" not in cut(sent, elements=["subject"])


@pytest.mark.parametrize("summary", [Summary.RESOURCES, Summary.COUNT])
def test_nothing_asked_leaves_every_byte(summary: Summary) -> None:
    assert subset(b'{ "resourceType":"Patient"}', summary=summary) == b'{ "resourceType":"Patient"}'


@given(st.sets(st.sampled_from(["name", "identifier", "gender", "birthDate", "active"])))
def test_elements_are_kept_or_left_out_and_nothing_else_happens(names: set[str]) -> None:
    sent = patient(id="a", active=True)

    left = cut(sent, elements=names) if names else sent

    assert {key: value for key, value in left.items() if key != "meta"} == {
        key: value for key, value in sent.items() if key in names | {"resourceType", "id", "active"} or not names
    }


def test_what_is_left_of_the_official_examples_has_all_that_is_mandatory(shared: Path) -> None:
    files = sorted((shared / "data/fhir-r4/examples").glob("*.json"))
    bodies = [(file.name.partition("-")[0], file.read_bytes()) for file in files]
    served = [(type, body) for type, body in bodies if type in SERVED]

    for type, body in served:
        for left in (subset(body, summary=Summary.TRUE), subset(body, elements=["text"])):
            model(type).model_validate_json(left)

    assert served
