"""What is published about small cohorts, as tables: persons in, rows out."""

import pytest

from anonymise.build import build
from anonymise.problems import TooFewPersons
from anonymise.rows import Row, Table
from tests.anonymise.builders import HEIKENDORF, KIEL, LABOE, PLOEN, Person, cohort, definition, group, screened


def value(table: Table, *keys: str) -> object:
    """The number of a row, or its flag where there is none, or None where there is no row."""
    found = [row for row in table.rows if row.keys == keys]
    if not found:
        return None
    return found[0].flag if found[0].value is None else found[0].value


def whole(people: list[Person]) -> Table:
    return build(cohort(people), definition()).table


def row(table: Table, *keys: str) -> Row:
    """A row by its codes."""
    return next(row for row in table.rows if row.keys == keys)


def elsewhere() -> list[Person]:
    """Forty persons of two chapters in each of the other three districts."""
    places = (KIEL, "01004000", "01058135")
    return [
        p for place in places for chapter in ("J00-J99", "I00-I99") for p in group(20, place=place, chapter=chapter)
    ]


def test_a_municipality_with_k_persons_is_exact_and_those_with_fewer_are_told_by_bounds_or_not() -> None:
    people = [*group(30, place=PLOEN), *group(6, place=LABOE), *group(7, place=HEIKENDORF)]

    table = whole([*people, *group(20, place=PLOEN, chapter="I00-I99")])

    assert value(table, PLOEN, "*", "*", "*") == 50
    assert [value(table, place, "*", "*", "*") for place in (LABOE, HEIKENDORF)] == ["c", "c"]
    assert value(table, PLOEN[:5], "*", "*", "*") == 63


def test_fewer_than_k_persons_beside_a_large_municipality_make_it_an_estimate_and_keep_the_district_exact() -> None:
    town = [*group(60, place=PLOEN), *group(50, place=PLOEN, age="70-79", chapter="I00-I99")]

    table = whole([*town, *group(6, place=LABOE)])

    assert value(table, PLOEN[:5], "*", "*", "*") == 116
    estimated = row(table, PLOEN, "*", "*", "*")
    assert estimated.flag == "e"
    assert estimated.lower is not None and estimated.upper is not None
    assert estimated.lower <= 110 <= estimated.upper


def test_every_municipality_stands_in_one_district() -> None:
    table = whole([*group(30, place=PLOEN), *group(6, place=LABOE), *group(40, chapter="I00-I99")])

    districts = [code for code in table.areas if len(code) == 5]
    assert sorted(ags for code in districts for ags in table.areas[code])[:2] == ["01002000", "01004000"]
    assert sum(len(table.areas[code]) for code in districts) == 252


def test_a_district_of_one_chapter_is_told_only_together_with_others() -> None:
    table = whole([*group(50, place=PLOEN), *elsewhere()])

    district = PLOEN[:5]
    assert value(table, district, "*", "*", "*") == 50
    told = row(table, district, "*", "*", "J00-J99")
    # All of them have it; the numbers force no more than the share limit of it.
    assert (told.flag, told.upper) == ("e", 50)
    assert told.lower is not None and told.lower <= 0.8 * 50
    assert value(table, "*", "*", "*", "J00-J99") == 110


def test_a_cohort_of_one_chapter_shows_no_chapter_at_all() -> None:
    table = whole(group(200))

    assert value(table, "*", "*", "*", "*") == 200
    assert {row.flag for row in table.rows if row.keys[3] != "*"} == {"c"}


def test_a_real_zero_is_told_from_what_is_withheld() -> None:
    table = whole(
        [*group(40), *group(40, chapter="I00-I99"), *group(3, chapter="Q00-Q99"), *group(8, chapter="K00-K93")]
    )

    assert value(table, "*", "*", "*", "P00-P96") == 0
    assert value(table, "*", "*", "*", "Q00-Q99") == "c"


def test_a_single_small_chapter_is_not_left_to_be_subtracted() -> None:
    people = [*group(40), *group(40, chapter="I00-I99"), *group(3, chapter="Q00-Q99")]

    table = whole(people)

    shown = [value(table, "*", "*", "*", code) for code in ("J00-J99", "I00-I99", "Q00-Q99")]
    assert shown.count("c") >= 2
    assert screened(build(cohort(people), definition())).findings == ()


def test_the_band_of_a_few_joins_its_neighbour() -> None:
    others = ("0-9", "10-19", "40-49", "50-59", "60-69", "70-79", "80+")
    people = [*group(30, age="20-29"), *group(4, age="30-39"), *(p for age in others for p in group(12, age=age))]

    table = whole(people)

    assert value(table, KIEL, "20-39", "*", "*") == 34
    assert value(table, "*", "40-49", "*", "*") == 12


def test_fewer_persons_than_one_block_are_refused() -> None:
    with pytest.raises(TooFewPersons):
        whole(group(9))
