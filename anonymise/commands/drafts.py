"""Build the draft of a release, audit it, and read the report on it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from anonymise.about import FILE as ABOUT
from anonymise.approvals import NEEDED
from anonymise.attack.report import as_json as attack_as_json
from anonymise.attack.report import show
from anonymise.attack.run import EXPLAIN
from anonymise.attempts import audited
from anonymise.audit import Audit, Beside
from anonymise.build import build
from anonymise.commands.options import (
    AsJson,
    BaseUrl,
    DataDir,
    DefinitionFile,
    PeriodName,
    Persons,
    ReleasesDir,
    ReportDir,
    answer,
    console,
    definition_at,
    period_of,
    pseudonymous,
    shelf_of,
    written,
)
from anonymise.formats.csv import read_files
from anonymise.inner_pages import report_files
from anonymise.inner_report import report_on
from anonymise.ladder import at, stated
from anonymise.ledger import Entry
from anonymise.persons import read_persons, rows_that_count
from anonymise.pipeline import WITHDRAWN, Work, prepare
from anonymise.problems import ReleaseRefused
from anonymise.progress import shown


def build_draft(
    persons: Persons,
    data_dir: DataDir,
    releases_dir: ReleasesDir,
    base_url: BaseUrl,
    *,
    by: Annotated[str, typer.Option(help="Who builds; somebody else approves.")],
    out: Annotated[Path | None, typer.Option(help="Also copy the draft's files here, to look at.")] = None,
    report: ReportDir = None,
    definition: DefinitionFile = None,
    period: PeriodName = None,
    as_json: AsJson = False,
) -> None:
    """Build and screen the draft of a release. It stays inside until two people have approved it."""
    shelf, wanted = shelf_of(releases_dir, data_dir, base_url), definition_at(definition)
    work = Work(wanted, period_of(period, wanted), datetime.now(UTC), by)
    entry = work.entry
    with shown() as progress:
        progress("reading persons", 0, 0)
        read = pseudonymous(read_persons(persons, wanted, period=work.period), shelf.ledger)
        try:
            draft = prepare(read, shelf, work=work, progress=progress)
        except ReleaseRefused:
            # Whoever built it has to see why: the report says it place by place.
            if report is not None and shelf.reports.has(entry.slug, entry.release):
                written(report, report_files(shelf.reports.read(entry.slug, entry.release)))
            raise
    if report is not None:
        written(report, report_files(shelf.reports.read(entry.slug, entry.release)))
    if out is not None:
        written(out, draft.files)
    facts = {"dataset": entry.slug, "release": entry.release, "digest": draft.digest, "approvals_needed": NEEDED}
    facts |= {"persons": read.height}
    answer(
        facts,
        f"draft of {entry.name}, screened; its digest: {draft.digest}",
        f"{read.height} persons of {work.period.name}. {rows_that_count(wanted)}",
        f"{NEEDED} people other than {by} approve it: anonymise approve {entry.name}",
        as_json=as_json,
    )


def audit(
    folder: Path,
    persons: Persons,
    data_dir: DataDir,
    releases_dir: Annotated[Path | None, typer.Option(help="What is out already: attacked together.")] = None,
    report: ReportDir = None,
    definition: DefinitionFile = None,
    period: PeriodName = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Audit a draft or a release: its files against the persons, against the ledger, and under attack."""
    declared = definition_at(definition)
    files = read_files(folder, declared.slug)
    wanted = at(declared, stated(files[ABOUT]))
    when = period_of(period, wanted)
    entry = Work(wanted, when, datetime.now(UTC), "audit").entry
    ledger = shelf_of(data_dir, data_dir).ledger
    with shown() as progress:
        progress("reading persons", 0, 0)
        read = pseudonymous(read_persons(persons, wanted, period=when), ledger)
        progress("counting and partitioning", 0, 0)
        built = build(read, wanted, blocks=ledger.kept(entry, but=()))
        folders = (releases_dir or data_dir, data_dir / WITHDRAWN)
        beside = Beside(ledger.standing(entry, built.members), ledger.overlapping(entry), folders, {})
        verdict = audited(files, built, entry, beside=beside, rule=wanted.rule, progress=progress)
    if report is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        written(report, report_files(report_on(built, wanted, verdict, name=entry.name, by="audit", at=now)))
    if as_json:
        answer(_as_json(entry, verdict), as_json=True)
    else:
        _show(verdict)
    verdict.require()
    if not as_json:
        console.print("passed")


def _show(verdict: Audit) -> None:
    screened, met = verdict.screened, ", ".join(verdict.together.met) or "none"
    console.print(f"{screened.blocks} blocks, the smallest of {screened.smallest} persons; met with: {met}")
    console.print(
        "cleared by the meet alone" if verdict.together.cleared else "the meet does not clear; the attack decides"
    )
    show(verdict.attack, console, derived=EXPLAIN)


def _as_json(entry: Entry, verdict: Audit) -> Mapping[str, Any]:
    screened = verdict.screened
    return {
        "dataset": entry.slug,
        "release": entry.release,
        "passed": not verdict.refusals,
        "blocks": screened.blocks,
        "smallest": screened.smallest,
        "groups": screened.groups,
        "met": list(verdict.together.met),
        "cleared": verdict.together.cleared,
        "refusals": list(verdict.refusals),
        "attack": attack_as_json(verdict.attack),
    }


def report(
    slug: str,
    release: str,
    data_dir: DataDir,
    out: Annotated[Path, typer.Option(help="Folder for the pages. It names places: keep it inside.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the inner report on a draft, on what is out or on what was refused, as pages in German and English."""
    found = shelf_of(data_dir, data_dir).reports.read(slug, release)
    made = report_files(found)
    written(out, made)
    facts = {"dataset": slug, "release": release, "passed": found.passed, "to": str(out), "files": sorted(made)}
    answer(facts, f"report on {slug} {release}: {out / 'report.en.html'}", as_json=as_json)
