"""fhir.resources asked the short way refuses nothing that it would take, and what it leaves out the table tells."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fhir import models
from fhir.codec import load, parse
from fhir.rules import library
from fhir.rules.elements import faults_of
from fhir.rules.library import OTHER_IN_R4B, complaints, member
from fhir.rules.table import PRIMITIVES, Type, type_of
from tests.effort import repetitions
from tests.fhir.rules.faults import mutants
from tests.fhir.rules.test_mutants import sample

# Where R4 and R4B differ in the types that are compared.
OTHER_ELEMENTS = {
    "Extension": {"valueCodeableReference", "valueRatioRange", "valueMeta"},
    "SimpleQuantity": {"comparator"},
}
OTHER_TARGETS = {
    ("Observation", "subject"): {"Medication", "Organization", "Practitioner", "Procedure", "Substance"},
    ("Group.member", "entity"): {"RelatedPerson"},
}


def pairs() -> Iterator[tuple[Type, Any]]:
    """Each type that a served resource can hold, with the library's class for it."""
    waiting = [(type, models.model(type)) for type in models.SERVED]
    seen = set()
    while waiting:
        name, model = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        of = type_of(name)
        yield of, model
        for field in [field for field in model.model_fields if field != "fhir_comments"]:
            part = member(model, field)
            if part.model is not None and part.alias in of.elements:
                waiting.append((of.elements[part.alias].type, part.model))


def elements(model: Any) -> dict[str, library.Member]:
    names = [
        name for name, field in model.model_fields.items() if (field.json_schema_extra or {}).get("element_property")
    ]
    return {part.alias: part for part in (member(model, name) for name in names)}


def their_targets(model: Any, alias: str) -> set[str]:
    fields = {field.alias or name: field.json_schema_extra or {} for name, field in model.model_fields.items()}
    found = set(fields[alias].get("enum_reference_types") or ())
    return set() if "Resource" in found else found


def targets(of: Type, model: Any, alias: str) -> set[str]:
    """The types that only one of both lets a reference point to."""
    element = of.elements[alias]
    if element.type != "Reference":
        return set()
    return their_targets(model, alias) ^ set(element.detail.split("|") if element.detail else ())


def required(model: Any) -> set[str]:
    fields = model.model_fields.items()
    facts = [(field.alias or name, field.is_required(), field.json_schema_extra or {}) for name, field in fields]
    return {alias for alias, needed, extra in facts if needed or extra.get("element_required")}


def choices(model: Any) -> dict[str, tuple[set[str], bool]]:
    found: dict[str, tuple[set[str], bool]] = {}
    for name, field in model.model_fields.items():
        facts = field.json_schema_extra or {}
        if choice := facts.get("one_of_many"):
            found.setdefault(choice, (set(), bool(facts.get("one_of_many_required"))))[0].add(field.alias or name)
    return found


def test_the_table_and_the_library_say_the_same_of_every_type() -> None:
    compared = 0
    for of, model in pairs():
        theirs = elements(model)
        compared += 1
        assert theirs.keys() ^ of.elements.keys() == OTHER_ELEMENTS.get(of.name, set()), of.name
        for alias, part in theirs.items():
            if alias in of.elements:
                assert part.many == of.elements[alias].many, (of.name, alias)
                assert (part.model is None) == (not of.elements[alias].inner), (of.name, alias)
                assert targets(of, model, alias) == OTHER_TARGETS.get((of.name, alias), set())
        assert required(model) == set(of.required), of.name
        assert {name: held[1] for name, held in choices(model).items()} == {c.name: c.needed for c in of.choices}, (
            of.name
        )

    assert compared > 170


def test_the_types_that_are_left_to_the_table_are_those_that_differ() -> None:
    differing = set()
    for name in sorted(OTHER_IN_R4B | {"Medication", "Substance", "Coverage", "Endpoint", "Account", "ValueSet"}):
        for of, model in _own(name):
            if elements(model).keys() != of.elements.keys() or required(model) != set(of.required):
                differing.add(name)

    assert differing <= OTHER_IN_R4B


def _own(name: str) -> Iterator[tuple[Type, Any]]:
    waiting = [(name, models.model(name))]
    while waiting:
        type, model = waiting.pop()
        of = type_of(type)
        yield of, model
        for alias, part in elements(model).items():
            element = of.elements.get(alias)
            if part.model is not None and element is not None and element.type.startswith(f"{type}."):
                waiting.append((element.type, part.model))


def library_refuses(type: str, data: dict[str, Any]) -> bool:
    try:
        models.model(type).model_validate(data)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
        return True
    return False


def test_what_the_library_refuses_is_refused(shared: Path) -> None:
    refused = 0

    for example in sample(shared, of_each_type=repetitions(1)):
        for kind, data in mutants(json.loads(example.raw)):
            if library_refuses(example.type, data):
                refused += 1
                assert faults_of(example.type, load(json.dumps(data).encode())) or complaints(example.type, data), kind

    assert refused > 300


def test_what_the_library_takes_is_taken_the_short_way(shared: Path) -> None:
    taken = 0

    for example in sample(shared, of_each_type=repetitions(3)):
        if example.type != "Bundle" and not library_refuses(example.type, example.data):
            taken += 1
            assert complaints(example.type, example.data) == []

    assert taken > 60


@pytest.mark.parametrize(
    ("members", "way"),
    [
        ({"birthDate": "0000-01-01"}, ("birthDate",)),
        ({"contact": [{"name": {"family": ""}}]}, ("contact", 0, "name", "family")),
        ({"maritalStatus": {"colour": "blue"}}, ("maritalStatus", "colour")),
        ({"extension": [{"url": "urn:x", "valueCoding": {"userSelected": "perhaps"}}]},
         ("extension", 0, "valueCoding", "userSelected")),
        ({"contained": [{"resourceType": "Basic", "code": {"text": []}}]}, ("contained", 0, "code", "text")),
    ],
)  # fmt: skip
def test_the_library_names_the_place_of_what_it_refuses(members: dict[str, Any], way: tuple[int | str, ...]) -> None:
    assert [complaint.way for complaint in complaints("Patient", {"resourceType": "Patient"} | members)] == [way]


def test_primitive_extensions_inside_extensions_are_taken_though_the_library_does_not() -> None:
    extension = {"url": "urn:x", "_valueString": {"extension": [{"url": "urn:y", "valueCode": "masked"}]}}
    data = {"resourceType": "Patient", "extension": [extension]}

    assert library_refuses("Patient", data)
    assert complaints("Patient", data) == []
    assert not faults_of("Patient", parse(json.dumps(data).encode(), type=None).data)


def test_types_that_only_r4_has_are_left_to_the_table() -> None:
    data = {"resourceType": "Patient", "contained": [{"resourceType": "MedicinalProduct", "id": "m"}]}

    assert complaints("Patient", data) == []
    assert faults_of("Patient", data)


def test_every_primitive_of_the_table_has_a_check() -> None:
    held = {element.type for type in models.SERVED for element in type_of(type).elements.values()}

    assert {name for name in held if name[0].islower()} <= PRIMITIVES
