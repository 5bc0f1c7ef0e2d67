"""Releases of random populations as folders, in sequences: people join, leave, move and withdraw."""

from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from anonymise.attack.folder import Folder, folder_of
from anonymise.build import Built, build
from anonymise.definition import Definition
from anonymise.formats.csv import csv_bytes
from anonymise.periods import Quarter
from anonymise.release import about_of, number_files
from tests.anonymise.builders import NOW, QUARTER, definition
from tests.generative.populations import BANDS, CHAPTERS, PLACES, populations


def files(built: Built, wanted: Definition, *, quarter: Quarter = QUARTER) -> dict[str, bytes]:
    """The files of a data set that hold its numbers."""
    about = about_of(built.table, wanted, quarter=quarter, issued=NOW)
    numbers = {f"{wanted.slug}.csv": csv_bytes(built.table, quarter.name), "about.json": about.to_json()}
    return {**numbers, **number_files(built)}


def folder(built: Built, wanted: Definition | None = None, *, quarter: Quarter = QUARTER) -> Folder:
    """The release of a data set as the public reads it."""
    wanted = definition() if wanted is None else wanted
    return folder_of(files(built, wanted, quarter=quarter), Path(quarter.name))


def released(persons: pl.DataFrame, *, quarter: Quarter = QUARTER, k: int = 10) -> Folder:
    """The release of some persons."""
    wanted = definition(k)
    return folder(build(persons, wanted), wanted, quarter=quarter)


@st.composite
def sequences(draw: st.DrawFn) -> list[pl.DataFrame]:
    """The cohorts of two quarters: some leave or withdraw, some join, some move, grow older or come for another reason."""
    first = draw(populations(least=40))
    random = draw(st.randoms(use_true_random=False))
    stayed = first.sample(max(20, first.height - draw(st.integers(0, 30))), seed=random.randrange(2**31))
    joined = draw(populations(least=10, most=40)).with_columns(person=pl.format("new{}", "person"))
    moved = pl.concat([stayed, joined])
    for column, values in (("municipality", PLACES), ("age_band", BANDS), ("chapter", CHAPTERS)):
        new = [random.choice(values) if random.random() < 0.1 else old for old in moved[column].to_list()]
        moved = moved.with_columns(pl.Series(column, new))
    return [first, moved]
