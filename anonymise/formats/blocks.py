"""`blocks.csv` and `groups.csv`: what the rows are made from; written, and read again from a folder alone."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from anonymise.blocks import EVERYBODY, JOIN, OTHER, Blocks, Category, Region, value_set_code
from anonymise.definition import Definition
from anonymise.formats.csv import BLOCKS, GROUPS
from anonymise.hierarchy import ALL, Hierarchy
from anonymise.problems import InputInvalid


def blocks_bytes(blocks: Blocks) -> bytes:
    """Per block its group, the code of its region in every identifying dimension, and its persons."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["block", "group", *(h.name for h in blocks.identifying), "persons"])
    for block, persons in enumerate(blocks.persons.tolist()):
        group = "" if blocks.group is None else int(blocks.group[block])
        codes = (blocks.code(block, dimension) for dimension in range(len(blocks.identifying)))
        writer.writerow([block, group, *codes, persons])
    return text.getvalue().encode()


def groups_bytes(blocks: Blocks) -> bytes:
    """Per group and category its persons; the group `*` is everybody."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "category", "persons"])
    for category in blocks.categories:
        assert blocks.sensitive is not None
        inside = blocks.other if category.group != EVERYBODY else ()
        code = value_set_code(blocks.sensitive, category.values, other=inside)
        writer.writerow([ALL if category.group == EVERYBODY else category.group, code, category.persons])
    return text.getvalue().encode()


def read_blocks(folder: Path, definition: Definition, *, holds: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Blocks:
    """The blocks of a release folder or a draft, with what its codes stand for."""
    identifying = tuple(definition.hierarchies[d.name] for d in definition.identifying)
    sensitive = None if definition.sensitive is None else definition.hierarchies[definition.sensitive.name]
    lines = _lines(folder / BLOCKS)
    persons = np.array([int(line["persons"]) for line in lines], dtype=np.int64)
    regions, columns = [], []
    for hierarchy in identifying:
        codes = sorted({line[hierarchy.name] for line in lines})
        regions.append(tuple(Region(code, _values(hierarchy, holds[hierarchy.name][code])) for code in codes))
        columns.append([codes.index(line[hierarchy.name]) for line in lines])
    plain = Blocks(identifying, tuple(regions), np.array(columns, dtype=np.int64).T, persons, sensitive)
    if sensitive is None or not lines or lines[0]["group"] == "":
        return plain
    known = holds[sensitive.name]
    other = _values(sensitive, known[OTHER]) if OTHER in known else ()
    categories = tuple(
        Category(
            EVERYBODY if line["group"] == ALL else int(line["group"]),
            _values(sensitive, tuple(value for code in line["category"].split(JOIN) for value in known[code])),
            int(line["persons"]),
        )
        for line in _lines(folder / GROUPS)
    )
    group = np.array([int(line["group"]) for line in lines], dtype=np.int64)
    return replace(plain, group=group, categories=categories, other=other)


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputInvalid(f"{path.parent} has no {path.name}: `build` makes a draft.") from error


def _values(hierarchy: Hierarchy, values: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted(hierarchy.values.index(value) for value in values))
