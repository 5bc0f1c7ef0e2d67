"""What is accepted as a valid R4 resource, and what is told about the rest."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.codec import Parsed, parse
from fhir.models import SERVED
from fhir.rules import Invalid, validate
from fhir.rules.table import type_of
from fhir.search.parameters import tokens
from infra.problems import Issue
from tests.effort import repetitions
from tests.fhir.mutants import mutants

APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2026-11-23T10:00:00+01:00",
    "end": "2026-11-23T10:15:00+01:00",
    "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "Gewicht"},
    "subject": {"reference": "Patient/p"},
}
CONDITION: dict[str, Any] = {"resourceType": "Condition", "subject": {"reference": "Patient/p"}}
names = st.sampled_from(
    ["coding", "reference", "value", "start", "extension", "url", "code", "system", "item", "event"]
)
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["#", "Patient/p", "2026-11-23", "9999-12-31"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def parsed(data: dict[str, Any]) -> Parsed:
    return parse(json.dumps(data).encode(), type=None)


def issues(data: dict[str, Any]) -> tuple[Issue, ...]:
    with pytest.raises(Invalid) as refused:
        validate(parsed(data))
    assert refused.value.status == 422
    return refused.value.issues


def examples(shared: Path) -> Iterator[Parsed]:
    folders = (shared / "data/fhir-r4/examples", *(shared / "data/fhir-r4/german").glob("*/examples"))
    for file in sorted(file for folder in folders for file in folder.glob("*.json")):
        body = file.read_bytes()
        if json.loads(body)["resourceType"] in SERVED:
            yield parse(body, type=None)


def test_every_official_example_of_the_served_types_is_accepted(shared: Path) -> None:
    accepted = 0

    for example in examples(shared):
        validate(example)
        accepted += 1

    assert accepted >= 238


def test_every_mutant_of_an_official_example_is_refused(shared: Path) -> None:
    made, survived, seen = 0, [], Counter[str]()

    for example in examples(shared):
        seen[example.type] += 1
        if seen[example.type] > repetitions(2):
            continue
        for name, data in mutants(json.loads(example.raw)):
            made += 1
            try:
                validate(parsed(data))
            except Invalid:
                continue
            survived.append((example.type, name))

    assert not survived
    assert made > 1500


def test_a_questionnaire_item_without_link_id_is_named(shared: Path) -> None:
    body = (shared / "data/fhir-r4/invalid/Questionnaire-qs1.json").read_bytes()

    with pytest.raises(Invalid) as refused:
        validate(parse(body, type="Questionnaire"))

    assert refused.value.issues[0].expression == ("Questionnaire.item[0].item[0].linkId",)
    assert "linkId" in refused.value.issues[0].text


def test_all_faults_are_told_at_once_with_their_places() -> None:
    data = OBSERVATION | {"status": "perhaps", "issued": "yesterday", "colour": "blue", "category": []}

    places = {issue.expression[0] for issue in issues(data)}

    assert places == {"Observation.status", "Observation.issued", "Observation.colour", "Observation.category"}


def test_no_value_is_repeated_in_what_is_told() -> None:
    data = OBSERVATION | {"status": "Mustermann", "effectiveDateTime": "Mustermann", "subject": "Mustermann"}

    assert not [issue for issue in issues(data) if "Mustermann" in issue.text]


def test_a_primitive_extension_inside_an_extension_is_accepted() -> None:
    unknown = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }

    validate(parsed(OBSERVATION | {"extension": [{"url": "https://example.org/x", "_valueString": unknown}]}))


@pytest.mark.parametrize("beside", [{}, {"colour": "blue"}, "x", {"extension": [{"url": "urn:x"}]}])
def test_a_wrong_primitive_extension_inside_an_extension_is_refused(beside: object) -> None:
    assert issues(OBSERVATION | {"extension": [{"url": "https://example.org/x", "_valueString": beside}]})


def test_a_null_keeps_the_place_of_a_name_that_has_only_an_extension() -> None:
    masked = {"extension": [{"url": "urn:x", "valueCode": "masked"}]}
    name = {"given": ["Erika", None], "_given": [None, masked]}

    validate(parsed({"resourceType": "Patient", "name": [name]}))
    assert issues({"resourceType": "Patient", "name": [{"given": ["Erika", None]}]})
    assert issues({"resourceType": "Patient", "name": [{"given": ["Erika"], "_given": [None, None]}]})


@pytest.mark.parametrize("type", ["Organization", "Practitioner", "Medication"])
def test_an_observation_is_about_a_subject_of_r4_and_not_of_r4b(type: str) -> None:
    found = issues(OBSERVATION | {"subject": {"reference": f"{type}/x"}})

    assert found[0].expression == ("Observation.subject.reference",)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p",
        "Patient/p/_history/3",
        "https://example.org/fhir/Patient/p",
        "urn:uuid:0b9c",
        "Patient?identifier=x",
    ],
)
def test_each_form_of_a_reference_is_accepted(reference: str) -> None:
    validate(parsed(OBSERVATION | {"subject": {"reference": reference}}))


def test_a_local_reference_needs_its_contained_resource() -> None:
    data = OBSERVATION | {"subject": {"reference": "#p"}}

    assert issues(data)[0].expression == ("Observation.subject.reference",)
    validate(parsed(data | {"contained": [{"resourceType": "Patient", "id": "p"}]}))
    assert issues(data | {"contained": [{"resourceType": "Practitioner", "id": "p"}]})


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (APPOINTMENT | {"end": APPOINTMENT["start"]}, "Appointment.end"),
        (APPOINTMENT | {"end": "2026-11-23T09:00:00Z"}, "Appointment.end"),
        ({k: v for k, v in APPOINTMENT.items() if k not in ("start", "end")}, "Appointment.start"),
        (APPOINTMENT | {"cancelationReason": {"text": "x"}}, "Appointment.cancelationReason"),
        (APPOINTMENT | {"participant": [{"status": "accepted"}]}, "Appointment.participant[0]"),
        (OBSERVATION | {"effectivePeriod": {"start": "2026-02", "end": "2026-01"}}, "Observation.effective.end"),
        (OBSERVATION | {"valueString": "x", "dataAbsentReason": {"text": "x"}}, "Observation.dataAbsentReason"),
        (CONDITION | {"abatementDateTime": "2026"}, "Condition.clinicalStatus"),
        (
            CONDITION | {"clinicalStatus": {"coding": [{"system": SYSTEM, "code": "x"}]}},
            "Condition.clinicalStatus.coding",
        ),
        (CONDITION | {"clinicalStatus": {"text": "active"}}, "Condition.clinicalStatus.coding"),
        ({"resourceType": "Organization"}, "Organization"),
        ({"resourceType": "Patient", "telecom": [{"value": "1"}]}, "Patient.telecom[0].system"),
    ],
)
def test_a_broken_constraint_is_told_with_its_place(data: dict[str, Any], place: str) -> None:
    assert [issue.expression for issue in issues(data)] == [(place,)]


def test_a_period_may_end_where_it_starts() -> None:
    for period in ({"start": "2026", "end": "2026-03"}, {"start": "2026-03-01", "end": "2026-03-01"}):
        validate(parsed(OBSERVATION | {"effectivePeriod": period}))


def test_a_slot_must_end_after_it_starts() -> None:
    slot = {"resourceType": "Slot", "schedule": {"reference": "Schedule/s"}, "status": "free"}

    found = issues(slot | {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T10:00:00Z"})

    assert found[0].expression == ("Slot.end",)


@given(st.data())
def test_whatever_stands_in_an_element_the_answer_is_yes_or_no(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([APPOINTMENT, OBSERVATION, CONDITION, {"resourceType": "Patient"}]))
    elements = sorted(type_of(base["resourceType"]).elements)
    changes = data.draw(
        st.dictionaries(st.sampled_from([*elements, "_status", "_id", "resourceType2"]), trees, max_size=3)
    )

    try:
        validate(parsed(base | changes))
    except Invalid:
        return

    assert {parts[1] for parts in tokens(base["resourceType"], base | changes)} <= {base["resourceType"]}
