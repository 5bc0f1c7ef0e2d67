"""The demo's release: the last complete quarter of the made-up record, by the definition that is shipped."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from anonymise.definition import shipped
from anonymise.manifest_names import is_out
from anonymise.periods import last_complete_quarter
from anonymise.problems import ReleaseRefused
from telemed.services import Services

BOARD: Final = ("demo-board-1", "demo-board-2")
"""Who approves the demo's own release. In production two people look at it first."""


async def publish_last_quarter(
    services: Services, *, step: Callable[[], AbstractContextManager[None]]
) -> tuple[str, ...]:
    """The slugs of the published data sets; empty if the screen refused, as it may with few patients.

    `step` tells who waits, where the quarter is not out yet.
    """
    definition, settings = shipped(), services.settings
    if not is_out(settings.releases, definition.slug, last_complete_quarter(services.clock.now()).name):
        # Data frames and RDF take a third of a second to import, which a second start saves.
        from anonymise.pipeline import prepare_quarter
        from telemed.releases import service

        # A refusal stands in the register, with its reason, and earlier releases stay.
        with step(), suppress(ReleaseRefused):
            draft = await prepare_quarter(
                services.database,
                services.vault,
                service.shelf_of(services),
                clock=services.clock,
                definition=definition,
                built_by="the demo",
            )
            slug, release = draft.facts.slug, draft.facts.release
            for person in BOARD:
                service.approve(services, slug, release, person=person, digest=draft.digest)
            service.publish(services, slug, release)
    return (definition.slug,) if (settings.releases / definition.slug).exists() else ()
