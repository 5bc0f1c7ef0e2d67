"""What is extracted is what the published FHIRPath of each parameter finds."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir.models import SERVED
from fhir.search import amounts, dates, extraction
from fhir.search.dates import EARLIEST, LATEST, Interval
from fhir.search.definitions import COMMON, PARAMETERS, Component, Parameter
from fhir.search.extraction import extract
from fhir.search.values import Code, Composite, Link, Value
from tests.fhir.search import times
from tests.fhir.search.oracle import EXPRESSIONS, Meaning, meanings

KINDS = {
    "token": 252,
    "reference": 203,
    "string": 64,
    "date": 53,
    "composite": 14,
    "uri": 11,
    "quantity": 8,
    "special": 1,
}
BEGINNING, MICROSECOND = datetime(1, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def resources(shared: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The official and the German examples of the served types, with their files."""
    folder = shared / "data/fhir-r4"
    for file in sorted([*folder.glob("examples/*.json"), *folder.glob("german/*/examples/*.json")]):
        data = json.loads(file.read_bytes(), parse_float=Decimal)
        if data["resourceType"] in SERVED:
            yield file, data


def meaning(value: Value, part: Parameter | Component) -> Meaning:
    """An extracted value as the oracle writes it."""
    match value:
        case Composite(parts):
            assert isinstance(part, Parameter)
            pairs = zip(parts, part.components, strict=True)
            return tuple(frozenset(meaning(held, component) for held in each) for each, component in pairs)
        case Link(address, _, identifier):
            return address, identifier
        case Interval(start, end):
            first = times.OPEN[0] if start == EARLIEST else (start - BEGINNING) // MICROSECOND
            return first, times.OPEN[1] if end == LATEST else (end - BEGINNING) // MICROSECOND
        case _:
            return value  # a plain tuple or text already


def test_what_is_extracted_is_what_the_published_expressions_find(shared: Path) -> None:
    seen: Counter[str] = Counter()

    for file, data in resources(shared):
        type = data["resourceType"]
        held = extract(type, data)
        found = {name: {meaning(each, PARAMETERS[type].parameters[name]) for each in held[name]} for name in held}
        expected = meanings(type, data)
        # An element that no search can compare (an age where dates are meant) has no place in the table.
        expected = {name: values for name, values in expected.items() if values or name in found}
        assert found == expected, file.name
        seen.update(f"{type}.{name}" for name, values in found.items() if values)

    assert len(seen) > 350


def test_the_oracle_sees_a_place_that_was_forgotten(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.loads((shared / "data/fhir-r4/examples/Observation-blood-pressure.json").read_bytes())
    known = PARAMETERS["Observation"].parameters
    monkeypatch.setitem(known, "combo-code", replace(known["combo-code"], places=known["code"].places))

    monkeypatch.setattr(extraction, "walk", extraction.walk.__wrapped__)  # what is wrong is not kept
    found = extract("Observation", data, ("combo-code",))

    assert set(found["combo-code"]) < meanings("Observation", data)["combo-code"]


def without_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    known = PARAMETERS["Observation"].parameters
    places = tuple(place._replace(system="") for place in known["status"].places)
    monkeypatch.setitem(known, "status", replace(known["status"], places=places))


def without_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amounts, "_unit", lambda value: ("", value.get("code", ""), ""))


def a_day_early(monkeypatch: pytest.MonkeyPatch) -> None:
    right = dates._first_and_last
    monkeypatch.setattr(dates, "_first_and_last", lambda text: [day - timedelta(days=1) for day in right(text)])


@pytest.mark.parametrize(
    ("name", "broken"), [("status", without_systems), ("value-quantity", without_units), ("date", a_day_early)]
)
def test_the_oracle_sees_a_lost_system_a_lost_unit_and_a_wrong_day(
    shared: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    data = json.loads((shared / "data/fhir-r4/examples/Observation-body-height.json").read_bytes(), parse_float=Decimal)
    part, expected = PARAMETERS["Observation"].parameters[name], meanings("Observation", data)[name]
    assert {meaning(value, part) for value in extract("Observation", data, (name,))[name]} == expected

    broken(monkeypatch)
    monkeypatch.setattr(extraction, "walk", extraction.walk.__wrapped__)  # what is wrong is not kept

    assert {meaning(value, part) for value in extract("Observation", data, (name,))[name]} != expected


def test_all_parameters_of_the_standard_are_in_the_table() -> None:
    rows = [(type, name) for type in SERVED for name in EXPRESSIONS[type]]
    kinds = Counter(PARAMETERS[type].parameters[name].kind.value for type, name in rows)
    kinds["reference"] += kinds.pop("canonical")

    assert len(rows) == 606
    assert kinds == KINDS
    assert set(EXPRESSIONS["Resource"]) == set(COMMON)
    for type in SERVED:
        assert set(PARAMETERS[type].parameters) == {*EXPRESSIONS[type], *COMMON}


def test_every_parameter_looks_somewhere_and_composites_look_for_every_part() -> None:
    for type in SERVED:
        for name, parameter in PARAMETERS[type].parameters.items():
            assert parameter.places or (parameter.bases and all(part.places for part in parameter.components)), name
            assert {part.name for part in parameter.components} <= set(PARAMETERS[type].parameters)


def test_parameters_with_the_same_values_share_their_tokens() -> None:
    def lookup(type: str, name: str) -> tuple[str, ...]:
        return PARAMETERS[type].parameters[name].lookup

    assert lookup("Observation", "patient") == ("subject",)
    assert lookup("Patient", "name") == ("family", "given", "name")
    assert lookup("Observation", "combo-code") == ("code", "component-code")
    assert lookup("Patient", "phone") == ("phone",)  # under `telecom` stand other numbers too


@pytest.mark.parametrize(
    ("type", "element", "system"),
    [
        ("Patient", {"gender": "female"}, "http://hl7.org/fhir/administrative-gender"),
        ("Task", {"intent": "order"}, "http://hl7.org/fhir/request-intent"),
        ("Observation", {"status": "final"}, "http://hl7.org/fhir/observation-status"),
        ("MedicationRequest", {"status": "active"}, "http://hl7.org/fhir/CodeSystem/medicationrequest-status"),
    ],
)
def test_a_plain_code_has_the_system_of_its_value_set(type: str, element: dict[str, str], system: str) -> None:
    (name,) = element

    assert extract(type, element)[name] == (Code(system, element[name]),)


def test_only_the_asked_parameters_are_extracted() -> None:
    data = {"status": "final", "subject": {"reference": "Patient/a"}}

    assert extract("Observation", data, ["patient"]) == {"patient": (Link("Patient/a", "Patient", None),)}


def test_an_element_without_a_value_is_there_and_empty() -> None:
    assert extract("Observation", {"code": {"text": "x"}})["code"] == ()
    assert "patient" not in extract("Observation", {"subject": {"reference": "Group/a"}})


@pytest.mark.parametrize("file", ["Patient-example", "Observation-blood-pressure", "Bundle-father"])
def test_whatever_stands_in_an_element_nothing_fails(shared: Path, file: str) -> None:
    data = json.loads((shared / f"data/fhir-r4/examples/{file}.json").read_bytes(), parse_float=Decimal)
    for key in data:
        odd: Any
        for odd in (None, True, 1, "x", [], {}, [None], [[]], [{}], {"coding": {}}, {"coding": [1]}, {"reference": 1}):
            extract(data["resourceType"], data | {key: odd})
