"""The demo's release: the last complete quarter of the made-up record, by the definition that is shipped."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from anonymise.definition import cohort_definitions
from anonymise.manifest_names import is_out
from anonymise.periods import last_complete
from telemed.demo.accounts import BOARD
from telemed.services import Services

WEEKS: Final = "kiel-weeks"
"""The cohort whose draft is left for the board to decide."""


async def publish_last_quarter(
    services: Services, *, step: Callable[[], AbstractContextManager[None]]
) -> tuple[str, ...]:
    """The slugs of the published data sets; empty if all were refused, as they may be with few patients.

    `step` tells who waits, where the quarter is not out yet.
    """
    releases, now = services.settings.releases, services.clock.now()
    definitions = cohort_definitions()
    out = [one for one in definitions if is_out(releases, one.slug, last_complete(one.period, now).name)]
    if not out:
        # Data frames and RDF take a third of a second to import, which a second start saves.
        from anonymise.preparing import prepare_period
        from telemed.releases import service

        with step():
            found = await prepare_period(
                services.database,
                services.vault,
                service.shelf_of(services),
                clock=services.clock,
                definitions=definitions,
                built_by="the demo",
            )
            # A refusal stands in the register, and earlier releases stay.
            for draft in (one.draft for one in found if one.draft is not None):
                # In production two people look at it first.
                for person in BOARD:
                    service.approve(services, draft.facts.slug, draft.facts.release, person=person, digest=draft.digest)
                service.publish(services, draft.facts.slug, draft.facts.release)
    await _left_for_the_board(services)
    return tuple(one.slug for one in definitions if (releases / one.slug).exists())


async def _left_for_the_board(services: Services) -> None:
    """Nothing; the last week's draft waits at /console/releases, where the record has enough for one."""
    folder, definitions = services.settings.data_dir / "drafts", cohort_definitions(WEEKS)
    if any((folder / one.slug).exists() for one in definitions):
        return
    from anonymise.preparing import prepare_period
    from telemed.releases import service

    shelf = service.shelf_of(services)
    await prepare_period(
        services.database,
        services.vault,
        shelf,
        clock=services.clock,
        definitions=definitions,
        built_by="the demo",
    )
