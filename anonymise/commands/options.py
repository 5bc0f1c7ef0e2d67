"""What several commands take, and how they answer."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import polars as pl
import typer
from rich.console import Console

from anonymise.definition import Definition, load, shipped
from anonymise.ledger import Ledger, SecretFile
from anonymise.periods import Period, kind_of, last_complete, period_named
from anonymise.pipeline import Shelf
from anonymise.problems import InputInvalid

Persons = Annotated[Path, typer.Option(help="CSV or Parquet, one row a person: `explain` names the columns.")]
DefinitionFile = Annotated[Path | None, typer.Option("--definition", help="TOML; without it, the one that is shipped.")]
PeriodName = Annotated[
    str | None, typer.Option("--period", help="2026-Q3, 2026-M08 or 2026-W45; without it, the last one.")
]
ReleasesDir = Annotated[Path, typer.Option(help="The folder that the portal serves.")]
BaseUrl = Annotated[str, typer.Option(help="Address of the portal.")]
DataDir = Annotated[Path, typer.Option(help="Holds the ledger and its key; stays inside.")]
ReportDir = Annotated[
    Path | None, typer.Option("--report", help="Folder for the inner report as pages. It names places: keep it inside.")
]
AsJson = Annotated[bool, typer.Option("--json", help="All of it as JSON, for programs.")]

console = Console()


def definition_at(path: Path | None) -> Definition:
    """The definition in a file, or the one that is shipped."""
    return load(path) if path else shipped()


def period_of(name: str | None, definition: Definition) -> Period:
    """The period of a name, or without one the last complete one of the definition's kind."""
    if name is None:
        return last_complete(definition.period, datetime.now(UTC))
    found = period_named(name)
    if kind_of(found) != definition.period:
        raise InputInvalid(
            f"{name} is a {kind_of(found)}, and {definition.slug} is told by {definition.period}: such as "
            f"{last_complete(definition.period, datetime.now(UTC)).name}."
        )
    return found


def shelf_of(releases_dir: Path, data_dir: Path, base_url: str = "") -> Shelf:
    """Releases, drafts and ledger in folders, with the key file beside the ledger."""
    address = urlsplit(base_url)
    if base_url and not (address.scheme in ("http", "https") and address.hostname):
        raise InputInvalid(f"{base_url!r} is no address of a portal: it begins with https:// (or http://) and a host.")
    return Shelf(releases_dir, data_dir, SecretFile(data_dir / "ledger.key"), base_url.rstrip("/"))


def pseudonymous(persons: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The persons under the names by which the ledger knows them."""
    names = [ledger.pseudonym(person) for person in persons["person"].to_list()]
    return persons.with_columns(pl.Series("person", names))


def answer(facts: Mapping[str, Any], *lines: str, as_json: bool) -> None:
    """Print what was done: the facts for programs, or the lines for people."""
    if as_json:
        console.print_json(json.dumps(facts))
        return
    for line in lines:
        console.print(line, soft_wrap=True)


def written(folder: Path, files: Mapping[str, bytes]) -> None:
    """Nothing; the files lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
