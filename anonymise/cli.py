"""The commands: one function each, read from top to bottom."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer
from rich.console import Console

from anonymise import about as abouts
from anonymise.attack.command import attack_releases
from anonymise.attack.report import show
from anonymise.attack.run import EXPLAIN
from anonymise.build import build
from anonymise.definition import Definition, load, shipped
from anonymise.facts import import_groups, import_municipalities
from anonymise.formats.csv import csv_bytes, read_files
from anonymise.ledger import Entry, Ledger, SecretFile
from anonymise.manifest_names import PUBLIC_KEY
from anonymise.periods import Period, last_complete, period_named
from anonymise.persons import columns_of, read_persons
from anonymise.pipeline import LEDGER, Shelf, audited, publish_persons
from anonymise.plan import planned
from anonymise.plan_pages import GUARANTEES, comparison, described
from anonymise.private import available
from anonymise.problems import InputInvalid
from anonymise.release import about_of, number_files
from anonymise.verification import Verified, verified
from infra.problems import Problem

app = typer.Typer(no_args_is_help=True, add_completion=False, help="k-anonymous statistics of persons.")
app.command(name="attack")(attack_releases)
console = Console()

Persons = Annotated[Path, typer.Option(help="CSV or Parquet, one row a person: `explain` names the columns.")]
DefinitionFile = Annotated[Path | None, typer.Option("--definition", help="TOML; without it, the one that is shipped.")]
PeriodName = Annotated[str, typer.Option("--period", help="2026-Q3, 2026-M08 or 2026-W45; without it, the last one.")]
DataDir = Annotated[Path, typer.Option(help="Holds the ledger and its key; stays inside.")]


def _definition(path: Path | None) -> Definition:
    return load(path) if path else shipped()


@app.command()
def explain(definition: DefinitionFile = None) -> None:
    """Say in words what a definition publishes and how it protects."""
    wanted = _definition(definition)
    rule = wanted.rule
    console.print(f"[bold]{wanted.slug}[/]: {wanted.title.en}\n{wanted.description.en}\n")
    for dimension in wanted.shown:
        levels = ", ".join(wanted.hierarchies[dimension.name].level_names[:-1])
        console.print(f"{dimension.name} ({dimension.role}; {levels}): {dimension.description.en}")
    console.print(
        "\nTables: " + "; ".join(" x ".join(f"{n} by {v}" for n, v in t.cells.items()) for t in wanted.dataset.table)
    )
    console.print(f"Columns of a file of persons: {', '.join(columns_of(wanted))}")
    console.print(
        f"\nEvery set that published numbers by the identifying dimensions can form is empty or holds at least {rule.k} "
        f"persons. Licence: {wanted.licence.name}."
    )
    if wanted.sensitive is not None:
        console.print(
            f"{wanted.sensitive.name} is shown for groups with at least {rule.min_categories} categories, none above "
            f"{rule.share_limit:.0%}."
        )


@app.command()
def plan(
    persons: Persons,
    definition: DefinitionFile = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Compare a private release of this budget, too (OpenDP).")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, for programs.")] = False,
) -> None:
    """Show, before anything leaves, error and loss of every declared table: partition, suppression, private profile."""
    wanted = _definition(definition)
    if epsilon is not None and not available():
        raise InputInvalid("The private profile needs OpenDP: install telemed-platform[private].")
    with console.status("counting and partitioning", spinner="dots"):
        built = build(read_persons(persons, wanted), wanted)
        lines = planned(built, wanted, epsilon=epsilon)
    if as_json:
        console.print_json(json.dumps({"k": wanted.rule.k, "epsilon": epsilon, "tables": described(lines)}))
        return
    flags = Counter(row.flag for row in built.table.rows)
    groups = len(built.blocks.group_sizes())
    console.print(
        f"{built.persons.height} persons in {len(built.blocks.persons)} blocks, the smallest of {built.blocks.persons.min()}; "
        f"{groups} groups; rows exact {flags['']}, estimated {flags['e']}, withheld {flags['c']}"
    )
    console.print(comparison(lines, epsilon=epsilon))
    console.print(GUARANTEES, style="dim")


@app.command(name="build")
def build_rows(
    persons: Persons,
    out: Annotated[Path, typer.Option(help="Folder for the draft. It is not published.")],
    definition: DefinitionFile = None,
    period: PeriodName = "",
) -> None:
    """Write the numbers as a draft, for `audit` and for people to look at."""
    wanted = _definition(definition)
    built = build(read_persons(persons, wanted), wanted)
    named = _period(period, wanted)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        f"{wanted.slug}.csv": csv_bytes(built.table, named.name),
        abouts.FILE: about_of(built.table, wanted, quarter=named, issued=datetime.now(UTC)).to_json(),
        **number_files(built),
    }
    for name, content in files.items():
        (out / name).write_bytes(content)
    console.print(f"{len(built.table.rows)} rows in {out}")


@app.command()
def audit(
    folder: Path,
    persons: Persons,
    data_dir: DataDir,
    releases_dir: Annotated[Path | None, typer.Option(help="What is out already: attacked together.")] = None,
    definition: DefinitionFile = None,
    period: PeriodName = "",
) -> None:
    """Audit a draft or a release: its files against the persons, against the ledger, and under attack."""
    wanted = _definition(definition)
    files = read_files(folder, wanted.slug)
    named = _period(period, wanted)
    entry = Entry(wanted.slug, named.name, named.start, named.end, wanted.cohort.name)
    ledger = _ledger(data_dir)
    built = build(_pseudonymous(read_persons(persons, wanted), ledger), wanted)
    verdict = audited(files, built, entry, ledger=ledger, definition=wanted, releases_dir=releases_dir or data_dir)
    screened, met = verdict.screened, ", ".join(verdict.together.met) or "none"
    console.print(f"{screened.blocks} blocks, the smallest of {screened.smallest} persons; met with: {met}")
    console.print(
        "cleared by the meet alone" if verdict.together.cleared else "the meet does not clear; the attack decides"
    )
    show(verdict.attack, console, derived=EXPLAIN)
    verdict.require()
    console.print("passed")


@app.command()
def publish(
    persons: Persons,
    releases_dir: Annotated[Path, typer.Option(help="The folder that the portal serves.")],
    data_dir: DataDir,
    base_url: Annotated[str, typer.Option(help="Address of the portal.")],
    definition: DefinitionFile = None,
    period: PeriodName = "",
) -> None:
    """Build, screen, sign and publish the release of a period."""
    wanted = _definition(definition)
    now = datetime.now(UTC)
    named = _period(period, wanted)
    shelf = Shelf(releases_dir, data_dir, SecretFile(data_dir / "ledger.key"), base_url.rstrip("/"))
    cohort = _pseudonymous(read_persons(persons, wanted), shelf.ledger())
    release = publish_persons(cohort, shelf, definition=wanted, quarter=named, now=now)
    console.print(f"published {release.folder}")


@app.command()
def facts(
    kind: Annotated[Literal["icd10gm-groups", "municipalities"], typer.Argument(help="Which official table it is.")],
    official: Path,
    out: Annotated[Path, typer.Option(help="File (groups) or folder (municipalities) to write.")],
    district: Annotated[list[str] | None, typer.Option(help="Key of 5 digits; once for each.")] = None,
) -> None:
    """Turn an official table into a hierarchy that a definition can name."""
    if kind == "icd10gm-groups":
        number = import_groups(official, out)
    else:
        number = import_municipalities(official, out, districts=district or [])
    console.print(f"{number} written to {out}")


@app.command()
def verify(
    folder: Path,
    *,
    key: Annotated[
        Path | None, typer.Option(help="Public key (PEM); without it, signing-key.pem above the folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, for programs.")] = False,
) -> None:
    """Check that a release is as it was signed, in its place, and in the register that lies beside."""
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}")
    public = key or folder.resolve().parent.parent / PUBLIC_KEY
    if not public.is_file():
        raise typer.BadParameter(f"there is no public key at {public}; name one with --key")
    found = verified(folder, key=public.read_bytes())
    facts = found.facts
    pinned = key is not None
    if as_json:
        _print_json(found, pinned=pinned)
        return
    console.print(f"{facts['dataset']} {facts['release']}: {len(facts['files'])} files, all as signed")
    console.print("its manifest is in the register" if found.registered else "no register beside it: not compared")
    console.print(f"key SHA-256 {found.fingerprint}", soft_wrap=True)
    if not pinned:
        console.print("key not pinned: it lies beside the release. Compare it with a copy from elsewhere, or use --key")
    before = facts["previous"]
    console.print(
        f"it follows the release whose manifest has the SHA-256 {before}"
        if before
        else "it is the first that was published here",
        soft_wrap=True,
    )
    console.print(f"published under the rule of at least {facts['protection']['k']} persons; --json tells all of it")


def _print_json(found: Verified, *, pinned: bool) -> None:
    shown = {name: found.facts[name] for name in ("dataset", "release", "previous", "protection")}
    shown |= {"registered": found.registered, "key": found.fingerprint, "key_pinned": pinned}
    console.print_json(json.dumps(shown))


def _period(name: str, definition: Definition) -> Period:
    return period_named(name) if name else last_complete(definition.period, datetime.now(UTC))


def _ledger(data_dir: Path) -> Ledger:
    return Ledger(data_dir / LEDGER, SecretFile(data_dir / "ledger.key"))


def _pseudonymous(persons: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    names = [ledger.pseudonym(person) for person in persons["person"].to_list()]
    return persons.with_columns(pl.Series("person", names))


def main() -> None:
    """Run a command; a problem is one line on standard error and exit code 1."""
    try:
        app(standalone_mode=True)
    except (Problem, ValueError) as problem:
        Console(stderr=True).print(f"[red]{problem}[/]")
        raise SystemExit(1) from problem
