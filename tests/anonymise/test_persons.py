"""A file of persons: what is wrong is told by row and column, and never by what stands there."""

from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pytest

from anonymise.definition import Definition
from anonymise.icd import icd10gm
from anonymise.periods import period_named
from anonymise.persons import columns_of, read_persons, rows_that_count
from anonymise.problems import InputInvalid
from tests.anonymise.builders import definition

HEADER = "person,municipality,age_band,sex,chapter\n"
LINES = "".join(f"p{n},01002000,30-39,male,J06.9\n" for n in range(12))


def read(folder: Path, content: bytes, name: str = "persons.csv") -> pl.DataFrame:
    (folder / name).write_bytes(content)
    return read_persons(folder / name, definition())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ((HEADER + LINES).replace(",", ";").encode(), "separated by semicolons"),
        ((HEADER + LINES).replace(",", "\t").encode(), "separated by tabs"),
        ((HEADER + "m\u00fcller,01002000,30-39,male,J06.9\n").encode("latin-1"), "not UTF-8"),
        (b"person,sex\na,male\n", "has no column municipality, age_band, chapter"),
        ((HEADER + LINES + "p9,01002000,30-39,male,J06.9\n").encode(), "row 13: this person stands in an earlier row"),
        (
            (HEADER + LINES + " p9 ,01002000,30-39,male,J06.9\n").encode(),
            "row 13: this person stands in an earlier row",
        ),
        ((HEADER + "a,01002000,,male,J06.9\n").encode(), "row 1: age_band is empty"),
        ((HEADER + "a,01002000,  ,male,J06.9\n").encode(), "row 1: age_band is empty"),
        ((HEADER + "a,1002000,30-39,male,J06.9\n").encode(), "Leading zeros are lost: keep such keys as text of 8"),
        ((HEADER + "a,99999999,30-39,male,J06.9\n").encode(), "row 1: municipality holds a value .* Use one of"),
        ((HEADER + "a,01002000,30-39,male,J999.9Q\n").encode(), "row 1: chapter holds a value"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_row_and_column(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputInvalid, match=said) as refused:
        read(tmp_path, content)

    assert not {"p9", "99999999", "J999", "1002000,"} & set(str(refused.value).split())


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"There is no file .*absent\.csv"):
        read_persons(tmp_path / "absent.csv", definition())


@pytest.mark.parametrize("name", ["p.parquet", "p.pq", "p.PARQUET", "p.csv", "p.CSV"])
def test_a_file_is_read_by_its_suffix_in_any_case_and_without_blanks_around_words(tmp_path: Path, name: str) -> None:
    frame = pl.read_csv((HEADER + LINES).encode(), infer_schema=False).with_columns(pl.lit(" male ").alias("sex"))
    write = frame.write_csv if name.lower().endswith("csv") else frame.write_parquet
    write(tmp_path / name)

    found = read_persons(tmp_path / name, definition())

    assert found.height == 12 and set(found["sex"]) == {"male"} and found.columns == list(columns_of(definition()))


@pytest.mark.parametrize("code", ["J06.9", "j06.9", "J06", "J06.-", "J069", "E11.90", "M90.7*", "J06.9G", "M17.1GL"])
def test_codes_as_clinics_write_them_are_read(code: str) -> None:
    assert icd10gm().place_of(code) is not None


@pytest.mark.parametrize("code", ["J999.9Q", "J06.999", "J06.9 G", "J0", "JX6", "J06,9"])
def test_what_only_begins_like_a_code_is_none(code: str) -> None:
    assert icd10gm().place_of(code) is None


def with_period_column() -> Definition:
    base = definition()
    return replace(base, cohort=msgspec.structs.replace(base.cohort, period_column="quarter"))


def test_of_a_file_with_a_column_for_the_period_its_rows_alone_count(tmp_path: Path) -> None:
    lines = LINES.splitlines()
    rows = [f"{line},2026-Q{2 + n % 2}" for n, line in enumerate(lines)] + [f"{lines[1]},2026-Q2"]
    (tmp_path / "p.csv").write_text(HEADER.strip() + ",quarter\n" + "\n".join(rows) + "\n")

    found = read_persons(tmp_path / "p.csv", with_period_column(), period=period_named("2026-Q3"))

    assert found.height == 6 and "quarter" not in found.columns
    with pytest.raises(InputInvalid, match="no row whose quarter is 2025-Q1"):
        read_persons(tmp_path / "p.csv", with_period_column(), period=period_named("2025-Q1"))
    assert "whose quarter is" in rows_that_count(with_period_column())
    assert "Every row of the file counts" in rows_that_count(definition())
