"""The map of controls: every row names tests that exist, and the manual shows the map as it is."""

import re

from tests.docs.controls import CONTROLS, MANUAL, Standard, standards, written
from tests.docs.test_references import dead_tests

ID = {
    "OWASP ASVS 5.0": re.compile(r"V([1-9]|1[0-7])\.\d{1,2}\.\d{1,2}"),
    "BSI TR-03161-2 (web) and TR-03161-3 (background systems)": re.compile(r"O\.[A-Z][A-Za-z]+"),
    "GDPR": re.compile(r"Art\. \d+.*|Recital \d+"),
}
SEEDED = """[[standard]]
name = "GDPR"
source = "https://example.org"
note = ""
rows = [{ id = "Art. 99", what = "made up", tests = ["test_that_is_not_there"] }]
"""


def dead(found: list[Standard]) -> set[str]:
    """Tests that are named and do not exist."""
    return {
        test
        for standard in found
        for control in standard.controls
        for test in control.tests
        if not test.startswith(("tests/", "test_")) or dead_tests(f"`{test}`")
    }


def test_every_row_names_tests_that_exist() -> None:
    found = list(standards(CONTROLS.read_text()))

    assert dead(found) == set()
    assert all(control.tests for standard in found for control in standard.controls)


def test_a_row_whose_test_does_not_exist_is_named() -> None:
    assert dead(list(standards(SEEDED))) == {"test_that_is_not_there"}


def test_every_id_has_the_form_of_its_standard_and_stands_once() -> None:
    for standard in standards(CONTROLS.read_text()):
        ids = [control.id for control in standard.controls]
        assert [id for id in ids if not ID[standard.name].fullmatch(id)] == []
        assert len(ids) == len(set(ids))


def test_the_manual_shows_the_map_as_it_is() -> None:
    manual = MANUAL.read_text()

    assert written(manual, standards(CONTROLS.read_text())) == manual
    assert written(manual, standards(SEEDED)) != manual


def test_nothing_is_called_certified() -> None:
    for line in MANUAL.read_text().splitlines():
        assert not re.search(r"\bcertified\b", line) or re.search(r"\b(not|nothing)\b", line), line
