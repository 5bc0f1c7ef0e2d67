"""The made-up population: the same for the same seed, nobody real, nothing after today, valid FHIR."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from anonymise.municipalities import municipality_table
from fhir import rules
from fhir.codec import Parsed
from fhir.insurance import check_digit, stands_for_a_person
from telemed.demo.clinics import CLINICS, PRACTITIONERS
from telemed.demo.diagnoses import DIAGNOSES
from telemed.demo.names import ENDINGS, STEMS
from telemed.demo.people import AGE_BANDS, AGS_EXTENSION
from telemed.demo.population import Population
from telemed.demo.today import appointment

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
PERSONS = 1500
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def population() -> Population:
    """A small population."""
    return Population.made_up(PERSONS, now=NOW)


@pytest.fixture(scope="module")
def resources(population: Population) -> list[tuple[str, Resource]]:
    """All its resources with their tenants."""
    return list(population.everything())


def of(resources: list[tuple[str, Resource]], kind: str) -> list[Resource]:
    return [resource for _, resource in resources if resource["resourceType"] == kind]


def test_the_same_seed_makes_the_same_bytes(resources: list[tuple[str, Resource]]) -> None:
    again = list(Population.made_up(PERSONS, now=NOW).everything())

    assert msgspec.json.encode(again) == msgspec.json.encode(resources)


def test_another_seed_makes_others(resources: list[tuple[str, Resource]]) -> None:
    other = list(Population.made_up(PERSONS, now=NOW, seed=1).patients())

    assert other != [entry for entry in resources if entry[1]["resourceType"] in ("Patient", "Consent")]


def test_another_seed_gives_the_same_persons_other_consents_and_encounters(population: Population) -> None:
    other = replace(population, seed=1)

    assert Population.made_up(10, now=NOW, seed=1).seed == 1
    assert other.willing() != population.willing()
    assert next(other.encounters()) != next(population.encounters())


def test_clinics_staff_and_encounters_are_as_many_as_promised(resources: list[tuple[str, Resource]]) -> None:
    count = Counter(resource["resourceType"] for _, resource in resources)

    assert (count["Organization"], count["Practitioner"]) == (len(CLINICS), PRACTITIONERS) == (14, 60)
    assert count["Encounter"] == 3 * PERSONS
    assert count["Patient"] > PERSONS


def test_no_insurance_number_is_anybodys(resources: list[tuple[str, Resource]]) -> None:
    for patient in of(resources, "Patient"):
        number = patient["identifier"][0]["value"]
        assert len(number) == 10
        assert check_digit(number[:9]) != int(number[9])
        assert stands_for_a_person(number), "in the demo, too, one person is one person in all clinics"


def test_the_check_digit_is_the_one_of_the_insurers() -> None:
    assert check_digit("A12345678") == 0
    assert check_digit("A00050001") == 5


def test_every_family_name_says_that_it_is_made_up(population: Population) -> None:
    for name in [person.family for person in population.persons] + [clinician.family for clinician in population.staff]:
        assert name.startswith(STEMS)
        assert name.endswith(tuple(ENDINGS))


def test_people_live_in_the_region_by_its_population(population: Population) -> None:
    places = {place.ags for place in municipality_table()}
    homes = Counter(person.home.ags for person in population.persons)

    assert len(places) == 252
    assert set(homes) <= places
    assert homes.most_common(1)[0][0] == "01002000"


def test_people_are_as_old_as_in_the_region() -> None:
    persons = Population.made_up(6000, now=NOW).persons
    decades = Counter(min(person.age(NOW.date()) // 10, len(AGE_BANDS) - 1) for person in persons)

    assert sum(AGE_BANDS) == 100
    for decade, percent in enumerate(AGE_BANDS):
        assert abs(100 * decades[decade] / len(persons) - percent) < 1.5, decade
    assert all(person.birth_date <= NOW.date() for person in persons)


def test_people_live_in_the_municipalities_by_their_populations() -> None:
    persons, places = Population.made_up(6000, now=NOW).persons, municipality_table()
    homes, everybody = Counter(person.home.ags for person in persons), sum(place.population for place in places)

    for place in places:
        expected = len(persons) * place.population / everybody
        # Five standard deviations of a count: a place that is drawn by anything else stands out.
        assert abs(homes[place.ags] - expected) <= 5 * max(expected, 1) ** 0.5, place.name


def test_older_people_come_more_often() -> None:
    large = Population.made_up(3000, now=NOW)
    visits = Counter(e["subject"]["reference"].split("-")[2] for _, e in large.encounters() if "subject" in e)

    def each(ages: range) -> float:
        numbers = [visits[f"{person.number:06}"] for person in large.persons if person.age(NOW.date()) in ages]
        return sum(numbers) / len(numbers)

    assert each(range(65, 130)) > 1.5 * each(range(45))


def test_some_are_registered_in_several_clinics_under_one_number(resources: list[tuple[str, Resource]]) -> None:
    numbers = Counter(patient["identifier"][0]["value"] for patient in of(resources, "Patient"))

    assert 0.05 < sum(times > 1 for times in numbers.values()) / len(numbers) < 0.15
    assert max(numbers.values()) == 3


def test_encounters_lie_in_the_past_within_four_quarters_and_have_known_codes(
    resources: list[tuple[str, Resource]],
) -> None:
    known = {diagnosis.code for diagnosis in DIAGNOSES}
    for encounter in of(resources, "Encounter"):
        start = datetime.fromisoformat(encounter["period"]["start"])
        assert datetime(2025, 10, 1, tzinfo=UTC) <= start < NOW
        assert encounter["reasonCode"][0]["coding"][0]["code"] in known


def test_colds_come_in_winter_and_stings_in_summer() -> None:
    large = of(list(Population.made_up(6000, now=NOW).encounters()), "Encounter")
    months: dict[str, Counter[int]] = {"J06.9": Counter(), "T63.4": Counter()}
    for encounter in large:
        code = encounter["reasonCode"][0]["coding"][0]["code"]
        if code in months:
            months[code][int(encounter["period"]["start"][5:7])] += 1

    assert sum(months["J06.9"][m] for m in (12, 1, 2)) > 2 * sum(months["J06.9"][m] for m in (6, 7, 8))
    assert sum(months["T63.4"][m] for m in (12, 1, 2)) < sum(months["T63.4"][m] for m in (6, 7, 8))


def test_every_reference_leads_to_something_that_is_there(resources: list[tuple[str, Resource]]) -> None:
    there = {f"{resource['resourceType']}/{resource['id']}" for _, resource in resources}

    for _, resource in resources:
        assert set(references(resource)) <= there


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for part in value.values() for found in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []


def test_a_patient_carries_the_municipality_that_statistics_read(resources: list[tuple[str, Resource]]) -> None:
    [extension] = of(resources, "Patient")[0]["address"][0]["extension"]

    assert extension["url"] == AGS_EXTENSION
    assert len(extension["valueCoding"]["code"]) == 8


def test_what_is_made_is_valid(resources: list[tuple[str, Resource]]) -> None:
    kinds = {resource["resourceType"] for _, resource in resources}
    for kind in kinds:
        for resource in of(resources, kind)[:25]:
            rules.validate(Parsed(kind, resource, msgspec.json.encode(resource)))


def test_the_first_persons_are_the_same_without_the_rest(population: Population) -> None:
    few = Population.made_up(300, now=NOW)

    assert few.persons == population.persons[:300]
    assert few.willing() == {number for number in population.willing() if number <= 300}


def test_todays_visits_are_valid(population: Population) -> None:
    body = appointment(population.staff[0], population.persons[0], start=NOW)

    rules.validate(Parsed("Appointment", body, msgspec.json.encode(body)))
