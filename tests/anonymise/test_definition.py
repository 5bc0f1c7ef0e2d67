"""Definitions: the shipped ones, and what is refused, with line and reason."""

from pathlib import Path

import pytest

from anonymise.definition import SHIPPED, load, shipped, shipped_paths
from anonymise.problems import DefinitionInvalid

COHORT = (SHIPPED / "kiel" / "cohort.toml").read_text(encoding="utf-8")
DATA_SET = (SHIPPED / "kiel" / "waiting-times.toml").read_text(encoding="utf-8")


CLINIC = """name = "clinic"
role = "identifying"
values = { a = { de = "A", en = "A" } }
title = { de = "Ort", en = "Place" }
description = { de = "Ort", en = "Place" }
"""


def written(folder: Path, cohort: str = COHORT, dataset: str = DATA_SET) -> Path:
    (folder / "cohort.toml").write_text(cohort)
    path = folder / "waiting-times.toml"
    path.write_text(dataset)
    return path


def test_seven_data_sets_ship_and_all_of_one_cohort_know_the_same_tables() -> None:
    found = [load(path) for path in shipped_paths()]

    assert {d.slug for d in found} == {
        "reasons-for-encounter",
        "use-of-telemedicine",
        "waiting-times",
        "chronic-conditions",
        "travel-saved",
        "respiratory-season",
        "persons-by-clinic",
    }
    assert all(path.stem == d.slug for path, d in zip(shipped_paths(), found, strict=True))
    assert all(d.declared == shipped().declared for d in found if d.cohort.name == "kiel")
    assert {d.rule.k for d in found} == {10}


def test_what_is_no_definition_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid, match=r"good\.csv is no definition"):
        load(tmp_path / "good.csv")


def test_the_shipped_definition_covers_the_whole_region() -> None:
    definition = shipped()

    assert len(definition.hierarchies["municipality"].values) == 252
    assert [d.name for d in definition.identifying] == ["municipality", "age_band", "sex"]
    assert definition.sensitive is not None and definition.sensitive.name == "chapter"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("k = 10", "k = 4", r"cohort.toml, line 10: .*>= 5.*protection.k"),
        ("k = 10", 'k = "ten"', r"line 10: .*protection.k"),
        (
            'role = "sensitive"\nhierarchy = "icd10gm"',
            'role = "identifying"\nhierarchy = "icd10gm"',
            "such as the diagnosis is never only identifying; its role is sensitive, or both",
        ),
        ("share_limit = 0.8", "share_limit = 0.9", r"line 11: .*protection.share_limit"),
        ("min_categories = 2", "min_categories = 1", r"line 12: .*protection.min_categories"),
        ("[protection]", "[protection]\n[protection.dominance]\nclinics = 2\n[protection]", "not TOML"),
        ('period = "quarter"', 'period = "fortnight"', "line 3: .*period"),
        ('hierarchy = "age"', 'hierarchy = "shoe-size"', "line 25: .*no hierarchy 'shoe-size'"),
        ('hierarchy = "age"', 'hierarchy = "lost.csv"', "line 25: .*lost.csv can't be read"),
        ('base = "10"', 'base = "7"', "line 25: .*age_band has no level '7'"),
        ('hard = "municipality"', 'hard = "street"', "line 17: .*no level 'street'"),
        ('role = "sensitive"\nbands = [1, 2', 'role = "sensitive"\nhard = "band"\nbands = [1, 2', "can stay exact"),
        ("bands = [0, 2, 8, 15, 29]", "bands = [0, 8, 2]", "rising numbers"),
        ("bands = [0, 2, 8, 15, 29]", "", "needs one of hierarchy, bands or values"),
        ('role = "identifying"', 'role = "sensitive"', "at least one dimension must be identifying"),
        ('role = "identifying"', 'role = "hidden"', "line 19: .*role"),
        ('name = "sex"', 'name = "age_band"', "stands twice"),
        ('name = "sex"', 'name = "value"', "name of a column"),
        ("[region]", "[region]\ncolour = 1", "unknown field `colour`"),
        ("[region]", "[region", "not TOML.*line"),
        ("email = ", "mail = ", "contact"),
        ("[denominators]", "[denominators]\ncoverage = 1.5", "coverage"),
        (
            'legal_basis = "consent"',
            'legal_basis = "institution"',
            "line 7: .*identifying dimension clinic with a hard level",
        ),
        ('legal_basis = "consent"', 'legal_basis = "institution"', "every dimension must be identifying"),
        (
            "min_categories = 2\n",
            "min_categories = 2\n[protection.dominance]\n[[dimension]]\n" + CLINIC,
            "dominance needs clinics that are no dimension",
        ),
    ],
)
def test_a_bad_cohort_is_refused_with_line_and_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in COHORT

    with pytest.raises(DefinitionInvalid, match=said):
        load(written(tmp_path, COHORT.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('slug = "waiting-times"', 'slug = "../x"', "waiting-times.toml, line 1: .*slug"),
        ('wait_days = "band"', 'wait = "band"', "no dimension wait; it has municipality"),
        ('wait_days = "band"', 'wait_days = "month"', "wait_days has no level 'month'"),
        ('age_band = "20"', 'age_band = "5"', "age_band has no level '5' from its base on; it has 10, 20"),
        ('age_band = "20"', 'chapter = "chapter"', "only one of chapter, wait_days"),
        ('kind = "persons"', 'kind = "mean"\nof = "wait_days"', "first measure must be persons"),
        ('of = "wait_days"', 'of = "sex"', "a dimension in bands"),
        ("weight = 8", "weight = -1", "weight"),
        ('kind = "mean"\nof = "wait_days"', 'kind = "standardised"', "coverage of at least 0.7"),
    ],
)
def test_a_bad_data_set_is_refused_with_line_and_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DATA_SET

    with pytest.raises(DefinitionInvalid, match=said):
        load(written(tmp_path, dataset=DATA_SET.replace(old, new)))


def test_a_data_set_without_a_cohort_beside_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alone.toml").write_text(DATA_SET)

    with pytest.raises(DefinitionInvalid, match=r"cohort.toml must stand beside it"):
        load(tmp_path / "alone.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("week = [0, 8] }", "week = [0, 9] }", "must be some of the numbers of the level before"),
        ("week = [0, 8] }", "week = [8, 15] }", "the first among them"),
        ("week = [0, 8] }", "week = [0, 8, 15] }", "must be some of the numbers"),
        (
            'some = { joins = ["E10-E14", "I10-I50"',
            'some = { joins = ["E10-E14", "I50"',
            "join nodes of the level before",
        ),
        ('some = { joins = ["E10-E14",', 'some = { joins = ["M05-M19",', "each once"),
        ("some = { joins", "none = { joins", "under new codes"),
        ("week = [0, 8] }", "week = [] }", "must be some of the numbers"),
        ("week = [0, 8] }", "band = [0, 8] }", "level that is there already"),
        ("[dimension.coarser.any]", "[dimension.coarser.all]", "level that is there already"),
        ("some = { joins", '"I50" = { joins', "under new codes"),
        ("[dimension.coarser.any]", "[dimension.coarser]\nany = [1, 2]\n[dimension.coarser.more]", "must name nodes"),
        ('hierarchy = "sex"', 'hierarchy = "sex"\ncoarser = { all2 = [0, 1] }', "brings its own levels"),
    ],
)
def test_coarser_levels_that_do_not_join_what_is_there_are_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in COHORT

    with pytest.raises(DefinitionInvalid, match=said):
        load(written(tmp_path, COHORT.replace(old, new)))


def test_coarser_levels_join_bands_and_values() -> None:
    travel, condition = (shipped().hierarchies[name] for name in ("travel_km", "condition"))

    assert travel.level_names == ("band", "far", "any", "all")
    assert travel.holds(1)["1-24"] == ("1-9", "10-24") and travel.holds(2)["1+"][-1] == "100+"
    assert condition.nodes[1] == ("E10-E14", "I10-I50", "J44-J47", "M05-M19", "none")
    assert set(condition.holds(2)["some"]) == set(condition.values) - {"none"}
    assert condition.titles["some"].de == "eine davon"
