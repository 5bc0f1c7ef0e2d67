"""Cohorts without municipalities, files of another period, and releases whose places are not alike: no traceback."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from anonymise import synthetic
from anonymise.attack.run import attack
from anonymise.audit import published
from anonymise.build import build
from anonymise.commands.definitions import warned
from anonymise.commands.options import period_of, shelf_of
from anonymise.definition import SHIPPED, Definition, load, shipped
from anonymise.plan import planned
from anonymise.problems import InputInvalid
from tests.anonymise.attack.folders import CODES, release
from tests.anonymise.builders import NOW, QUARTER, definition, publish_persons, screened, shelf


def without_places(folder: Path) -> Definition:
    """The shipped cohort without its municipalities."""
    cohort = (SHIPPED / "kiel" / "cohort.toml").read_text(encoding="utf-8")
    head, _, rest = cohort.partition("[[dimension]]")
    places, _, others = rest.partition("[[dimension]]")
    assert '"municipality"' in places
    (folder / "cohort.toml").write_text(head + "[[dimension]]" + others)
    dataset = (SHIPPED / "kiel" / "reasons-for-encounter.toml").read_text(encoding="utf-8").partition("[[table]]")[0]
    tables = ('{ age_band = "10", sex = "sex" }', '{ age_band = "20", chapter = "chapter" }')
    path = folder / "reasons-for-encounter.toml"
    path.write_text(dataset + "".join(f"[[table]]\ncells = {cells}\n" for cells in tables))
    return load(path)


def test_a_cohort_without_municipalities_is_built_and_published(tmp_path: Path) -> None:
    wanted = without_places(tmp_path)

    made = publish_persons(
        synthetic.persons(900, 1), shelf(tmp_path), definition=wanted, quarter=QUARTER, now=NOW
    ).folder

    assert (made / "index.html").is_file() and not (made / "areas.csv").exists()
    assert attack(published(tmp_path / "releases")).findings == ()


def test_files_about_other_persons_are_a_finding_of_the_screen() -> None:
    one, other = (build(synthetic.persons(900, seed), definition()) for seed in (1, 2))
    small = build(synthetic.persons(200, 3), definition())

    for built in (other, small):
        assert screened(replace(one, members=built.members, persons=built.persons)).findings
        assert screened(replace(built, members=one.members, persons=one.persons)).findings


def test_releases_of_other_places_are_composed_by_the_places_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [("1", "0", "a", "*", 30), ("2", "0", "b", "*", 30)]
    groups = [("0", "J", 40), ("0", "F", 20), ("0", "M", 0)]
    first = release(blocks=blocks, groups=groups, quarter=1)
    more = {**CODES["place"], "d": ["d"], "*": ["a", "b", "c", "d"]}
    monkeypatch.setitem(CODES, "place", more)
    second = release(
        blocks=[*blocks, ("3", "0", "d", "*", 30)], groups=[("0", "J", 60), ("0", "F", 30), groups[2]], quarter=2
    )

    found = attack([first, second]).findings

    assert all(finding.kind != "contradiction" for finding in found)


def test_of_a_small_k_the_plan_and_the_explanation_warn() -> None:
    assert "is below 10" in warned(definition(5)) and warned(definition(10)) == ""


@pytest.mark.parametrize("name", ["2026-M08", "2026-W40", ""])
def test_a_period_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(InputInvalid, match="is told by quarter: such as" if name else "is no period"):
        period_of(name, shipped())


@pytest.mark.parametrize("address", ["notaurl", "ftp://x", "https://"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputInvalid, match="is no address of a portal"):
        shelf_of(tmp_path, tmp_path, address)


def test_no_share_of_persons_is_above_one() -> None:
    persons = synthetic.persons(300, 1).with_columns(pl.lit("01002000").alias("municipality"))

    for slug in ("reasons-for-encounter", "use-of-telemedicine"):
        wanted = shipped(slug)
        lines = planned(build(persons, wanted), wanted)
        assert all(
            0 <= each.misplaced + each.persons_lost <= 1
            for line in lines
            for each in (line.partition, line.suppression)
        )
