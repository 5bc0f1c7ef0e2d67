"""ICD-10-GM: which group and which chapter a code belongs to, from tables of facts (`data/README.md`)."""

import csv
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from anonymise.hierarchy import UNKNOWN, Hierarchy, Text, build

STEM: Final = 3
_CODE: Final = re.compile(r"[A-Z]\d\d(\.?\d{1,2}|\.-|-)?[-*+!]?[GVZA]?[LRB]?")


@dataclass(frozen=True, slots=True)
class Range:
    """One chapter or group: its first and last three-character code."""

    code: str
    first: str
    last: str
    title: Text


def _table(name: str) -> tuple[Range, ...]:
    text = (files("anonymise") / "data" / name).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Range(r["code"], r["first"], r["last"], Text(r["title_de"], r["title_en"])) for r in rows)


@cache
def chapter_table() -> tuple[Range, ...]:
    """The chapters in the order of the classification."""
    return _table("icd10gm_chapters.csv")


@cache
def group_table() -> tuple[Range, ...]:
    """The groups in the order of the classification; they do not overlap."""
    return _table("icd10gm_groups.csv")


def _within(code: str | None, table: tuple[Range, ...]) -> Range | None:
    stem = (code or "")[:STEM].upper()
    place = bisect_right(table, stem, key=lambda row: row.first) - 1
    return table[place] if place >= 0 and len(stem) == STEM and stem <= table[place].last else None


def chapter_of(code: str | None) -> str:
    """The chapter of an ICD-10-GM code; `unknown` for none or for one outside every chapter."""
    found = _within(code, chapter_table())
    return found.code if found else UNKNOWN


def group_of(code: str | None) -> str:
    """The group of an ICD-10-GM code, by its first and last code; `unknown` for none or for one outside every group."""
    found = _within(code, group_table())
    return found.code if found else UNKNOWN


def _read(raw: str) -> str | None:
    # Certainty (G, V, Z, A) and side (L, R, B) may stand behind a code.
    found = group_of(raw) if _CODE.fullmatch(raw.upper()) else UNKNOWN
    return None if found == UNKNOWN else found


@cache
def icd10gm() -> Hierarchy:
    """Group and chapter of ICD-10-GM; `unknown` is the last value. Reads codes such as J06.9."""
    groups = group_table()
    titles = {row.code: row.title for row in (*groups, *chapter_table())}
    titles[UNKNOWN] = Text("ohne kodierten Anlass", "no coded reason")
    columns = {
        "group": [*(row.code for row in groups), UNKNOWN],
        "chapter": [*(chapter_of(row.first) for row in groups), UNKNOWN],
    }
    return build("icd10gm", columns, titles=titles, reads=_read)
