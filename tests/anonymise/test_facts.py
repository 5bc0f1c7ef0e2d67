"""Official tables become hierarchies; the tables that ship are whole."""

from itertools import pairwise
from pathlib import Path

import pytest

from anonymise.facts import import_groups, import_municipalities
from anonymise.hierarchies import HIERARCHIES, months, weeks
from anonymise.hierarchy import read_hierarchy
from anonymise.icd import chapter_of, chapter_table, group_of, group_table, icd10gm
from anonymise.problems import HierarchyInvalid, InputInvalid


def record(kind: str, key: str, association: str, name: str, people: int) -> str:
    """A line of GV100AD."""
    return f"{kind}20260630{key:<8}{association:<4}{name:<50}{'':<50}64{'':<4}{'':>11}{people:>11}"


def test_municipalities_come_from_the_directory_with_their_amt_and_their_inhabitants(tmp_path: Path) -> None:
    lines = [
        record("40", "01057", "", "Plön, Kreis", 0),
        record("50", "01057", "5747", "Musteramt", 0),
        record("50", "01057", "0057", "Musterstadt, Stadt", 0),
        record("50", "01057", "5799", "Leeres Amt", 0),
        record("60", "01057048", "5747", "Musterdorf", 512),
        record("60", "01057057", "0057", "Musterstadt, Stadt", 8120),
        record("60", "01060001", "0001", "Anderswo", 99),
    ]
    (tmp_path / "gv100ad.txt").write_text("\n".join(lines), encoding="cp1252")

    number = import_municipalities(tmp_path / "gv100ad.txt", tmp_path / "out", districts=["01057"])

    found = read_hierarchy(tmp_path / "out" / "places.csv", "municipality")
    assert number == 2
    assert found.level_names == ("municipality", "amt", "district", "all")
    assert found.holds(1) == {"010575747": ("01057048",), "01057057": ("01057057",)}
    assert {code: text.de for code, text in found.titles.items()} == {
        "01057": "Plön, Kreis",
        "010575747": "Musteramt",
        "01057048": "Musterdorf",
        "01057057": "Musterstadt, Stadt",
    }
    assert (tmp_path / "out" / "people.csv").read_text() == "municipality,persons\n01057048,512\n01057057,8120\n"


@pytest.mark.parametrize("content", ["", "60 nonsense", record("60", "01060001", "0001", "Anderswo", 99)])
def test_a_directory_without_a_wanted_district_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "gv.txt").write_text(content)

    with pytest.raises(InputInvalid, match="no municipality of 01057"):
        import_municipalities(tmp_path / "gv.txt", tmp_path / "out", districts=["01057"])


def test_groups_come_from_the_official_table_and_of_nested_ones_the_inner_ones_count(tmp_path: Path) -> None:
    official, out = tmp_path / "gruppen.txt", tmp_path / "groups.csv"
    official.write_text("J00;J06;10;Akut\nM00;M25;13;Gelenke\nM00;M03;13;Infektiös\nM05;M25;13;Übrige\n")

    assert import_groups(official, out) == 3
    found = read_hierarchy(out, "icd")
    assert found.holds(1) == {"J00-J99": ("J00-J06",), "M00-M99": ("M00-M03", "M05-M25")}
    assert (found.titles["M05-M25"].de, found.titles["J00-J99"].en) == ("Übrige", "Diseases of the respiratory system")
    assert "M00-M25" not in found.titles
    official.write_text("nonsense\n")
    with pytest.raises(InputInvalid, match="official table"):
        import_groups(official, out)


def test_every_group_lies_in_one_chapter_and_no_two_overlap() -> None:
    table = group_table()

    assert all(chapter_of(row.first) == chapter_of(row.last) != "unknown" for row in table)
    assert all(one.last < following.first for one, following in pairwise(table))


def test_every_group_and_chapter_has_a_title_in_both_languages_that_is_no_range() -> None:
    for row in (*group_table(), *chapter_table()):
        for title in (row.title.de, row.title.en):
            assert len(title) > 3 and row.first not in title, row.code
    assert len({row.title.de for row in group_table()}) == len(group_table())
    assert icd10gm().titles["J00-J06"].en == "Acute upper respiratory infections"


@pytest.mark.parametrize("content", ["", "code,de\nJ,x\n", "code,de,en\nJ,x,\n"])
def test_titles_that_are_not_whole_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "icd.csv").write_text("group\nJ\n")
    (tmp_path / "icd-titles.csv").write_text(content)

    with pytest.raises(HierarchyInvalid, match="titles"):
        read_hierarchy(tmp_path / "icd.csv", "icd")


@pytest.mark.parametrize(
    ("code", "group", "chapter"),
    [
        ("J06.9", "J00-J06", "J00-J99"),
        ("e11.90", "E10-E14", "E00-E90"),
        ("I10", "I10-I15", "I00-I99"),
        ("", "unknown", "unknown"),
        ("99", "unknown", "unknown"),
    ],
)
def test_a_code_has_a_group_and_a_chapter(code: str, group: str, chapter: str) -> None:
    assert (group_of(code), chapter_of(code)) == (group, chapter)


def test_days_have_a_month_and_a_week() -> None:
    month, week = months().place_of("2026-08-03"), weeks().place_of("2026-08-03")

    assert month is not None and months().values[month] == "08"
    assert week is not None and weeks().values[week] == "W32"
    assert months().place_of("2026-13-01") is None


@pytest.mark.parametrize("name", list(HIERARCHIES))
def test_every_hierarchy_that_ships_nests(name: str) -> None:
    found = HIERARCHIES[name]()

    assert found.level_names[-1] == "all"
    for level in range(1, len(found.levels)):
        finer, coarser = found.holds(level - 1), found.holds(level)
        assert all(any(set(values) <= set(wide) for wide in coarser.values()) for values in finer.values())
