"""A data set as it was tried: built, written, audited. What the pipeline and the ladder know of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from anonymise.attack.findings import Kind
from anonymise.attack.presence import inhabitants
from anonymise.attack.run import Attack
from anonymise.audit import Audit, Beside, attacked, together
from anonymise.build import Built
from anonymise.definition import Definition
from anonymise.formats.csv import BLOCKS, CODES, GROUPS, lines_of, table_of
from anonymise.inner_report import Rung
from anonymise.ledger import Entry
from anonymise.progress import Progress, no_progress
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


def rungs(made: Sequence[Attempt]) -> tuple[Rung, ...]:
    """The steps of some attempts as the inner report tells them."""
    return tuple(
        Rung(
            step.finest,
            step.share_limit,
            len(one.built.blocks.group_sizes()),
            0 if one.audit is None else len(one.audit.attack.findings),
        )
        for one, step in zip(made, made[-1].definition.ladder, strict=False)
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
    if screened.findings or met.refusals:
        return Audit(screened, met, Attack((), (), 0))
    return Audit(screened, met, attacked(files, beside, population=inhabitants(None), progress=progress))
