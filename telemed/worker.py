"""The worker process: does the jobs of a service whose queue is on a Redis of its own."""

import asyncio

from infra.settings import Settings
from telemed.startup import StartRefused
from telemed.wiring import open_services


async def work(settings: Settings) -> None:
    """Nothing, until it is cancelled: does jobs and signs the log of accesses.

    Without a Redis `serve` has its worker inside, and this is refused.
    """
    if not settings.redis_url:
        raise StartRefused("TELEMED_REDIS_URL is not set: `telemed serve` does the jobs itself.")
    async with open_services(settings) as services:
        await asyncio.gather(services.queue.run(), services.sequencer.run())
