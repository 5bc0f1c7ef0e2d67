"""Before anything leaves: what each profile would make of every declared table."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonymise import synthetic
from anonymise.attempts import rehearsed
from anonymise.build import build
from anonymise.definition import shipped
from anonymise.plan import planned, total_of, worth
from anonymise.plan_pages import climbing, comparison, described, steps_tried
from anonymise.private import consistent, noisy
from anonymise.problems import InputInvalid
from anonymise.suppression import struck
from tests.anonymise.builders import QUARTER

TABLES = arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 40))


def test_a_plan_has_a_line_for_every_table_and_says_what_the_partition_tells_exactly() -> None:
    wanted = shipped()
    built = build(synthetic.persons(3000, seed=1), wanted)

    lines = planned(built, wanted, epsilon=1.0)

    assert [line.table for line in lines] == list(wanted.dataset.table)
    district = next(line for line in lines if dict(line.table.cells) == {"municipality": "district"})
    assert asdict(district.partition) == {
        "relative": 0.0, "misplaced": 0.0, "exact": 1.0, "lost": 0.0, "persons_lost": 0.0, "phantom": 0.0,
    }  # fmt: skip
    assert all(line.private is not None for line in lines)
    assert 0 <= total_of(lines) < 0.5


def test_a_plan_can_be_shown_and_read() -> None:
    wanted = shipped("waiting-times")
    lines = planned(build(synthetic.persons(1500, seed=1), wanted), wanted)

    assert comparison(lines, epsilon=None).row_count == len(lines)
    assert json.loads(json.dumps(described(lines)))[0]["cells"] == {"municipality": "municipality"}


def test_a_plan_shows_every_step_of_the_ladder_with_what_it_finds_and_loses() -> None:
    wanted = shipped("travel-saved")
    persons = synthetic.persons(900, seed=1).with_columns(
        travel_km=pl.when(pl.col("travel_km") == "0").then(pl.lit("0")).otherwise(pl.lit("1-9"))
    )
    persons = persons.with_columns(
        travel_km=pl.when(pl.int_range(pl.len()) < 700).then(pl.lit("0")).otherwise("travel_km")
    )

    made = rehearsed(persons, wanted, period=QUARTER)

    shown, table = climbing(made), steps_tried(made)
    assert len(shown) == table.row_count == len(made[-1].definition.ladder)
    assert shown[0]["groups"] == 0 and shown[0]["lost"] is None
    assert made[-1].definition.bare and not made[-1].audited.refusals
    assert made[-1].definition.dataset == wanted.dataset


@given(TABLES)
def test_no_small_cell_is_left_and_no_line_leaves_a_single_struck_cell_beside_others(table: np.ndarray) -> None:
    gone = struck(table, k=10)

    assert not (~gone & (table > 0) & (table < 10)).any()
    assert not (gone & (table == 0)).any()
    for axis in (0, 1):
        alone = gone.sum(axis=axis) == 1
        others = (~gone & (table > 0)).sum(axis=axis)
        assert table.shape[axis] == 1 or not (alone & (others > 0)).any()


@given(st.lists(st.integers(-20, 100), min_size=1, max_size=12), st.integers(0, 500))
def test_consistent_counts_are_whole_not_negative_and_have_the_total(counts: list[int], total: int) -> None:
    made = consistent(np.array(counts), total)

    assert made.sum() == total
    assert made.min() >= 0


def test_tables_with_noise_agree_on_one_total_and_are_as_far_off_as_the_budget_says() -> None:
    random = np.random.default_rng(1)
    tables = [random.integers(500, 900, (40, 10)), random.integers(500, 900, (20, 20))]
    tables[1][0, 0] += tables[0].sum() - tables[1].sum()

    made = noisy(tables, epsilon=1.0)

    assert made[0].sum() == made[1].sum()
    # Discrete Laplace of scale 3: a mean absolute error near 3.
    assert 2 < np.abs(made[0] - tables[0]).mean() < 4
    with pytest.raises(InputInvalid, match="above zero"):
        noisy(tables, epsilon=0)


def test_what_is_not_told_is_lost_and_what_is_told_wrongly_is_misplaced() -> None:
    truth = np.array([10, 20, 5, 0])

    found = worth(truth, np.array([12.0, 18.0, np.nan, 10.0]), exact=np.zeros(4, dtype=bool), k=10)

    assert found.relative == pytest.approx(0.15)
    assert found.misplaced == pytest.approx(2 / 35)  # what a cell has too much is nobody in a wrong cell
    assert found.lost == pytest.approx(1 / 3)
    assert found.persons_lost == pytest.approx(5 / 35)
    assert found.phantom == 1.0
