"""The job of statistics: read one part of an extraction (`statistics.extract`), whichever worker has time."""

from collections.abc import Awaitable, Callable

from anonymise.models import JOB
from telemed.services import Services

Handler = Callable[[str, str], Awaitable[None]]


def handlers(services: Services) -> dict[str, Handler]:
    """What a worker runs for it; data frames are imported when the first one comes."""

    async def extract(ref: str, key: str) -> None:
        from anonymise.definition import cohort_definitions
        from anonymise.gathering import Gathering, read_part
        from anonymise.periods import Period
        from telemed.releases.service import shelf_of

        def gathering(cohort: str, period: Period) -> Gathering:
            pseudonym = shelf_of(services).ledger.pseudonym
            definitions = cohort_definitions(cohort)
            return Gathering(services.database, services.vault, definitions, period, pseudonym)

        await read_part(ref, gathering)

    return {JOB: extract}
