"""What becomes of each data set of a cohort in one period, from the record to the drafts. The one way from the database."""

import asyncio
from collections.abc import Sequence

from anonymise.definition import Definition
from anonymise.extract import Progress
from anonymise.gathering import Gathering
from anonymise.periods import Period, last_complete
from anonymise.pipeline import Prepared, Shelf, Work, prepare_together
from infra.clock import Clock
from infra.database import Database
from infra.vault import Vault


def no_progress(step: str, count: int) -> None:
    """Nothing; the default for callers without a display."""


async def prepare_period(
    database: Database,
    vault: Vault,
    shelf: Shelf,
    *,
    clock: Clock,
    definitions: Sequence[Definition],
    built_by: str,
    period: Period | None = None,
    progress: Progress = no_progress,
) -> tuple[Prepared, ...]:
    """What became of each data set of a cohort, by default in the last complete period: an audited draft, or a refusal.

    The record is read once for all of them, as they are sums over one partition of the same persons.
    """
    period = period or last_complete(definitions[0].period, clock.now())
    gathering = Gathering(database, vault, tuple(definitions), period, shelf.ledger.pseudonym)
    cohort = await gathering.cohort(clock, progress)
    try:
        told = cohort.frozen, built_by, cohort.covered, cohort.extent
        works = [Work(one, period, *told) for one in definitions]
        return await asyncio.to_thread(prepare_together, cohort.persons, shelf, works=works)
    finally:
        await gathering.done()
