"""A release as it is still often made, to be broken by `attack`: exact numbers, and those below k left out.

`python -m anonymise.naive PERSONS DIR`. Every declared table is counted by itself; a number between 1 and k - 1
is withheld, zeros and totals stand. It has no blocks and no proof, and nothing publishes it.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Final

import msgspec
import polars as pl
import typer

from anonymise.attack.folder import ALL
from anonymise.attack.published import Role
from anonymise.build import build
from anonymise.definition import Definition, load, shipped
from anonymise.periods import last_complete
from anonymise.persons import read_persons
from anonymise.release import about_of

Node = Mapping[str, frozenset[str]]
"""Codes of one level of a dimension, and the base values that each stands for."""

NUMBERS: Final = ("value", "flag", "lower", "upper")


def naive(
    persons: pl.DataFrame,
    folder: Path,
    *,
    about: Mapping[str, object],
    roles: Mapping[str, Role],
    tables: Sequence[Mapping[str, Node]],
    k: int,
) -> None:
    """Write a naive release about some persons, one row each with a column per dimension of `roles`.

    `tables` gives for each table the codes of its dimensions; `about` is what `about.json` says beside the dimensions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = list(roles)
    rows: dict[tuple[str, ...], int] = {}
    codes: dict[str, dict[str, frozenset[str]]] = {n: {ALL: frozenset(persons[n].unique().to_list())} for n in names}
    for table in [{}, *tables]:
        for name, nodes in table.items():
            codes[name] |= nodes
            codes[name][ALL] |= frozenset[str]().union(*nodes.values())
        rows |= _counted(persons, names, table)
    slug = str(about["slug"])
    with (folder / f"{slug}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["period", *names, *NUMBERS])
        for keys, number in sorted(rows.items()):
            shown = (number, "") if number == 0 or number >= k else ("", "c")
            writer.writerow([about["release"], *keys, *shown, "", ""])
    listed = {
        n: [{"code": c, "de": c, "en": c, "holds": sorted(h)} for c, h in each.items()] for n, each in codes.items()
    }
    dimensions = [{"name": name, "role": role} for name, role in roles.items()]
    (folder / "codes.json").write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")
    (folder / "about.json").write_text(json.dumps({**about, "dimensions": dimensions}), encoding="utf-8")


def _counted(persons: pl.DataFrame, names: Sequence[str], table: Mapping[str, Node]) -> dict[tuple[str, ...], int]:
    """Every cell of a table, zeros too."""
    coded = persons.select(
        pl.col(name).replace_strict({value: code for code, holds in table[name].items() for value in holds})
        for name in table
    )
    counts: dict[tuple[str, ...], int] = {(): persons.height}
    if table:
        counts = {tuple(keys): n for *keys, n in coded.group_by(list(table)).len().iter_rows()}
    return {
        tuple(dict(zip(table, cell, strict=True)).get(name, ALL) for name in names): counts.get(cell, 0)
        for cell in product(*table.values())
    }


def naive_release(persons: pl.DataFrame, definition: Definition, folder: Path) -> None:
    """Write the naive release of a definition's tables."""
    built = build(persons, definition)
    tables = [
        {name: _node(definition, name, level) for name, level in table.cells.items()}
        for table in definition.dataset.table
    ]
    period = last_complete(definition.period, datetime.now(UTC))
    about = msgspec.to_builtins(about_of(built.table, definition, quarter=period, issued=datetime.now(UTC)))
    roles: dict[str, Role] = {d.name: d.role for d in definition.shown}
    naive(built.persons, folder, about=about, roles=roles, tables=tables, k=definition.rule.k)


def _node(definition: Definition, name: str, level: str) -> Node:
    hierarchy = definition.hierarchies[name]
    return {code: frozenset(values) for code, values in hierarchy.holds(hierarchy.level(level)).items()}


def main(
    persons: Annotated[Path, typer.Argument(help="CSV or Parquet, one row a person.")],
    out: Annotated[Path, typer.Argument(help="Folder for the release. It is not published.")],
    definition: Annotated[Path | None, typer.Option(help="TOML; without it, the one that is shipped.")] = None,
) -> None:
    """Write a naive release: exact numbers, those below k withheld."""
    wanted = load(definition) if definition else shipped()
    period = last_complete(wanted.period, datetime.now(UTC))
    naive_release(read_persons(persons, wanted, period=period), wanted, out)


if __name__ == "__main__":
    typer.run(main)
