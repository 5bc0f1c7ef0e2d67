"""What the commands about statistics do; each opens the database and the keys for itself, while the service runs."""

from anonymise.definition import cohort_definitions
from anonymise.extract import Progress
from anonymise.periods import period_named
from anonymise.pipeline import Prepared
from anonymise.preparing import prepare_period
from infra.clock import SystemClock
from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.releases import service
from telemed.startup import refuse_settings, with_tables

BUILDER = "telemed data prepare"


async def prepared(settings: Settings, *, cohort: str, period: str, progress: Progress) -> tuple[Prepared, ...]:
    """What became of each data set of a cohort that ships, by default in the last complete period."""
    refuse_settings(settings)
    async with with_tables(settings) as database:
        vault = Vault(key_provider(settings))
        return await prepare_period(
            database,
            vault,
            service.shelf_at(settings, vault),
            clock=SystemClock(),
            definitions=cohort_definitions(cohort),
            built_by=BUILDER,
            period=period_named(period) if period else None,
            progress=progress,
        )


async def listed(settings: Settings) -> list[str]:
    """A line for each draft that waits and each decision, newest last."""
    refuse_settings(settings)
    shelf = service.shelf_at(settings, Vault(key_provider(settings)))
    lines = [
        f"{line.moment[:10]}  {line.outcome}  {line.dataset} {line.release}" for line in service.decided(shelf)[::-1]
    ]
    waiting = [
        f"{seen.built_at[:10]}  waits, {seen.approvals} of {seen.needed} approvals  {seen.slug} {seen.release}"
        for seen in service.waiting(shelf, person="", language="de")
    ]
    return lines + waiting
