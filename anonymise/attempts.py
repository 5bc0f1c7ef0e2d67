"""A data set as it was tried: built, written, audited. What the pipeline and the ladder know of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from anonymise.attack.findings import Kind
from anonymise.attack.presence import inhabitants
from anonymise.attack.run import Attack
from anonymise.audit import Audit, Beside, attacked, of_other_places, together
from anonymise.build import Built, build
from anonymise.definition import Definition
from anonymise.formats.csv import BLOCKS, CODES, GROUPS, lines_of, table_of
from anonymise.inner_report import Rung
from anonymise.ladder import climbed
from anonymise.ledger import Entry
from anonymise.meet import standings
from anonymise.periods import Period
from anonymise.progress import Progress, no_progress
from anonymise.release import compose
from anonymise.rule import Rule
from anonymise.screen import Published, screen

MENDED: Final[frozenset[Kind]] = frozenset({"share", "categories", "composition", "minimality", "undecided"})
"""What is found in categories: coarser ones may withstand it. Everything else refuses the data set."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A data set at one step of its ladder; without files and audit where no group could be made there."""

    definition: Definition
    built: Built
    files: Mapping[str, bytes]
    audit: Audit | None = None

    @property
    def settled(self) -> bool:
        """Whether no coarser step is wanted: it may be published, or what forbids it lies elsewhere."""
        if self.audit is None:
            return False
        found = {finding.kind for finding in self.audit.attack.findings}
        return not found or not found <= MENDED

    @property
    def audited(self) -> Audit:
        """What the audits said; only of what was audited."""
        assert self.audit is not None, "the last step of a ladder is always audited"
        return self.audit


def rehearsed(
    persons: pl.DataFrame,
    definition: Definition,
    *,
    period: Period,
    folders: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> tuple[Attempt, ...]:
    """What would become of a data set, step by step, beside the releases in some folders; nothing is kept."""
    cohort, unit = definition.cohort.name, definition.source.unit
    entry = Entry(definition.slug, period.name, period.start, period.end, cohort, unit)

    def attempt(tried: Definition) -> Attempt:
        progress("counting and partitioning", 0, 0)
        built = build(persons, tried)
        if without_groups(built, tried):
            return Attempt(tried, built, {})
        files = compose(built, tried, quarter=period, issued=period.end, base_url="http://localhost")
        [own] = standings({entry.name: built.members})
        beside = Beside(own, (), folders, {})
        return Attempt(tried, built, files, audited(files, built, entry, beside=beside, rule=tried.rule))

    return climbed(definition, attempt)


def without_groups(built: Built, definition: Definition) -> bool:
    """Whether a step was to tell categories and no group could be made: then there is nothing to audit."""
    return built.blocks.group is None and definition.sensitive is not None and not definition.bare


def rungs(made: Sequence[Attempt]) -> tuple[Rung, ...]:
    """The steps of some attempts as the inner report tells them; none without a ladder."""
    if not made[-1].definition.ladder:
        return ()
    return tuple(
        Rung(
            step.finest,
            step.share_limit,
            len(one.built.blocks.group_sizes()),
            0 if one.audit is None else len(one.audit.attack.findings),
        )
        for one, step in zip(made, made[-1].definition.ladder, strict=True)
    )


def audited(
    files: Mapping[str, bytes],
    built: Built,
    entry: Entry,
    *,
    beside: Beside,
    rule: Rule,
    progress: Progress = no_progress,
) -> Audit:
    """What all audits say about some files, met with everything the ledger holds about the period and all that is out."""
    progress("screening against the persons", 0, 0)
    table = table_of(files[f"{entry.slug}.csv"], files[CODES])
    groups = lines_of(files[GROUPS]) if GROUPS in files else []
    screened = screen(Published(table, lines_of(files[BLOCKS]), groups), built.members, built.persons, rule=rule)
    met = together(entry, beside.own, beside.others, rule=rule)
    met = replace(met, refusals=(*met.refusals, *of_other_places(entry, files, beside)))
    if screened.findings or met.refusals:
        return Audit(screened, met, Attack((), (), 0))
    return Audit(screened, met, attacked(files, beside, population=inhabitants(None), progress=progress))
