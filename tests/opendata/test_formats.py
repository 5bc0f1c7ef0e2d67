"""The same numbers in every form, and metadata that fit them."""

import csv
import json
from html.parser import HTMLParser
from math import prod

import polars as pl
import pytest
from rdflib import Graph, URIRef

from anonymise.formats.csv import read_table
from anonymise.release import Release
from anonymise.rows import Number, Row

Key = tuple[str, ...]
Numbers = dict[Key, tuple[Number | None, str]]
SLUG = "reasons-for-encounter"


@pytest.fixture(scope="module")
def release(releases: list[Release]) -> Release:
    return releases[1]


@pytest.fixture(scope="module")
def expected(release: Release) -> Numbers:
    rows: tuple[Row, ...] = read_table(release.folder, SLUG).rows
    return {(release.name, *row.keys): (row.value, row.flag) for row in rows}


def test_the_csv_keeps_leading_zeros_and_leaves_missing_values_empty(release: Release) -> None:
    with (release.folder / f"{SLUG}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert list(rows[0]) == ["period", "municipality", "age_band", "sex", "chapter", "value", "flag", "lower", "upper"]
    assert any(row["municipality"] == "01002000" for row in rows)
    assert {row["value"] == "" for row in rows if row["flag"] == "c"} == {True}
    assert {row["value"].isdecimal() for row in rows if row["flag"] != "c"} == {True}


def test_parquet_holds_the_numbers_of_the_csv(release: Release, expected: Numbers) -> None:
    frame = pl.read_parquet(release.folder / f"{SLUG}.parquet")

    columns = ("period", "municipality", "age_band", "sex", "chapter", "value", "flag")
    assert {row[:5]: row[5:] for row in frame.select(columns).iter_rows()} == expected


def test_json_stat_holds_the_numbers_of_the_csv(release: Release, expected: Numbers) -> None:
    cube = json.loads((release.folder / f"{SLUG}.jsonstat.json").read_bytes())
    codes = [cube["dimension"][name]["category"]["index"] for name in cube["id"]]
    strides = [prod(cube["size"][place + 1 :]) for place in range(len(codes))]

    read: Numbers = {}
    for index, value in cube["value"].items():
        key = tuple(column[int(index) // stride % len(column)] for column, stride in zip(codes, strides, strict=True))
        read[key] = (value, cube["status"].get(index, ""))

    assert read == expected


def test_the_data_cube_holds_the_numbers_of_the_csv(release: Release, expected: Numbers) -> None:
    base = f"http://localhost/{SLUG}.ttl"
    graph = Graph().parse(release.folder / f"{SLUG}.ttl", publicID=base)

    def of(node: URIRef, name: str) -> str:
        found = graph.value(node, URIRef(f"{base}#{name}"))
        return "" if found is None else str(found)

    read: Numbers = {}
    for node in graph.subjects(URIRef("http://purl.org/linked-data/cube#dataSet"), None):
        assert isinstance(node, URIRef)
        value = of(node, "value")
        key = tuple(of(node, name) for name in ("period", "municipality", "age_band", "sex", "chapter"))
        read[key] = (int(value) if value else None, of(node, "flag"))

    assert read == expected


def test_the_codebook_names_every_column_and_every_code(release: Release, expected: Numbers) -> None:
    described = json.loads((release.folder / "csv-metadata.json").read_bytes())
    lists = json.loads((release.folder / "codes.json").read_bytes())
    header = (release.folder / f"{SLUG}.csv").read_text().splitlines()[0].split(",")

    assert [column["name"] for column in described["tableSchema"]["columns"]] == header
    for place, name in enumerate(("municipality", "age_band", "sex", "chapter"), start=1):
        assert {key[place] for key in expected} <= {entry["code"] for entry in lists[name]}
        assert all(entry["holds"] for entry in lists[name])
        assert all(entry["de"] and entry["en"] for entry in lists[name])


def test_areas_name_the_municipalities_of_every_area_in_use(release: Release, expected: Numbers) -> None:
    table = read_table(release.folder, SLUG)

    assert {key[1] for key in expected} - {"*"} <= set(table.areas)
    assert all(members for members in table.areas.values())


class Tags(HTMLParser):
    """What a page loads, and what a strict content security policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if tag in ("script", "style", "iframe") or "style" in fields or any(name.startswith("on") for name in fields):
            self.forbidden.append(tag)
        if tag in ("img", "link") and fields.get("rel") != "alternate":
            self.loads.append(fields.get("src") or fields.get("href") or "")


@pytest.mark.parametrize("page", ["index", "index.en", "method", "method.en", "codebook", "codebook.en"])
def test_pages_load_nothing_from_elsewhere_and_need_no_script(release: Release, page: str) -> None:
    tags = Tags()

    tags.feed((release.folder / f"{page}.html").read_text(encoding="utf-8"))

    assert tags.forbidden == []
    assert set(tags.loads) <= {"style.css", "data:,", "csv-metadata.json"}


def test_the_page_shows_what_is_withheld_as_such_and_no_number_for_it(release: Release, expected: Numbers) -> None:
    page = (release.folder / "index.html").read_text(encoding="utf-8")

    withheld = sum(flag == "c" for key, (_, flag) in expected.items() if key[1:4] == ("*", "*", "*"))
    assert page.count('class="withheld"') == withheld > 0
