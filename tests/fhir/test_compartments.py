"""Whose record a resource belongs to, by R4's patient compartment."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir.compartments import LEFT_OUT, OURS, PATHS, patient_ids
from fhir.models import SERVED

DEFINED = json.loads((Path(__file__).parents[2] / "fhir/definitions/compartments.json").read_text())["patient"]
A, B = {"reference": "Patient/a"}, {"reference": "Patient/b/_history/3"}


@pytest.mark.parametrize(
    ("type", "data", "ids"),
    [
        ("Observation", {"subject": A}, {"a"}),
        ("Observation", {"subject": A, "performer": [B]}, {"a"}),
        ("Observation", {"subject": {"reference": "Group/a"}, "performer": [B]}, {"b"}),
        ("Communication", {"recipient": [A, B]}, {"a", "b"}),
        ("Task", {"for": A, "focus": B}, {"a"}),
        ("Task", {"focus": B}, {"b"}),
        ("Appointment", {"participant": [{"actor": A}, {"actor": {"reference": "Practitioner/p"}}]}, {"a"}),
        ("Group", {"member": [{"entity": A}, {"entity": B}]}, {"a", "b"}),
        ("Provenance", {"target": [A, {"reference": "Observation/o"}]}, {"a"}),
        ("Device", {"patient": A}, {"a"}),
        ("Binary", {"securityContext": B}, {"b"}),
        ("Bundle", {"entry": [{"resource": {"subject": A}}, {"resource": {"patient": A}}]}, {"a"}),
        ("Schedule", {"actor": [A]}, set()),
        ("Observation", {"subject": {"reference": "https://example.org/fhir/Patient/a"}}, set()),
    ],
)
def test_a_resource_is_about_its_subject_else_about_who_else_stands_in_it(
    type: str, data: dict[str, Any], ids: set[str]
) -> None:
    assert patient_ids(type, data) == ids


def test_every_type_of_the_definition_belongs_but_those_that_stay_with_their_tenant() -> None:
    assert set(PATHS) == set(DEFINED) - set(LEFT_OUT) | set(OURS)
    assert set(PATHS) <= set(SERVED)
    for type in set(PATHS) - set(OURS):
        assert len(PATHS[type]) == len(DEFINED[type])
