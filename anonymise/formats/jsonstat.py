"""JSON-stat 2.0: a sparse cube, flags in `status`. Combinations that are not in the cube are not published."""

import json
from math import prod

import msgspec

from anonymise.about import About
from anonymise.rows import PLACE, Number, Table


def jsonstat_bytes(table: Table, about: About) -> bytes:
    """The rows as a JSON-stat data set."""
    keys = [(about.release, *row.keys) for row in table.rows]
    ids = ["period", *table.dimensions]
    codes = [sorted({key[place] for key in keys}) for place in range(len(ids))]
    position = [{code: number for number, code in enumerate(column)} for column in codes]
    strides = [prod(len(column) for column in codes[place + 1 :]) for place in range(len(ids))]
    value: dict[str, Number | None] = {}
    status: dict[str, str] = {}
    for key, row in zip(keys, table.rows, strict=True):
        index = str(sum(position[p][code] * strides[p] for p, code in enumerate(key)))
        value[index] = row.value
        if row.flag:
            status[index] = row.flag
    labels = {dimension.name: dimension.title.en for dimension in about.dimensions} | {
        "period": "Period",
        "measure": "Measure",
    }
    document = {
        "version": "2.0",
        "class": "dataset",
        "label": about.title.en,
        "source": about.publisher.name,
        "updated": about.issued.isoformat(),
        "id": ids,
        "size": [len(column) for column in codes],
        "role": {name: found for name, found in _roles(ids).items() if found},
        "dimension": {
            name: {"label": labels[name], "category": {"index": column}}
            for name, column in zip(ids, codes, strict=True)
        },
        "extension": {
            "coverage": msgspec.to_builtins(about.coverage),
            "ladder": msgspec.to_builtins(about.ladder),
            "frozen": about.issued.isoformat(),
            "revisions": msgspec.to_builtins(about.revisions),
        },
        "value": value,
        "status": status,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _roles(ids: list[str]) -> dict[str, list[str]]:
    return {
        "time": ["period"],
        "geo": [name for name in ids if name == PLACE],
        "metric": [name for name in ids if name == "measure"],
    }
