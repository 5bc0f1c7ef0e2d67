"""Definitions: the shipped one, and what is refused."""

from importlib.resources import files

import pytest

from anonymise.definition import parse, shipped
from anonymise.problems import DefinitionInvalid

TEXT = (files("anonymise") / "definitions" / "reasons-for-encounter.toml").read_text(encoding="utf-8")


def test_the_shipped_definition_covers_the_whole_region() -> None:
    definition = shipped()

    assert len(definition.identifying[0].values) == 252
    assert [h.name for h in definition.identifying] == ["municipality", "age_band", "sex"]
    assert definition.rule.k == 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("k = 10", "k = 4", ">= 5.*protection.k"),
        ("k = 10", 'k = "ten"', "protection.k"),
        ("share_limit = 0.8", "share_limit = 0.9", "protection.share_limit"),
        ("min_categories = 2", "min_categories = 1", "protection.min_categories"),
        ('period = "quarter"', 'period = "fortnight"', "period"),
        ('slug = "reasons-for-encounter"', 'slug = "../x"', "slug"),
        ('hierarchy = "age"', 'hierarchy = "shoe-size"', "no hierarchy 'shoe-size'"),
        ('hierarchy = "age"', 'hierarchy = "sex"', "of another dimension"),
        ('role = "sensitive"', 'role = "identifying"', "exactly one dimension must be sensitive"),
        ("[region]", "[region]\ncolour = 1", "unknown field `colour`"),
        ("[region]", "[region", "Not TOML"),
        ('name = "sex"', 'name = "age_band"', "stands twice"),
        ("email = ", "mail = ", "contact"),
    ],
)
def test_a_bad_definition_is_refused_and_the_place_named(old: str, new: str, said: str) -> None:
    with pytest.raises(DefinitionInvalid, match=said):
        parse(TEXT.replace(old, new, 1))
