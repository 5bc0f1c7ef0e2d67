"""The demo's release: the last complete quarter of the made-up record, by the definition that is shipped."""

from contextlib import suppress

from anonymise.definition import shipped
from anonymise.pipeline import publish_quarter
from anonymise.problems import ReleaseRefused
from telemed.services import Services


async def publish_last_quarter(services: Services) -> tuple[str, ...]:
    """The slugs of the published data sets; empty if the screen refused, as it may with few patients."""
    definition = shipped()
    settings = services.settings
    # A refusal stands in the register, with its reason, and earlier releases stay.
    with suppress(ReleaseRefused):
        await publish_quarter(
            services.database,
            services.vault,
            clock=services.clock,
            definition=definition,
            releases_dir=settings.releases,
            data_dir=settings.data_dir,
            base_url=settings.portal_url,
        )
    return (definition.slug,) if (settings.releases / definition.slug).exists() else ()
