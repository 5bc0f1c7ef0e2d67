"""What a definition says and what it would be worth; and the facts that one is made with."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from anonymise.attempts import rehearsed
from anonymise.commands.options import (
    AsJson,
    DefinitionFile,
    PeriodName,
    Persons,
    answer,
    console,
    definition_at,
    period_of,
)
from anonymise.definition import Definition
from anonymise.facts import import_groups, import_municipalities
from anonymise.persons import columns_of, read_persons, rows_that_count
from anonymise.plan import heading, planned, total_of
from anonymise.plan_pages import GUARANTEES, climbing, comparison, described, steps_tried
from anonymise.private import available
from anonymise.problems import InputInvalid
from anonymise.progress import shown
from anonymise.rule import K_DEFAULT


def explain(definition: DefinitionFile = None, *, as_json: AsJson = False) -> None:
    """Say in words what a definition publishes and how it protects."""
    wanted = definition_at(definition)
    if as_json:
        answer(_explained(wanted), as_json=True)
        return
    rule = wanted.rule
    console.print(f"[bold]{wanted.slug}[/]: {wanted.title.en}\n{wanted.description.en}\n")
    for dimension in wanted.shown:
        levels = ", ".join(wanted.hierarchies[dimension.name].level_names[:-1])
        console.print(f"{dimension.name} ({dimension.role}; {levels}): {dimension.description.en}")
    console.print("\nTables: " + "; ".join(heading(table) for table in wanted.dataset.table))
    console.print(f"Columns of a file of persons: {', '.join(columns_of(wanted))}. {rows_that_count(wanted)}")
    console.print(
        f"\nEvery set that published numbers by the identifying dimensions can form is empty or holds at least {rule.k} "
        f"persons. Legal basis as declared: {wanted.source.legal_basis}. Licence: {wanted.licence.name}."
    )
    if warning := warned(wanted):
        console.print(f"[yellow]{warning}[/]")
    if wanted.sensitive is not None:
        console.print(
            f"{wanted.sensitive.name} is shown for groups with at least {rule.min_categories} categories, none above "
            f"{rule.share_limit:.0%}."
        )


def warned(wanted: Definition) -> str:
    """What to think of before a smaller k than the usual one is taken; empty for that or more."""
    if wanted.rule.k >= K_DEFAULT:
        return ""
    return (
        f"k = {wanted.rule.k} is below {K_DEFAULT}: in small cohorts whoever knows the method can conclude more from how coarse "
        "blocks and groups are than the attack weighs (the limits in the manual have figures)."
    )


def _explained(wanted: Definition) -> dict[str, object]:
    rule = wanted.rule
    return {
        "slug": wanted.slug,
        "cohort": wanted.cohort.name,
        "title": wanted.title.en,
        "legal_basis": wanted.source.legal_basis,
        "dimensions": {d.name: {"role": d.role, "hard": d.hard} for d in wanted.cohort.dimension if d in wanted.shown},
        "tables": [dict(table.cells) for table in wanted.dataset.table],
        "columns": list(columns_of(wanted)),
        "rows": rows_that_count(wanted),
        "warning": warned(wanted),
        "protection": {"k": rule.k, "share_limit": rule.share_limit, "min_categories": rule.min_categories},
        "licence": wanted.licence.uri,
    }


def plan(
    persons: Persons,
    definition: DefinitionFile = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Compare a private release of this budget, too (OpenDP).")
    ] = None,
    releases_dir: Annotated[Path | None, typer.Option(help="What is out already: attacked together.")] = None,
    period: PeriodName = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show, before anything leaves, error and loss of every declared table: partition, suppression, private profile."""
    wanted = definition_at(definition)
    if epsilon is not None and not available():
        raise InputInvalid("The private profile needs OpenDP: install telemed-platform[private].")
    with shown() as progress:
        progress("reading persons", 0, 0)
        when = period_of(period, wanted)
        read = read_persons(persons, wanted, period=when)
        out = () if releases_dir is None else (releases_dir,)
        made = rehearsed(read, wanted, period=when, folders=out, progress=progress)
        built, taken = made[-1].built, made[-1].definition
        progress("comparing profiles", 0, 0)
        lines = planned(built, taken, epsilon=epsilon)
    if as_json:
        told = {"k": wanted.rule.k, "epsilon": epsilon, "tables": described(lines)}
        answer({**told, "ladder": climbing(made), "withstands": not made[-1].audited.refusals}, as_json=True)
        return
    if warning := warned(wanted):
        console.print(f"[yellow]{warning}[/]")
    flags = Counter(row.flag for row in built.table.rows)
    groups = len(built.blocks.group_sizes())
    console.print(
        f"{built.persons.height} persons in {len(built.blocks.persons)} blocks, the smallest of {built.blocks.persons.min()}; "
        f"{groups} groups; rows exact {flags['']}, estimated {flags['e']}, withheld {flags['c']}"
    )
    if taken.ladder:
        console.print(steps_tried(made))
    refusals = made[-1].audited.refusals
    console.print("it would withstand" if not refusals else f"it would be refused: {refusals[0]}")
    console.print(comparison(lines, epsilon=epsilon))
    console.print(f"weighted over all tables, misplaced or not told: {total_of(lines):.1%} of persons")
    console.print(GUARANTEES, style="dim")


def facts(
    kind: Annotated[Literal["icd10gm-groups", "municipalities"], typer.Argument(help="Which official table it is.")],
    official: Path,
    out: Annotated[Path, typer.Option(help="File (groups) or folder (municipalities) to write.")],
    district: Annotated[list[str] | None, typer.Option(help="Key of 5 digits; once for each.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Turn an official table into a hierarchy that a definition can name."""
    if kind == "icd10gm-groups":
        number = import_groups(official, out)
    else:
        number = import_municipalities(official, out, districts=district or [])
    answer({"kind": kind, "written": number, "to": str(out)}, f"{number} written to {out}", as_json=as_json)
