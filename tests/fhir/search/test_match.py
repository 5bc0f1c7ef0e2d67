"""What matches, case by case, from the text of https://hl7.org/fhir/R4/search.html."""

from typing import Any

import pytest

from fhir import codec
from fhir.search.match import matches
from fhir.search.parsing import parse

Resource = dict[str, Any]


def resource(text: str) -> Resource:
    """JSON as it is read from a body: with decimals."""
    read: Resource = codec.load(text.encode())
    return read


def quantity(value: str, *, system: str = "http://unitsofmeasure.org", code: str = "mg", more: str = "") -> Resource:
    unit = f'"system": "{system}", "code": "{code}", "unit": "{code}"' if system else f'"unit": "{code}"'
    return resource(f'{{"resourceType": "Observation", "valueQuantity": {{"value": {value}, {unit}{more}}}}}')


def is_found(held: Resource, *pairs: str) -> bool:
    given = [tuple(pair.split("=", 1)) for pair in pairs]
    return matches(held["resourceType"], held, parse(held["resourceType"], [(name, value) for name, value in given]))


@pytest.mark.parametrize(
    ("asked", "hits", "misses"),
    [
        ("100", ["99.5", "100", "100.4999"], ["99.4", "100.5"]),
        ("100.00", ["100", "99.995", "100.004"], ["100.005", "99.99"]),
        ("1e2", ["95", "100", "104.9"], ["94.9", "105"]),
        ("5.4", ["5.35", "5.4", "5.449"], ["5.45", "5.34"]),
        ("5.40e-3", ["0.0054", "0.005395"], ["0.005405", "0.0053"]),
        ("-5.4", ["-5.4", "-5.45"], ["5.4", "-5.35"]),
        ("ne100", ["99.4", "100.5"], ["100", "99.5"]),
        ("lt100", ["99.9999"], ["100", "101"]),
        ("le100", ["100", "99"], ["100.0001"]),
        ("gt100", ["100.0001", "101"], ["100", "99"]),
        ("ge100", ["100", "101"], ["99.9999"]),
        ("sa100", ["100.1"], ["100"]),
        ("eb100", ["99.9"], ["100"]),
        ("ap100", ["90", "110", "100"], ["89.9", "110.1"]),
        ("ap-100", ["-90", "-110"], ["-89", "100"]),
        ("gt1,lt-1", ["2", "-2"], ["0"]),
    ],
)
def test_a_quantity_is_compared_by_prefix_and_written_precision(asked: str, hits: list[str], misses: list[str]) -> None:
    assert [value for value in hits if not is_found(quantity(value), f"value-quantity={asked}")] == []
    assert [value for value in misses if is_found(quantity(value), f"value-quantity={asked}")] == []


@pytest.mark.parametrize(
    ("asked", "held", "found"),
    [
        ("5.4|http://unitsofmeasure.org|mg", quantity("5.4"), True),
        ("5.4||mg", quantity("5.4"), True),
        ("5.4||mg", quantity("5.4", system="", code="mg"), True),
        ("5.4||mg", quantity("5.4", code="kg"), False),
        ("5.4", quantity("5.4", system="urn:u", code="drops"), True),
        ("5.4|urn:u|mg", quantity("5.4"), False),
        ("5.4|urn:u|", quantity("5.4", system="urn:u", code="drops"), True),
        ("5.4|http://unitsofmeasure.org|mg", quantity("5.4", system="", code="mg"), False),
        ("0.0054|http://unitsofmeasure.org|g", quantity("5.4"), True),
        ("gt1|http://unitsofmeasure.org|g/L", quantity("101", code="mg/dL"), True),
        ("gt1|http://unitsofmeasure.org|g/L", quantity("99", code="mg/dL"), False),
        ("1.0|http://unitsofmeasure.org|g/L", quantity("100", code="mg/dL"), True),
        ("ne5.4|http://unitsofmeasure.org|mg", quantity("7", code="mL"), False),
        ("37.0|http://unitsofmeasure.org|Cel", quantity("98.6", code="[degF]"), True),
        ("ge37|http://unitsofmeasure.org|Cel", quantity("98.6", code="[degF]"), True),
        ("120|http://unitsofmeasure.org|mm[Hg]", quantity("16.0", code="kPa"), True),
        ("5.4|http://unitsofmeasure.org|{drops}", quantity("5.4", code="{drops}"), True),
        ("5.4|http://unitsofmeasure.org|[foo]", quantity("5.4", code="[foo]"), True),
        ("5.4|http://unitsofmeasure.org|[foo]", quantity("5.4", code="[bar]"), False),
        ("lt5", quantity("7", more=', "comparator": "<"'), True),
        ("gt9", quantity("7", more=', "comparator": "<"'), False),
        ("7", quantity("7", more=', "comparator": "<"'), False),
        ("gt900", quantity("7", more=', "comparator": ">="'), True),
    ],
)
def test_a_quantity_is_compared_with_its_unit(asked: str, held: Resource, *, found: bool) -> None:
    assert is_found(held, f"value-quantity={asked}") is found


@pytest.mark.parametrize(
    ("asked", "hits", "misses"),
    [
        ("2013-01-14", ["2013-01-14T00:00:00+01:00", "2013-01-14T10:00:00+01:00"], ["2013-01-15T00:00:00+01:00"]),
        ("ne2013-01-14", ["2013-01-15T00:00:00+01:00", "2013-01-13"], ["2013-01-14T00:00:00+01:00", "2013-01-14T10:00:00+01:00"]),
        ("lt2013-01-14T10:00+01:00", ["2013-01-14", "2013-01-14T09:59:00+01:00"], ["2013-01-14T10:00:00+01:00"]),
        ("gt2013-01-14T10:00+01:00", ["2013-01-14", "2013-01-14T10:01:00+01:00"], ["2013-01-14T09:00:00+01:00"]),
        ("ge2013-03-14", ["2013-03-14", "2013-03-14T10:00:00+01:00", "2013-03-15"], ["2013-03-13"]),
        ("le2013-03-14", ["2013-03-14", "2013-03-13", "2013-03-14T10:00:00+01:00"], ["2013-03-15"]),
        ("sa2013-03-14", ["2013-03-15", "2013-03-15T00:00:00+01:00"], ["2013-03-14", "2013-03"]),
        ("eb2013-03-14", ["2013-03-13", "2013-02"], ["2013-03-14", "2013-03"]),
        ("ap2013-03-14", ["2013-03-13", "2013-03-14", "2013-03-15"], ["2013-03-12", "2013-03-16"]),
        ("2013", ["2013-05", "2013", "2013-12-31T23:59:59+01:00"], ["2014", "2012-12-31"]),
        ("2013-05", ["2013-05-14"], ["2013"]),
        ("ge2013,lt2010", ["2014", "2009"], ["2011"]),
    ],
)  # fmt: skip
def test_a_date_is_compared_by_prefix_as_a_stretch(asked: str, hits: list[str], misses: list[str]) -> None:
    def held(text: str) -> Resource:
        return {"resourceType": "Observation", "effectiveDateTime": text}

    assert [text for text in hits if not is_found(held(text), f"date={asked}")] == []
    assert [text for text in misses if is_found(held(text), f"date={asked}")] == []


def test_an_open_period_goes_on() -> None:
    held = {"resourceType": "Encounter", "period": {"start": "2011-05-23"}}

    assert is_found(held, "date=gt2030")
    assert is_found(held, "date=ge2011-05-23")
    assert not is_found(held, "date=eb2030")
    assert not is_found(held, "date=2011-05-23")


PATIENT: Resource = resource("""{"resourceType": "Patient", "active": true, "gender": "female",
  "identifier": [{"system": "urn:s", "value": "1|2"}],
  "name": [{"family": "Müller-Lüdenscheidt", "given": ["Anna Maria"]}, {"text": "Frau Prof. Carreño Quiñones"}],
  "telecom": [{"system": "phone", "value": "+49 30 1"}, {"system": "email", "value": "a@b.example"}],
  "address": [{"city": "Köln", "postalCode": "50667", "country": "DE"}],
  "generalPractitioner": [{"identifier": {"system": "urn:lanr", "value": "7"}}, {"reference": "Practitioner/p"}],
  "managingOrganization": {"reference": "Organization/o/_history/3"}}""")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gender:not=male", True),
        ("gender:not=female", False),
        ("gender:not=male,female", False),
        ("language:not=de", True),  # without a value too
        ("gender:missing=false", True),
        ("gender:missing=true", False),
        ("birthdate:missing=true", True),
        ("birthdate:missing=false", False),
        ("active=true", True),
        ("active=false", False),
        (r"identifier=urn:s|1\|2", True),
        ("identifier=urn:s|", True),
        ("identifier=|7", False),
        ("name=Mueller", True),
        ("name=MULLER-ludenscheidt", True),
        ("name=luedenscheidt", False),
        ("name:contains=luedenscheidt", True),
        ("name:contains=EEDEN", False),
        ("name:contains=uede", True),
        ("name:contains=quinones", True),
        ("family:exact=Müller-Lüdenscheidt", True),
        ("family:exact=Müller", False),
        ("family:exact=müller-Lüdenscheidt", False),
        ("given=anna", True),
        ("given=maria", False),
        ("phone=+49 30 1", True),
        ("phone=0049-(30)/1", True),
        ("phone=+49301", True),
        ("phone=49301", False),
        ("phone:not=0049301", False),
        ("telecom=phone|0049301", True),
        ("email=A@B.Example", True),
        ("telecom=A@b.example", True),
        ("telecom=phone|", True),
        ("email=a@b.example", True),
        ("email=+49 30 1", False),
        ("telecom=phone|+49 30 1", True),
        ("address=koeln", True),
        ("address-city=KOLN", True),
        ("address-postalcode=506", True),
        ("address-country=de", True),
        ("general-practitioner:identifier=urn:lanr|7", True),
        ("general-practitioner:identifier=7", True),
        ("general-practitioner:identifier=urn:other|7", False),
        ("general-practitioner:Practitioner=p", True),
        ("general-practitioner:Organization=p", False),
        ("general-practitioner=p", True),
        ("general-practitioner=Practitioner/p", True),
        ("organization=Organization/o", True),
        ("deceased=false", True),
    ],
)
def test_a_patient_is_found_by(asked: str, *, found: bool) -> None:
    assert is_found(PATIENT, asked) is found


PRESSURE: Resource = resource("""{"resourceType": "Observation", "status": "final",
  "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
  "component": [
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
     "valueQuantity": {"value": 140, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
     "valueQuantity": {"value": 90, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}]}""")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("component-code-value-quantity=http://loinc.org|8480-6$gt130", True),
        ("component-code-value-quantity=http://loinc.org|8480-6$lt100", False),  # the other component has that
        ("component-code-value-quantity=8462-4$lt100||mmHg", True),
        ("combo-code-value-quantity=8480-6$ge140,8480-6$le60", True),
        ("code-value-quantity=8480-6$ge140", False),
        ("combo-code=85354-9", True),
        ("combo-code=8480-6", True),
        ("code=8480-6", False),
        ("combo-value-quantity=90", True),
        ("value-quantity=90", False),
        ("value-quantity:missing=true", True),
    ],
)
def test_parts_of_a_composite_hold_for_one_element(asked: str, *, found: bool) -> None:
    assert is_found(PRESSURE, asked) is found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("near=52.5200|13.4050|1|km", True),
        ("near=52.5300|13.4050|1|km", False),
        ("near=52.5300|13.4050|1200|m", True),
        ("near=52.55|13.405", True),  # 10 km
        ("near=52.72|13.405", False),
        ("near=52.72|13.405|14|[mi_i]", True),
    ],
)
def test_a_place_is_near(asked: str, *, found: bool) -> None:
    place = resource('{"resourceType": "Location", "position": {"latitude": 52.52, "longitude": 13.405}}')

    assert is_found(place, asked) is found


def test_a_canonical_is_found_with_and_without_its_version() -> None:
    held = {"resourceType": "QuestionnaireResponse", "questionnaire": "http://example.org/q|2"}

    assert is_found(held, "questionnaire=http://example.org/q")
    assert is_found(held, "questionnaire=http://example.org/q|2")
    assert not is_found(held, "questionnaire=http://example.org/q|1")


def test_what_is_repeated_must_hold_and_what_is_listed_may() -> None:
    assert is_found(PATIENT, "given=anna", "family=mueller")
    assert not is_found(PATIENT, "given=anna", "given=berta")
    assert is_found(PATIENT, "given=anna,berta")
