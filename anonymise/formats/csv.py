"""CSV: point decimals, an empty field is missing, keys keep their leading zeros."""

import csv
import io
from pathlib import Path

from anonymise.hierarchies import ALL
from anonymise.problems import InputInvalid
from anonymise.sensitive import OTHER
from anonymise.tables import Row, Table

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


def areas_bytes(table: Table, names: dict[str, str]) -> bytes:
    """Which municipalities make up each area that the rows name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["area", "municipality", "name"])
    for area, members in table.areas.items():
        writer.writerows([area, member, names[member]] for member in members)
    return text.getvalue().encode()


def read_table(folder: Path, slug: str) -> Table:
    """The rows and areas of a release folder or a draft, as the files say."""
    if missing := [name for name in (f"{slug}.csv", "areas.csv") if not (folder / name).is_file()]:
        raise InputInvalid(f"{folder} has no {' and no '.join(missing)}: `build` makes a draft.")
    rows = []
    with (folder / f"{slug}.csv").open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        dimensions = tuple(next(lines)[1 : -len(COLUMNS)])
        for _, *fields in lines:
            value, flag, lower, upper = fields[len(dimensions) :]
            keys = tuple(fields[: len(dimensions)])
            rows.append(Row(keys, _number(value), flag, _number(lower), _number(upper)))
    areas: dict[str, tuple[str, ...]] = {}
    with (folder / "areas.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            areas[line["area"]] = (*areas.get(line["area"], ()), line["municipality"])
    # Groups name the same categories everywhere; only the row over everybody names more.
    categories = dict.fromkeys(row.keys[-1] for row in rows if row.keys[-1] != ALL and set(row.keys[:-1]) != {ALL})
    if not categories and any(row.keys[-1] == OTHER for row in rows):
        raise InputInvalid("The rows show groups for the whole cohort only; their categories are not known.")
    return Table(dimensions, tuple(rows), areas, tuple(categories))


def _number(text: str) -> int | None:
    return int(text) if text else None
