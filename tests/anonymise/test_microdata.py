"""Microdata: k in every class, no value in a class that would tell it, never beside the tables of the same persons."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given

from anonymise import synthetic
from anonymise.ledger import Entry
from anonymise.microdata import Microdata, microdata
from anonymise.problems import ReleaseRefused
from tests.anonymise.builders import NOW, QUARTER, definition, publish_persons, shelf
from tests.effort import examples
from tests.fixtures.participants import Participants
from tests.fixtures.pycanon import report
from tests.generative.populations import populations

IDENTIFYING = ["municipality", "age_band", "sex"]


def shown(made: Microdata) -> pl.DataFrame:
    """The rows whose sensitive value is told."""
    return made.rows.filter(pl.col("chapter") != "*")


@examples(15)
@given(populations())
def test_every_class_holds_k_and_no_class_tells_the_value_of_its_persons(persons: pl.DataFrame) -> None:
    made = microdata(persons, definition())

    assert made.rows.height == persons.height
    assert made.rows.group_by(IDENTIFYING).len()["len"].min() >= 10  # type: ignore[operator]
    for _, values in (
        shown(made).group_by(IDENTIFYING).agg("chapter").select(pl.struct(IDENTIFYING), "chapter").iter_rows()
    ):
        counts = Counter(values)
        assert len(counts) >= 2 and max(counts.values()) * 10 <= 8 * len(values)


def test_a_class_is_at_most_as_wide_as_its_persons() -> None:
    persons = synthetic.persons(3000, seed=1)

    made = microdata(persons, definition())

    codes = {h.name: [h.holds(level) for level in range(len(h.levels))] for h in made.classes.hierarchies}
    joined = persons.join(made.members.select("person", "block"), on="person")
    for dimension, name in enumerate(IDENTIFYING):
        node = made.classes.codes(dimension)
        for value, block in joined.select(name, "block").unique().iter_rows():
            assert any(value in held.get(node[block], ()) for held in codes[name])


def test_microdata_beside_the_tables_of_the_same_persons_are_refused(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(900, seed=1)
    made = microdata(persons, definition())

    cohort = definition().cohort.name
    place.ledger.write(Entry("microdata", "2026-Q3", QUARTER.start, QUARTER.end, cohort), made.members)
    with pytest.raises(ReleaseRefused, match="Together with microdata"):
        publish_persons(persons, place, definition=definition(), quarter=QUARTER, now=NOW)


def test_pycanon_finds_the_k_the_l_and_the_t_that_we_promise(tmp_path: Path, participants: Participants) -> None:
    made = microdata(synthetic.persons(2000, seed=1), definition())

    found = report(shown(made), tmp_path, identifying=IDENTIFYING, sensitive="chapter", participants=participants)

    assert found["k"] >= 10
    assert found["l"] >= 2
    assert found["alpha"] <= 0.8
    assert found["t"] <= 0.8
