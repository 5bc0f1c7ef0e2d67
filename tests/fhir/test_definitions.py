"""The script that makes the table of search parameters, on a few definitions of our own."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir.definitions.search import UnknownExpressionError, table

Data = dict[str, Any]

ELEMENTS: dict[str, list[Data]] = {
    "Patient": [{"code": "HumanName"}],
    "Observation.status": [{"code": "code"}],
    "Observation.value[x]": [{"code": "Quantity"}, {"code": "CodeableConcept"}, {"code": "Period"}],
    "Observation.subject": [
        {"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"]}
    ],
    "Observation.component": [{"code": "BackboneElement"}],
    "Observation.component.value[x]": [{"code": "Quantity"}],
    "CodeableConcept.text": [{"code": "http://hl7.org/fhirpath/System.String"}],
    "Observation.performer": [{"code": "HumanName"}],
}
BINDING = {"valueSet": "http://hl7.org/fhir/ValueSet/observation-status|4.0.1"}
STATUS = {
    "resourceType": "ValueSet",
    "url": "http://hl7.org/fhir/ValueSet/observation-status",
    "compose": {"include": [{"system": "http://hl7.org/fhir/observation-status"}]},
}


def parameter(kind: str, expression: str, **more: Any) -> Data:
    """A SearchParameter of Observation."""
    return {"url": "urn:p", "code": "p", "base": ["Observation"], "type": kind, "expression": expression} | more


def made(folder: Path, *parameters: Data) -> Data:
    """What the table has of Observation."""
    elements = [{"id": path, "type": types, "binding": BINDING} for path, types in ELEMENTS.items()]
    profile = {"resourceType": "StructureDefinition", "id": "Observation", "snapshot": {"element": elements}}
    files: dict[str, list[Data]] = {
        "profiles-resources": [profile],
        "profiles-types": [],
        "valuesets": [STATUS],
        "v3-codesystems": [],
        "search-parameters": list(parameters),
    }
    for name, held in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"entry": [{"resource": each} for each in held]}))
    compact, _ = table(folder)
    found: Data = compact["Observation"]
    return found


@pytest.mark.parametrize(
    ("kind", "expression", "places"),
    [
        ("token", "Observation.status", "status:code|http://hl7.org/fhir/observation-status"),
        ("quantity", "Observation.value.ofType(Quantity)", "valueQuantity:Quantity"),
        ("date", "(Observation.value)", "valuePeriod:Period"),
        ("string", "(Observation.value.ofType(CodeableConcept)).text", "valueCodeableConcept.text:string"),
        ("token", "Patient.x | (Observation.value.ofType(CodeableConcept))", "valueCodeableConcept:CodeableConcept"),
        (
            "quantity",
            "(Observation.value.ofType(Quantity)) | (Observation.component.value.ofType(Quantity))",
            "valueQuantity:Quantity component.valueQuantity:Quantity",
        ),
        (
            "string",
            "Observation.performer",
            "performer.family:string performer.given:string performer.prefix:string performer.suffix:string performer.text:string",
        ),
    ],
)
def test_an_expression_becomes_places(tmp_path: Path, kind: str, expression: str, places: str) -> None:
    assert made(tmp_path, parameter(kind, expression))["p"] == [kind, places]


def test_a_reference_has_the_targets_that_both_the_parameter_and_the_element_name(tmp_path: Path) -> None:
    wide = parameter("reference", "Observation.subject", target=["Group", "Patient"])
    narrow = parameter("reference", "Observation.subject.where(resolve() is Patient)", target=["Patient"], code="q")

    found = made(tmp_path, wide, narrow)

    assert found["p"] == ["reference", "subject:Reference", "Patient"]
    assert found["q"] == ["reference", "subject:Reference@Patient", "Patient"]


def test_a_composite_names_its_bases_and_what_its_parts_are_compared_like(tmp_path: Path) -> None:
    value = parameter("quantity", "Observation.value.ofType(Quantity)", url="urn:v", code="value-quantity")
    status = parameter("token", "Observation.status", url="urn:s", code="status")
    parts = [
        {"definition": "urn:s", "expression": "status"},
        {"definition": "urn:v", "expression": "value.ofType(Quantity)"},
    ]

    found = made(tmp_path, value, status, parameter("composite", "Observation", component=parts))

    assert found["p"] == [
        "composite",
        [""],
        [
            ["status", "status:code|http://hl7.org/fhir/observation-status"],
            ["value-quantity", "valueQuantity:Quantity"],
        ],
    ]


@pytest.mark.parametrize("expression", ["Observation.value.first()", "Observation.nothing", "Observation.status + 1"])
def test_an_expression_that_is_not_understood_stops_the_script(tmp_path: Path, expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        made(tmp_path, parameter("token", expression))
