"""The ladder: from the declared tables to no categories, the same for everybody, stated in what comes out."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from anonymise import pipeline, synthetic
from anonymise.about import Step, read
from anonymise.attack.folder import read_folder
from anonymise.attack.run import attack
from anonymise.build import build
from anonymise.definition import Definition, shipped
from anonymise.inner_pages import report_page
from anonymise.ladder import MARGINS, at, climbed, steps
from anonymise.periods import Quarter
from anonymise.problems import ReleaseRefused
from tests.anonymise.builders import NOW, QUARTER, publish_persons, screened, shelf

FINE = Step("band", "band", 0.8, 2)


@dataclass(frozen=True)
class Tried:
    definition: Definition
    settled: bool


def persons(number: int = 4000) -> pl.DataFrame:
    return synthetic.persons(number, seed=3)


def test_the_steps_lead_from_the_declared_level_to_none() -> None:
    found = steps(shipped("travel-saved"))

    assert found[0] == FINE and found[-1].finest == "all"
    assert list(dict.fromkeys(step.finest for step in found)) == ["band", "far", "any", "all"]
    assert [step.share_limit for step in found[: len(MARGINS)]] == [round(0.8 - m, 3) for m in MARGINS]


def test_levels_that_a_hierarchy_brings_are_told_inside_groups_of_their_coarsest() -> None:
    found = steps(shipped("reasons-for-encounter"))

    assert {(step.finest, step.top) for step in found} == {("chapter", "chapter"), ("all", "all")}


def test_it_stops_where_the_audits_pass_and_names_every_step_that_was_tried() -> None:
    third = climbed(shipped("travel-saved"), lambda definition: Tried(definition, len(definition.ladder) == 3))
    never = climbed(shipped("travel-saved"), lambda definition: Tried(definition, settled=False))

    assert [len(one.definition.ladder) for one in third] == [1, 2, 3]
    assert never[-1].definition.bare and never[-1].definition.ladder == steps(shipped("travel-saved"))


def test_a_data_set_without_categories_has_no_ladder() -> None:
    [only] = climbed(shipped("persons-by-clinic", "kiel-clinics"), lambda wanted: Tried(wanted, settled=False))

    assert only.definition.ladder == ()


@pytest.mark.parametrize("level", ["band", "far", "any"])
def test_a_step_tells_no_finer_category_in_any_file(level: str) -> None:
    wanted = at(shipped("travel-saved"), (Step(level, level, 0.8, 2),))
    codes = set(wanted.hierarchies["travel_km"].nodes[wanted.hierarchies["travel_km"].level(level)])

    built = build(persons(), wanted)

    place = built.table.dimensions.index("travel_km")
    assert {row.keys[place] for row in built.table.rows} == codes | {"*"} | ({"other"} if built.blocks.other else set())
    values = built.blocks.sensitive.values if built.blocks.sensitive else ()
    holds = wanted.hierarchies["travel_km"].holds(wanted.told[0]).values()
    for category in built.blocks.categories:
        told_of = {values[v] for v in category.values}
        assert all(set(node) <= told_of or not set(node) & told_of for node in holds)
    assert built.blocks.group is not None and not screened(built, definition=wanted).findings


def test_a_mean_of_fewer_bands_has_their_bounds() -> None:
    wanted = at(shipped("travel-saved"), (Step("any", "any", 0.8, 2),))

    built = build(persons(), wanted)

    [mean] = [row for row in built.table.rows if row.keys[-1] == "mean_travel" and set(row.keys[:-1]) == {"*"}]
    share = (persons()["travel_km"] != "0").mean()
    assert mean.value is not None and mean.lower is not None and mean.upper is None
    assert isinstance(share, float) and abs(mean.lower - share) < 0.06  # 1 km for each who saved any, the rest is open


def test_groups_are_made_within_a_smaller_share_and_the_promise_stays() -> None:
    wanted = at(shipped("travel-saved"), (FINE, Step("band", "band", 0.7, 2)))

    built = build(persons(), wanted)

    largest: dict[int, float] = {}
    sizes = built.blocks.group_sizes()
    for category in built.blocks.categories:
        if category.group >= 0:
            share = category.persons / sizes[category.group]
            largest[category.group] = max(largest.get(category.group, 0), share)
    assert max(largest.values()) <= 0.7 < wanted.rule.share_limit


def test_no_categories_at_all_leave_their_rows_withheld_and_the_others_as_they_were() -> None:
    wanted = shipped("travel-saved")
    bare, whole = build(persons(), at(wanted, steps(wanted))), build(persons(), wanted)

    place = bare.table.dimensions.index("travel_km")
    assert {row.flag for row in bare.table.persons() if row.keys[place] != "*"} == {"c"}
    told_of = [[row for row in built.table.persons() if row.keys[place] == "*"] for built in (bare, whole)]
    assert told_of[0] == told_of[1]


def region(quarter: int) -> pl.DataFrame:
    """Persons of one town, seven in ten of whom saved no way; the others saved this in one quarter and that in another."""
    random, near = np.random.default_rng(quarter), ("1-9", "10-24", "25-49", "50-99", "100+")
    drawn = synthetic.persons(1500, seed=3)
    saved = np.where(random.random(1500) < 0.72, "0", np.array(near)[random.integers(0, 2, 1500) + 2 * quarter])
    return drawn.with_columns(travel_km=pl.Series(saved))


def test_what_the_audits_refuse_comes_out_coarser_and_says_which_steps_were_tried(tmp_path: Path) -> None:
    place, wanted = shelf(tmp_path), shipped("travel-saved")
    publish_persons(region(0), place, definition=wanted, quarter=Quarter(2026, 2), now=NOW)

    release = publish_persons(region(1), place, definition=wanted, quarter=QUARTER, now=NOW)

    about = read(release.folder)
    assert about.ladder == steps(wanted)[: len(about.ladder)] and len(about.ladder) > 1
    assert about.ladder[-1].finest != "all" and (release.folder / "groups.csv").is_file()
    cube = json.loads((release.folder / "travel-saved.jsonstat.json").read_bytes())
    assert cube["extension"]["ladder"] == [msgspec.to_builtins(step) for step in about.ladder]
    assert f"at the level {about.ladder[-1].finest}" in (release.folder / "audit.en.html").read_text()
    report = place.reports.read("travel-saved", "2026-Q3")
    assert [rung.findings > 0 or rung.groups == 0 for rung in report.ladder] == [True] * (len(about.ladder) - 1) + [
        False
    ]
    assert "Welche Stufen versucht wurden" in report_page(report, "de").decode()
    folders = [read_folder(path) for path in sorted(release.folder.parent.iterdir())]
    assert not attack(folders).findings


def test_without_the_ladder_it_would_have_been_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, wanted = shelf(tmp_path), shipped("travel-saved")
    publish_persons(region(0), place, definition=wanted, quarter=Quarter(2026, 2), now=NOW)
    monkeypatch.setattr(pipeline, "climbed", lambda definition, attempt: (attempt(at(definition, (FINE,))),))

    with pytest.raises(ReleaseRefused, match=r"composition|minimality"):
        publish_persons(region(1), place, definition=wanted, quarter=QUARTER, now=NOW)
