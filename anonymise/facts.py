"""Importers for the official tables: what a definition of another region or another vintage takes as its hierarchies."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from anonymise.hierarchy import ALL
from anonymise.icd import STEM, chapter_of
from anonymise.problems import InputInvalid

MUNICIPALITY: Final = "60"
"""The kind of record (Satzart) of a municipality in GV100AD."""
AMT: Final = "5"
"""Keys of an association (Gemeindeverband) that start so are those of an Amt; others mean the municipality itself."""


def import_groups(official: Path, out: Path) -> int:
    """The number of groups written as a hierarchy (group, chapter) from the official table of groups of ICD-10-GM
    (first;last;chapter;title, no header), such as `icd10gm2026syst_gruppen.txt`. Of nested groups the innermost count,
    since every code has exactly one."""
    lines = _text(official, "utf-8").splitlines()
    rows = [(r[0].strip(), r[1].strip()) for r in csv.reader(lines, delimiter=";") if len(r) > STEM]
    if not rows or any(len(first) != STEM or len(last) != STEM or last < first for first, last in rows):
        raise InputInvalid(f"{official.name} is not the official table of groups: first;last;chapter;title.")
    kept = sorted(row for row in rows if not any(_inside(other, row) for other in rows))
    _write(out, ["group", "chapter"], ((f"{first}-{last}", chapter_of(first)) for first, last in kept))
    return len(kept)


def _inside(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    return inner != outer and outer[0] <= inner[0] and inner[1] <= outer[1]


def import_municipalities(official: Path, out: Path, *, districts: Sequence[str]) -> int:
    """The number of municipalities of some districts (5 digits each) that are written from the official directory
    (GV100AD of the Federal Statistical Office, a text file of fixed width): `places.csv`, a hierarchy, and `people.csv`,
    the inhabitants, for `[denominators]`, in the folder `out`."""
    wanted = set(districts)
    found = []
    for line in _text(official, "utf-8", "cp1252").splitlines():
        if line[:2] != MUNICIPALITY or line[10:15] not in wanted:
            continue
        ags, association, people = line[10:18], line[18:22], line[139:150].strip()
        if not (ags.isdecimal() and association.isdecimal() and people.isdecimal()):
            raise InputInvalid(f"{official.name}: a municipality of {line[10:15]} is not written as in GV100AD.")
        found.append((ags, ags[:5] + association if association.startswith(AMT) else ags, ags[:5], int(people)))
    missing = wanted - {row[2] for row in found}
    if missing or not found:
        raise InputInvalid(f"{official.name} has no municipality of {', '.join(sorted(missing)) or 'any district'}.")
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "places.csv", ["municipality", "amt", "district"], (row[:3] for row in sorted(found)))
    _write(out / "people.csv", ["municipality", "persons"], ((row[0], str(row[3])) for row in sorted(found)))
    return len(found)


def _text(path: Path, *encodings: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputInvalid(f"{path.name} can't be read.") from error
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputInvalid(f"{path.name} is no text in {' or '.join(encodings)}.")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [list(row) for row in rows]
    if any(ALL in line for line in lines):
        raise InputInvalid(f"{ALL} is no key.")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
