"""Cohorts of other names over the same persons: what both tell together is judged, by the ledger inside and as suppositions
by whoever has the folders alone."""

from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pytest

from anonymise import audit, synthetic
from anonymise.attack import run
from anonymise.audit import published
from anonymise.definition import Definition
from anonymise.dimensions import hierarchy_of
from anonymise.ledger import Entry
from anonymise.meet import standings
from anonymise.periods import Period, month
from anonymise.pipeline import Shelf
from anonymise.problems import ReleaseRefused
from anonymise.rule import Rule
from tests.anonymise.builders import NOW, QUARTER, definition, publish_persons, shelf

PERSONS = 700


def other(
    name: str = "other", slug: str = "again", *, hard: str = "municipality", zones: Path | None = None
) -> Definition:
    """The shipped data set about a cohort of another name, with places cut otherwise."""
    base = definition()
    places = msgspec.structs.replace(base.cohort.dimension[0], hard=hard)
    if zones is not None:
        places = msgspec.structs.replace(places, hierarchy=zones.name, hard="zone")
    tree = base.hierarchies if zones is None else {**base.hierarchies, places.name: hierarchy_of(places, zones.parent)}
    level = {"municipality": "zone"} if zones is not None else {}
    tables = tuple(
        msgspec.structs.replace(t, cells={n: level.get(n, v) for n, v in t.cells.items()}) for t in base.dataset.table
    )
    return replace(
        base,
        cohort=msgspec.structs.replace(base.cohort, name=name, dimension=(places, *base.cohort.dimension[1:])),
        dataset=msgspec.structs.replace(base.dataset, slug=slug, table=tables),
        declared=tables,
        hierarchies=tree,
    )


def out(place: Shelf, wanted: Definition, persons: pl.DataFrame) -> None:
    publish_persons(persons, place, definition=wanted, quarter=QUARTER, now=NOW)


def second_geography(folder: Path) -> Path:
    """Zones that cut across Ämter: every seventh municipality in one."""
    values = definition().hierarchies["municipality"].values
    path = folder / "zones.csv"
    path.write_text("municipality,zone\n" + "".join(f"{v},Z{n % 7}\n" for n, v in enumerate(values)))
    return path


def test_nearly_the_same_persons_under_another_name_are_refused_with_what_to_do(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    out(place, definition(), persons)

    with pytest.raises(ReleaseRefused, match=r"name of another cohort.*Build it as a data set of the same cohort"):
        out(place, other(), persons.slice(5))


def test_a_second_geography_over_the_same_persons_is_refused(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    out(place, definition(), persons)

    with pytest.raises(ReleaseRefused, match="name of another cohort"):
        out(place, other(zones=second_geography(tmp_path)), persons)


def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody inside looks at other cohorts."""
    monkeypatch.setattr(audit, "_joined", lambda *_: False)


@pytest.mark.parametrize("left", [0, 5])
def test_without_that_guard_it_comes_out_and_the_attack_on_the_folders_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    unjudged(monkeypatch)
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    out(place, definition(), persons)
    zones = None if left else second_geography(tmp_path)
    out(place, other(zones=zones), persons.slice(left))

    found = run.attack(published(place.releases_dir), explain=1).findings
    monkeypatch.setattr(run._Bench, "suppose", lambda *_, **__: None)
    without = run.attack(published(place.releases_dir), explain=1).findings

    assert any("is part of it" in one.what for one in found if one.kind == "set")
    assert without == ()


def test_cohorts_of_one_period_that_share_nobody_both_come_out(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    out(place, definition(), synthetic.persons(PERSONS, seed=1))
    elsewhere = synthetic.persons(PERSONS, seed=2).with_columns(pl.col("person") + "-elsewhere")

    out(place, other(), elsewhere)

    assert len(published(place.releases_dir)) == 2


def test_a_month_by_other_places_inside_a_quarter_is_refused_for_want_of_a_map(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    out(place, definition(), persons)
    zones = second_geography(tmp_path)
    lines = zones.read_text().splitlines()
    owner = dict(line.split(",") for line in lines[1:])
    zones.write_text("zone\n" + "".join(f"{zone}\n" for zone in sorted(set(owner.values()))))
    moved = persons.with_columns(pl.col("municipality").replace_strict(owner))

    with pytest.raises(ReleaseRefused, match="by other places or bands"):
        publish_persons(moved.head(300), place, definition=other(zones=zones), quarter=month(2026, 8), now=NOW)


PERIODS: dict[str, Period] = {
    "same": QUARTER,
    "inside": month(2026, 8),
    "across": replace(month(2026, 9), last=QUARTER.next().last),
}


@pytest.mark.parametrize(
    ("period", "shared", "refused"),
    [("same", 39, True), ("same", 0, False), ("inside", 39, False), ("across", 39, True), ("across", 20, False)],
)
def test_which_cohorts_of_other_names_are_judged_together(period: str, shared: int, *, refused: bool) -> None:
    mine = {f"p{n}": n // 20 for n in range(40)}
    its = {f"p{n}" if n < shared else f"q{n}": n // 20 for n in range(39 if shared == 39 else 40)}
    frames = {
        name: pl.DataFrame({"person": list(each), "block": list(each.values())})
        for name, each in (("own", mine), ("other", its))
    }
    own, standing = standings(frames)
    when = PERIODS[period]
    entry = Entry("own", QUARTER.name, QUARTER.start, QUARTER.end, "kiel")

    said = audit.together(
        entry, own, [(Entry("other", when.name, when.start, when.end, "other"), standing)], rule=Rule()
    )

    assert bool(said.refusals) == refused
