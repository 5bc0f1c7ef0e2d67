"""CSV: point decimals, an empty field is missing, keys keep their leading zeros."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from anonymise import about as abouts
from anonymise.problems import InputInvalid
from anonymise.rows import Number, Row, Table

CODES = "codes.json"
BLOCKS = "blocks.csv"
GROUPS = "groups.csv"
STATED = "audit.json"
COLUMNS = ("value", "flag", "lower", "upper")


def csv_bytes(table: Table, period: str) -> bytes:
    """The rows as CSV, the period in the first column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["period", *table.dimensions, *COLUMNS])
    for row in table.rows:
        writer.writerow(
            [period, *row.keys, *("" if v is None else v for v in (row.value, row.flag, row.lower, row.upper))]
        )
    return text.getvalue().encode()


def areas_bytes(table: Table, names: Mapping[str, str]) -> bytes:
    """Which municipalities make up each area that the rows and blocks name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["area", "municipality", "name"])
    for area, members in sorted(table.areas.items()):
        writer.writerows([area, member, names.get(member, member)] for member in members)
    return text.getvalue().encode()


def read_table(folder: Path, slug: str) -> Table:
    """The rows of a release folder or a draft and what their codes stand for, as the files say."""
    files = read_files(folder, slug)
    return table_of(files[f"{slug}.csv"], files[CODES])


def read_files(folder: Path, slug: str) -> dict[str, bytes]:
    """The files of a folder that hold its numbers, by name."""
    needed = (f"{slug}.csv", CODES, BLOCKS, abouts.FILE)
    if missing := [name for name in needed if not (folder / name).is_file()]:
        raise InputInvalid(f"{folder} has no {' and no '.join(missing)}: `build` makes a draft.")
    return {name: (folder / name).read_bytes() for name in (*needed, GROUPS, STATED) if (folder / name).is_file()}


def table_of(content: bytes, codes: bytes) -> Table:
    """The same from the content of the two files."""
    rows = []
    lines = csv.reader(io.StringIO(content.decode()))
    dimensions = tuple(next(lines)[1 : -len(COLUMNS)])
    for _, *fields in lines:
        value, flag, lower, upper = fields[len(dimensions) :]
        keys = tuple(fields[: len(dimensions)])
        rows.append(Row(keys, _number(value), flag, _number(lower), _number(upper)))
    holds = {
        name: {entry["code"]: tuple(entry["holds"]) for entry in entries if "holds" in entry}
        for name, entries in json.loads(codes).items()
    }
    return Table(dimensions, tuple(rows), holds)


def lines_of(content: bytes) -> list[dict[str, str]]:
    """The lines of `blocks.csv` or `groups.csv` by column."""
    return list(csv.DictReader(io.StringIO(content.decode())))


def _number(text: str) -> Number | None:
    if not text:
        return None
    return float(text) if "." in text else int(text)
