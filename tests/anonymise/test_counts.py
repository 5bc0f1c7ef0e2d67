"""The same counts whatever engine counts them."""

from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from anonymise import synthetic
from anonymise.counts import count
from anonymise.counts import tally as unordered
from anonymise.definition import shipped
from tests.fixtures import spark
from tests.fixtures.participants import Participants

NAMES = ("municipality", "age_band", "sex", "chapter")


def tally(rows: Any, names: tuple[str, ...]) -> pl.DataFrame:
    return unordered(rows, names).sort(names)


def persons() -> pl.DataFrame:
    return synthetic.persons(2000, seed=9)


def through_duckdb(frame: pl.DataFrame) -> Any:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE persons (person VARCHAR, municipality VARCHAR, age_band VARCHAR, sex VARCHAR, chapter VARCHAR)"
    )
    connection.executemany("INSERT INTO persons VALUES (?, ?, ?, ?, ?)", frame.select("person", *NAMES).rows())
    return connection.table("persons")


def test_duckdb_and_a_lazy_frame_count_what_polars_counts() -> None:
    frame = persons()

    expected = tally(frame, NAMES)

    assert tally(frame.lazy(), NAMES).equals(expected)
    assert tally(through_duckdb(frame.head(300)), NAMES).equals(tally(frame.head(300), NAMES))


def test_the_cells_of_the_partition_are_the_same_from_duckdb() -> None:
    frame, definition = persons().head(300), shipped()
    hierarchies = [definition.hierarchies[name] for name in NAMES[:3]]

    one = count(frame, hierarchies, sensitive=definition.hierarchies["chapter"])
    other = count(through_duckdb(frame), hierarchies, sensitive=definition.hierarchies["chapter"])

    assert np.array_equal(one.cells, other.cells) and np.array_equal(one.persons, other.persons)
    for held in ("place", "value", "number"):
        assert np.array_equal(getattr(one, held), getattr(other, held))


@pytest.mark.timeout(900)  # the first run fetches it
def test_spark_counts_what_polars_counts(participants: Participants, monkeypatch: pytest.MonkeyPatch) -> None:
    home = spark.folder()
    if isinstance(home, str):
        participants.excuse("Spark", home)
    monkeypatch.syspath_prepend(str(home))
    from pyspark import __version__
    from pyspark.sql import SparkSession

    participants.joined("Spark", __version__)
    frame, definition = persons().head(300).select("person", *NAMES), shipped()
    hierarchies = [definition.hierarchies[name] for name in NAMES[:3]]
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    try:
        rows = session.createDataFrame(frame.rows(), schema=frame.columns)
        one = count(frame, hierarchies, sensitive=definition.hierarchies["chapter"])
        other = count(rows, hierarchies, sensitive=definition.hierarchies["chapter"])

        assert tally(rows, NAMES).equals(tally(frame, NAMES))
        for held in ("cells", "persons", "place", "value", "number"):
            assert np.array_equal(getattr(one, held), getattr(other, held))
    finally:
        session.stop()
