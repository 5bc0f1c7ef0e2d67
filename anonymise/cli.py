"""The commands: one function each, read from top to bottom."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer
from rich.console import Console

from anonymise.approvals import NEEDED, private_key
from anonymise.attack.command import attack_releases
from anonymise.attack.report import show
from anonymise.attack.run import EXPLAIN
from anonymise.audit import Beside
from anonymise.build import build
from anonymise.definition import Definition, load, shipped
from anonymise.facts import import_groups, import_municipalities
from anonymise.formats.csv import read_files
from anonymise.ledger import Entry, Ledger, SecretFile
from anonymise.manifest_names import PUBLIC_KEY
from anonymise.periods import Period, last_complete, period_named
from anonymise.persons import columns_of, read_persons
from anonymise.pipeline import WITHDRAWN, Shelf, Work, approve, audited, prepare, publish_draft, withdraw_release
from anonymise.plan import planned, total_of
from anonymise.plan_pages import GUARANTEES, comparison, described
from anonymise.private import available
from anonymise.problems import InputInvalid
from anonymise.verification import Verified, verified
from anonymise.withdrawals import Withdrawal
from infra.problems import Problem

app = typer.Typer(no_args_is_help=True, add_completion=False, help="k-anonymous statistics of persons.")
app.command(name="attack")(attack_releases)
console = Console()

Persons = Annotated[Path, typer.Option(help="CSV or Parquet, one row a person: `explain` names the columns.")]
DefinitionFile = Annotated[Path | None, typer.Option("--definition", help="TOML; without it, the one that is shipped.")]
PeriodName = Annotated[str, typer.Option("--period", help="2026-Q3, 2026-M08 or 2026-W45; without it, the last one.")]
ReleasesDir = Annotated[Path, typer.Option(help="The folder that the portal serves.")]
BaseUrl = Annotated[str, typer.Option(help="Address of the portal.")]
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
    console.print(f"weighted over all tables, misplaced or not told: {total_of(lines):.1%} of persons")
    console.print(GUARANTEES, style="dim")


@app.command(name="build")
def build_draft(
    persons: Persons,
    data_dir: DataDir,
    releases_dir: ReleasesDir,
    base_url: BaseUrl,
    *,
    by: Annotated[str, typer.Option(help="Who builds; somebody else approves.")],
    out: Annotated[Path | None, typer.Option(help="Also copy the draft's files here, to look at.")] = None,
    definition: DefinitionFile = None,
    period: PeriodName = "",
) -> None:
    """Build and screen the draft of a release. It stays inside until two people have approved it."""
    shelf, wanted = shelf_of(releases_dir, data_dir, base_url), _definition(definition)
    work = Work(wanted, _period(period, wanted), datetime.now(UTC), by)
    draft = prepare(_pseudonymous(read_persons(persons, wanted), shelf.ledger), shelf, work=work)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in draft.files.items():
            (out / name).write_bytes(content)
    console.print(f"draft of {work.entry.name}, screened; its digest: {draft.digest}", soft_wrap=True)
    console.print(f"{NEEDED} people other than {by} approve it: anonymise approve {work.entry.name}", soft_wrap=True)


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
    ledger = shelf_of(data_dir, data_dir, "").ledger
    built = build(_pseudonymous(read_persons(persons, wanted), ledger), wanted)
    folders = (releases_dir or data_dir, data_dir / WITHDRAWN)
    beside = Beside(ledger.standing(entry, built.members), ledger.overlapping(entry), folders, {})
    verdict = audited(files, built, entry, beside=beside, rule=wanted.rule)
    screened, met = verdict.screened, ", ".join(verdict.together.met) or "none"
    console.print(f"{screened.blocks} blocks, the smallest of {screened.smallest} persons; met with: {met}")
    console.print(
        "cleared by the meet alone" if verdict.together.cleared else "the meet does not clear; the attack decides"
    )
    show(verdict.attack, console, derived=EXPLAIN)
    verdict.require()
    console.print("passed")


@app.command(name="approve")
def approve_draft(
    slug: str,
    release: str,
    data_dir: DataDir,
    *,
    by: Annotated[str, typer.Option(help="Your name as it is enrolled: DATA_DIR/approvers/NAME.pem.")],
    key: Annotated[Path, typer.Option(help="Your private Ed25519 key (PEM); it stays with you.")],
) -> None:
    """Agree that exactly this draft is published. Look at it and its audit first; two people have to."""
    shelf = shelf_of(data_dir, data_dir, "")
    given = approve(shelf, slug, release, by=by, at=datetime.now(UTC), key=private_key(key))
    console.print(f"{by} approved {slug} {release}, digest {given.digest}", soft_wrap=True)


@app.command(name="publish")
def publish_approved(slug: str, release: str, releases_dir: ReleasesDir, data_dir: DataDir, base_url: BaseUrl) -> None:
    """Sign and publish the draft that two people have approved."""
    done = publish_draft(shelf_of(releases_dir, data_dir, base_url), slug, release, now=datetime.now(UTC))
    console.print(f"published {done.folder}", soft_wrap=True)


@app.command(name="withdraw")
def withdraw_published(
    slug: str,
    release: str,
    releases_dir: ReleasesDir,
    data_dir: DataDir,
    *,
    reason: Annotated[str, typer.Option(help="Public: it stands in the register and on the tombstone.")],
) -> None:
    """Take a release back. A tombstone stays, later audits still reckon with it, nothing else gets its name."""
    wish = Withdrawal(slug, release, datetime.now(UTC), reason)
    console.print(f"tombstone {withdraw_release(shelf_of(releases_dir, data_dir, ''), wish)}", soft_wrap=True)


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


def shelf_of(releases_dir: Path, data_dir: Path, base_url: str) -> Shelf:
    """Releases, drafts and ledger in folders, with the key file beside the ledger."""
    return Shelf(releases_dir, data_dir, SecretFile(data_dir / "ledger.key"), base_url.rstrip("/"))


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
