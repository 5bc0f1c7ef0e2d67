"""How alike two Patients are: symmetrical, and never certain against a number that contradicts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.insurance import check_digit, stands_for_a_person
from fhir.persons import components
from telemed.persons.matching import Grade, key_of, likeness, plain
from tests.telemed.persons.people import person

PATIENTS = st.builds(
    person,
    family=st.sampled_from(("Müller", "Mueller", "MULLER", "Groß")),
    number=st.sampled_from((None, 1, 2)),
    birthDate=st.sampled_from(("1980-02-29", "1980-03-01", "1980")),
    gender=st.sampled_from(("female", "male", "unknown")),
    telecom=st.sampled_from(([], [{"value": "0431 1"}])),
)


@given(one=PATIENTS, other=PATIENTS)
def test_it_is_the_same_either_way_round(one: Any, other: Any) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other).score <= 1


@given(one=PATIENTS)
def test_everybody_is_at_least_possibly_themselves(one: Any) -> None:
    assert likeness(one, one).grade is not Grade.NOT


@pytest.mark.parametrize(
    ("other", "grade"),
    [
        (person(number=1), Grade.CERTAIN),
        (person(number=1, birthDate="1990-01-01"), Grade.POSSIBLE),
        (person(number=2), Grade.NOT),
        (person(), Grade.PROBABLE),
        (person(gender="male"), Grade.POSSIBLE),
        (person(birthDate="1980-03-01"), Grade.NOT),
        (person(name=[{"family": "BEISPIEL"}]), Grade.POSSIBLE),
        (person(name=[{"family": "Neu", "given": ["Ada"]}, {"use": "maiden", "family": "Beispiel"}]), Grade.PROBABLE),
        ({"resourceType": "Patient"}, Grade.NOT),
    ],
)
def test_grades(other: Any, grade: Grade) -> None:
    assert likeness(person(number=1), other).grade is grade


@pytest.mark.parametrize(
    ("one", "other"), [("Müller", "Mueller"), ("GROß", "gross"), ("Anna-Lena", "anna lena"), ("José", "Jose")]
)
def test_names_are_compared_as_people_write_them(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    "less", [{"birthDate": "1980"}, {"name": [{"family": "Beispiel"}]}, {"name": [{"text": "Ada"}]}]
)
def test_without_names_and_a_full_birth_date_nobody_is_asked_about(less: Any) -> None:
    assert key_of(person()) == ("beispiel", "ada", "1980-02-29")
    assert key_of(person(**less)) is None


@given(body=st.from_regex(r"[A-Z][0-9]{8}", fullmatch=True), digit=st.integers(0, 9))
def test_a_number_stands_for_a_person_with_the_right_check_digit_or_one_made_up(body: str, digit: int) -> None:
    good = (digit - check_digit(body)) % 10 in (0, 5) and len({*body[1:], str(digit)}) > 1

    assert stands_for_a_person(f"{body}{digit}") == good


@given(
    owns=st.dictionaries(st.integers(0, 7).map(str), st.sampled_from("pqrst"), min_size=1),
    picks=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=8),
)
def test_the_person_is_the_smallest_of_all_that_hang_together(
    owns: dict[str, str], picks: list[tuple[int, int]]
) -> None:
    names = sorted(owns)
    links = [(names[one % len(names)], names[other % len(names)]) for one, other in picks]

    found = components(owns, links)

    for name in names:
        group = {name}
        while more := {n for n in names if n not in group and any(_near(owns, links, n, m) for m in group)}:
            group |= more
        assert found[name] == min(owns[each] for each in group)


def _near(owns: dict[str, str], links: list[tuple[str, str]], one: str, other: str) -> bool:
    return owns[one] == owns[other] or (one, other) in links or (other, one) in links
