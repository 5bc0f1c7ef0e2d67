"""Microdata: k in every class, no value in a class that would tell it, never beside the tables of the same persons."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from anonymise import synthetic
from anonymise.ledger import Entry
from anonymise.microdata import Microdata, microdata
from anonymise.problems import ReleaseRefused
from tests.anonymise.builders import NOW, QUARTER, definition, publish_persons, shelf
from tests.effort import examples
from tests.fixtures.anonymeter import Rates, attacked
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


def guessed(made: Microdata, seed: int) -> pl.DataFrame:
    """What an attacker makes of published rows: in every node one of its values, drawn blindly."""
    random = np.random.default_rng(seed)
    columns = {}
    for hierarchy in made.classes.hierarchies:
        holds = {
            code: values for level in range(len(hierarchy.levels)) for code, values in hierarchy.holds(level).items()
        }
        columns[hierarchy.name] = [str(random.choice(holds[code])) for code in made.rows[hierarchy.name].to_list()]
    told = made.rows["chapter"].to_list()
    known = [value for value in told if value != "*"]
    columns["chapter"] = [str(random.choice(known)) if value == "*" else value for value in told]
    return pl.DataFrame(columns)


def surplus(rates: Rates) -> dict[str, float]:
    """How much more often each attack is right about the persons than about others, for certain (95 %)."""
    return {
        name: found["persons"][0] - found["persons"][1] - found["others"][0] - found["others"][1]
        for name, found in rates.items()
    }


def test_anonymeter_guesses_no_better_about_those_who_are_in_and_would_if_their_rows_were_published(
    tmp_path: Path, participants: Participants
) -> None:
    everybody = synthetic.persons(2400, seed=4)
    persons, others = (part.select(*IDENTIFYING, "chapter") for part in (everybody.head(1200), everybody.tail(1200)))
    rows = guessed(microdata(everybody.head(1200), definition()), seed=1)

    protected, bare = map(
        surplus,
        attacked(
            persons, others, rows, persons, folder=tmp_path, secret="chapter", attacks=150, participants=participants
        ),
    )

    # Its guesses are drawn anew in every run; what is left for chance is far from both.
    assert max(protected.values()) <= 0.1
    assert bare["singling out"] > 0.3 and bare["inference"] > 0.1
