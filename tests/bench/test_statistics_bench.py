"""The figures about statistics are made and judged; what they are is asked of the bench alone."""

from pathlib import Path

import pytest

from tests.bench import adult, anonymise, bars, region, usability


def test_counting_and_partition_are_measured_beside_a_group_by() -> None:
    [figure] = anonymise.run(3000)

    assert figure.unit == "GROUP BYs"
    assert "blocks" in figure.note


def test_the_region_has_a_line_for_each_of_its_eight_tables_and_meets_its_bars(tmp_path: Path) -> None:
    figures = region.run(tmp_path, 20_000)

    assert len(figures) == len(region.TABLES) + 1
    assert figures[1].ours <= 4 * bars.REGION_MISPLACED  # a fifth of the persons, so more places with few


@pytest.mark.parametrize("k", [10, 50])
def test_adult_loses_no_more_than_asked_for_by_metric_code_that_is_not_ours(
    tmp_path: Path, shared: Path, k: int
) -> None:
    rows, hierarchies = adult.adult(shared / "data" / "anonymise")

    made, _ = adult.partitioned(rows, hierarchies, k=k)
    adult.published(rows, made, tmp_path / "adult.csv")
    found = adult.measured(tmp_path / "adult.csv", shared=shared, k=k)

    assert found["k_holds"]
    assert found["smallest"] >= k
    assert round(found["ncp"], 4) <= bars.ADULT_NCP[k][0]


def test_every_data_set_of_the_demos_region_comes_out_for_two_quarters_and_two_weeks() -> None:
    first, *lines = usability.run(4000, quarters=2, weeks=2)

    assert first.met
    assert [line.what.split(":")[0] for line in lines] == [*usability.QUARTERLY, usability.WEEKLY]
    assert all(0 <= line.ours < 0.1 for line in lines)
    assert all(", 0 without categories" in line.note for line in lines)
