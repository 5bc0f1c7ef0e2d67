"""Rows are a function of the published blocks and groups; estimates, means, rates and their bounds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anonymise import synthetic
from anonymise.build import build
from anonymise.definition import load, shipped, shipped_paths
from anonymise.denominators import inhabitants_for
from anonymise.formats.blocks import read_blocks
from anonymise.formats.csv import read_files, table_of
from anonymise.measures import STANDARD_POPULATION_2013, byar, directly_standardised
from anonymise.periods import last_complete
from anonymise.tables import number, tabulate
from tests.anonymise.builders import NOW, definition, publish_persons, shelf


@pytest.mark.parametrize("path", shipped_paths(), ids=lambda path: path.stem)
def test_every_shipped_data_set_passes_the_screen_and_its_rows_come_from_its_blocks_alone(
    tmp_path: Path, path: Path
) -> None:
    wanted, place = load(path), shelf(tmp_path)
    persons = synthetic.persons(1500, seed=7)
    period = last_complete(wanted.period, NOW)

    release = publish_persons(persons, place, definition=wanted, quarter=period, now=NOW)

    files = read_files(release.folder, wanted.slug)
    read = table_of(files[f"{wanted.slug}.csv"], files["codes.json"])
    blocks = read_blocks(release.folder, wanted, holds=read.holds)
    again = tabulate(blocks, wanted, inhabitants=inhabitants_for(wanted))
    assert again.rows == read.rows
    assert len(read.rows) > 10


def test_codes_name_the_base_values_of_every_region_of_a_block(tmp_path: Path) -> None:
    release = publish_persons(
        synthetic.persons(1500, seed=7), shelf(tmp_path), definition=definition(), quarter=last_complete("quarter", NOW), now=NOW
    )  # fmt: skip

    lists = json.loads((release.folder / "codes.json").read_bytes())
    held = {entry["code"]: entry["holds"] for entry in lists["municipality"]}
    lines = (release.folder / "blocks.csv").read_text().splitlines()[1:]
    assert {line.split(",")[2] for line in lines} <= set(held)
    assert any("~" in code for code in held)
    assert all(
        len(values) < len(held[code.split("~")[0].replace("all", "*")]) for code, values in held.items() if "~" in code
    )


@pytest.mark.parametrize(
    ("expected", "lower", "upper", "told"),
    [
        (50.0, 50, 50, (50, "", None, None)),
        (0.0, 0, 0, (0, "", None, None)),
        (9.4, 0, 30, (None, "c", None, None)),
        (10.2, 0, 30, (10, "e", 0, 30)),
        (99.0, 0, 30, (30, "e", 0, 30)),  # an estimate never leaves its bounds
        (float("nan"), 0, 30, (None, "c", None, None)),
    ],
)
def test_a_cell_is_exact_estimated_or_withheld(
    expected: float, lower: int, upper: int, told: tuple[object, ...]
) -> None:
    row = number(expected, lower, upper, keys=("x",), rule=definition().rule)

    assert (row.value, row.flag, row.lower, row.upper) == told


def test_a_mean_lies_between_the_ends_of_its_bands() -> None:
    persons = synthetic.persons(3000, seed=3)
    numbers = persons["wait_days"].str.extract(r"^(\d+)").cast(int)

    built = build(persons, shipped("waiting-times"))

    rows = {row.keys: row for row in built.table.rows}
    mean = rows["*", "*", "*", "mean_wait"]
    assert mean.lower is not None and mean.value is not None
    assert mean.lower == pytest.approx(float(numbers.mean()), abs=0.05)  # type: ignore[arg-type]
    assert mean.lower <= mean.value
    assert mean.upper is None  # nobody knows how long 29 days and more are


def test_a_rate_has_an_interval_around_it() -> None:
    built = build(synthetic.persons(3000, seed=3), shipped("use-of-telemedicine"))

    rows = {row.keys: row for row in built.table.rows}
    rate = rows["01002", "*", "*", "*", "rate"]
    persons = rows["01002", "*", "*", "*", "persons"]
    assert persons.value is not None and rate.value == round(persons.value / 242041 * 1000, 2)
    assert rate.lower is not None and rate.upper is not None and rate.lower < rate.value < rate.upper


def test_limits_of_a_poisson_count_are_those_of_the_tables() -> None:
    # Exact limits for 10: 4.795 and 18.39 (Ulm 1990); Byar's approximation is within one per cent.
    low, high = byar(10)

    assert low == pytest.approx(4.795, rel=0.01)
    assert high == pytest.approx(18.39, rel=0.01)
    assert byar(0)[0] == 0.0
    assert byar(0)[1] == pytest.approx(3.689, rel=0.001)


def test_the_standard_population_holds_100000_and_equal_rates_stay_what_they_are() -> None:
    assert sum(STANDARD_POPULATION_2013) == 100_000
    people = np.array([1000, 2000, 500])

    rate, low, high = directly_standardised(people * 0.02, people, np.array([0.2, 0.3, 0.5]))

    assert rate == pytest.approx(0.02)
    assert low < rate < high


def test_a_standardised_rate_needs_inhabitants_by_age_and_a_stated_coverage(tmp_path: Path) -> None:
    source = shipped("use-of-telemedicine").folder
    cohort = (source / "cohort.toml").read_text().replace(
        'vintage = "2011-12-31"', 'vintage = "2025-12-31"\nfile = "people.csv"\ncoverage = 0.8'
    )  # fmt: skip
    (tmp_path / "cohort.toml").write_text(cohort)
    (tmp_path / "use.toml").write_text(
        (source / "use-of-telemedicine.toml").read_text().replace('kind = "rate"', 'kind = "standardised"')
    )
    bands = [f"{low}-{low + 9}" for low in range(0, 80, 10)] + ["80+"]
    lines = [f"{ags},{band},900" for ags in ("01002000", "01004000") for band in bands]
    (tmp_path / "people.csv").write_text("\n".join(["municipality,age_band,persons", *lines]) + "\n")

    built = build(synthetic.persons(3000, seed=3), load(tmp_path / "use.toml"))

    told = {row.keys[0]: row for row in built.table.rows if row.keys[-1] == "rate"}
    assert told["01002"].flag == "e"
    assert told["01057"].flag == "c"  # no inhabitants stated there


def test_dominance_of_a_clinic_keeps_a_group_from_being_shown() -> None:
    from anonymise.cohort import Dominance, Protection
    from tests.anonymise.builders import protected

    persons = synthetic.persons(3000, seed=3)
    one = persons.with_columns(clinic=np.where(np.arange(3000) % 10 < 8, "a", np.arange(3000) % 10))  # 80 % at one
    many = persons.with_columns(clinic=np.arange(3000) % 5)
    wanted = protected(definition(), Protection(dominance=Dominance()))

    assert build(one, wanted).blocks.group is None
    shown = build(many, wanted)
    assert shown.blocks.group is not None
    clinics = shown.members.select("person", "group").join(many.select("person", "clinic"), on="person")
    shares = clinics.group_by("group", "clinic").len().group_by("group").agg(most="len", all="len")
    assert all(max(most) <= 0.7 * sum(every) and len(most) >= 3 for _, most, every in shares.iter_rows())
    assert replace(shown.blocks, group=None).group_sizes().size == 0
