"""Importers for the official tables: what a definition of another region or another vintage takes as its hierarchies."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from anonymise.hierarchy import ALL, TITLES, titles_beside
from anonymise.icd import STEM, chapter_of, chapter_table
from anonymise.problems import InputInvalid

DISTRICT, ASSOCIATION, MUNICIPALITY = "40", "50", "60"
"""The kinds of record (Satzart) of a district, an association and a municipality in GV100AD."""
AMT: Final = "5"
"""Keys of an association (Gemeindeverband) that start so are those of an Amt; others mean the municipality itself."""


def import_groups(official: Path, out: Path) -> int:
    """The number of groups written as a hierarchy (group, chapter) from the official table of groups of ICD-10-GM
    (first;last;chapter;title, no header), such as `icd10gm2026syst_gruppen.txt`. Of nested groups the innermost count,
    since every code has exactly one. Their titles, which the official table has in German, are written beside."""
    lines = _text(official, "utf-8").splitlines()
    read = [[field.strip() for field in row] for row in csv.reader(lines, delimiter=";") if len(row) > STEM]
    rows = [(first, last) for first, last, *_ in read]
    if not rows or any(len(first) != STEM or len(last) != STEM or last < first for first, last in rows):
        raise InputInvalid(f"{official.name} is not the official table of groups: first;last;chapter;title.")
    kept = sorted(row for row in rows if not any(_inside(other, row) for other in rows))
    _write(out, ["group", "chapter"], ((f"{first}-{last}", chapter_of(first)) for first, last in kept))
    named = {f"{first}-{last}": title for first, last, _, title, *_ in read if (first, last) in kept}
    chapters = [(row.code, row.title.de, row.title.en) for row in chapter_table()]
    _write(titles_beside(out), TITLES, [*((code, title, title) for code, title in named.items() if title), *chapters])
    return len(kept)


def _inside(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    return inner != outer and outer[0] <= inner[0] and inner[1] <= outer[1]


def import_municipalities(official: Path, out: Path, *, districts: Sequence[str]) -> int:
    """The number of municipalities of some districts (5 digits each) that are written from the official directory
    (GV100AD of the Federal Statistical Office, a text file of fixed width): `places.csv`, a hierarchy, and `people.csv`,
    the inhabitants, for `[denominators]`, in the folder `out`; the names beside the hierarchy."""
    wanted = set(districts)
    found, names = [], {}
    for line in _text(official, "utf-8", "cp1252").splitlines():
        if line[10:15] not in wanted:
            continue
        key = {DISTRICT: line[10:15], ASSOCIATION: line[10:15] + line[18:22], MUNICIPALITY: line[10:18]}.get(line[:2])
        if key is not None:
            names[key] = line[22:72].strip()
        if line[:2] != MUNICIPALITY:
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
    used = {key for row in found for key in row[:3]}
    _write(titles_beside(out / "places.csv"), TITLES, ((k, n, n) for k, n in sorted(names.items()) if k in used and n))
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
