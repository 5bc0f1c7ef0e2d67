"""The forwarding unit of an installation: inside `serve`, or, where there is a Redis, in `telemed media` processes."""

import asyncio
import signal

import uvloop
from redis.asyncio import Redis

from infra.settings import Settings
from telemed.startup import StartRefused
from video.embedded import Embedded
from video.ice import Ice, ice_from
from video.media import Media
from video.placement import Placed
from video.rooms import Rooms


def addresses_of(settings: Settings) -> tuple[str, ...]:
    """Addresses beside the machine's own: on one machine only the loopback is sure to be there, and browsers hide it."""
    return ("127.0.0.1",) if settings.ice_loopback else ()


def unit_of(settings: Settings, rooms: Rooms, ice: Ice) -> Media:
    """What the signalling of this process hands offers to."""
    if settings.redis_url:
        return Placed(rooms, Redis.from_url(settings.redis_url))
    return Embedded(rooms, ice, addresses=addresses_of(settings))


def run(settings: Settings) -> None:
    """Nothing, until SIGTERM or SIGINT has drained the process.

    Without a Redis `serve` forwards by itself, and this is refused.
    """
    if not settings.redis_url:
        raise StartRefused("TELEMED_REDIS_URL is not set: `telemed serve` forwards media itself.")
    # A third less CPU for each packet than asyncio's own loop (tests/bench/unit.py).
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, settings.redis_url))


async def _serve(settings: Settings, redis_url: str) -> None:
    from video.worker import MediaWorker

    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    ice = ice_from(settings.ice_addresses, settings.ice_secret)
    async with Redis.from_url(redis_url) as redis:
        await MediaWorker(redis, ice, addresses=addresses_of(settings)).run(stopping)
