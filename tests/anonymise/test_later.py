"""A data set that is declared after another about the same persons is out: it stands on the same blocks, or is refused."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given

from anonymise import synthetic
from anonymise.build import base_partition, build
from anonymise.counts import count
from anonymise.dataset import DeclaredTable
from anonymise.definition import Definition, shipped
from anonymise.ledger import Ledger
from anonymise.partition import Partition, as_before
from anonymise.pipeline import Shelf
from anonymise.problems import ReleaseRefused
from anonymise.release import Release, number_files
from tests.anonymise.builders import NOW, QUARTER, definition, publish_persons, shelf
from tests.generative.populations import populations

PERSONS = 1500


def later() -> Definition:
    """A data set that nobody had declared: its tables ask for ages where the others ask for places."""
    tables = tuple(DeclaredTable({"age_band": "10", "sex": "sex"}, weight) for weight in (50.0, 40.0))
    wanted = shipped("waiting-times")
    return replace(wanted, declared=(*wanted.declared, *tables))


def published(place: Shelf, wanted: Definition, persons: pl.DataFrame) -> Release:
    return publish_persons(persons, place, definition=wanted, quarter=QUARTER, now=NOW)


def blocks_of(release: Release) -> list[list[str]]:
    return without_groups((release.folder / "blocks.csv").read_text())


def without_groups(blocks: str) -> list[list[str]]:
    return [line.split(",")[:1] + line.split(",")[2:] for line in blocks.splitlines()]


def test_it_stands_on_the_blocks_of_the_first_though_its_own_tables_would_cut_others(tmp_path: Path) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    first = published(place, definition(), persons)

    second = published(place, later(), persons.sample(fraction=1, shuffle=True, seed=3))

    assert blocks_of(second) == blocks_of(first)
    own = number_files(build(persons, later()))["blocks.csv"].decode()
    assert without_groups(own) != blocks_of(first)


def test_without_the_blocks_of_the_first_it_would_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    published(place, definition(), persons)
    monkeypatch.setattr(Ledger, "kept", lambda *_, **__: None)

    with pytest.raises(ReleaseRefused, match="a difference of rows holds fewer than 10 persons"):
        published(place, later(), persons)


@pytest.mark.parametrize("change", ["one left", "one came", "one moved"])
def test_other_persons_are_refused_with_what_to_do(tmp_path: Path, change: str) -> None:
    place, persons = shelf(tmp_path), synthetic.persons(PERSONS, seed=1)
    published(place, definition(), persons)
    new = persons.tail(1).with_columns(person=pl.lit("new"))
    moved = persons.slice(1, 1).with_columns(person=pl.lit(persons["person"][0]))
    changed = {
        "one left": persons.slice(1),
        "one came": pl.concat([persons, new]),
        "one moved": pl.concat([moved, persons.slice(1)]),
    }

    said = "a difference of rows" if change == "one moved" else "is declared later begins with it"
    with pytest.raises(ReleaseRefused, match=said):
        published(place, later(), changed[change])


@given(populations(least=20))
def test_blocks_that_are_known_make_the_partition_that_they_came_from(persons: pl.DataFrame) -> None:
    wanted = definition()
    counted = count(persons, [wanted.hierarchies[d.name] for d in wanted.identifying])
    made = base_partition(counted, wanted)

    again = as_before(
        made.cells, made.persons, 7 * made.block + 3, hierarchies=made.hierarchies, k=wanted.rule.k, hard={0: 0}
    )

    assert told(again) == told(made)


def told(made: Partition) -> list[list[int]]:
    return [part.ravel().tolist() for part in (made.cells, made.persons, made.block, made.levels, made.nodes)]
