"""Browsers in a call through media workers that are processes of their own, and what a page hears while one is killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from tests.video.site import until
from tests.video.stage import LOCKED, Call, Stage
from video import wire
from video.placement import Placed

LISTEN: Final = """() => {
  const known = new Map(), old = new Set(connections), open = connections.filter((one) => one.connectionState !== "closed");
  seen.again = null;
  seen.heard = null;
  signalling.addEventListener("again", () => { seen.again ??= open.map((one) => one.connectionState); });
  // Sound that was decoded, not made up, on a connection made since, and not switched off.
  const look = async () => {
    for (const connection of connections.filter((one) => !old.has(one))) {
      for (const { track } of connection.getReceivers().filter(({ track }) => track.kind === "audio" && track.enabled)) {
        for (const report of (await connection.getStats(track)).values()) {
          if (report.type !== "inbound-rtp") continue;
          const sound = report.totalSamplesReceived - report.concealedSamples, before = known.get(report.id);
          known.set(report.id, sound);
          if (before !== undefined && sound > before) seen.heard ??= Date.now();
        }
      }
    }
    if (!seen.heard) setTimeout(look, 20);
  };
  look();
}"""
"""Run on a page before a worker is killed: `seen.again` has how its connections stood when it was told to offer again,
`seen.heard` when the first new sound was decoded."""


INVITE: Final = "signalling.send({ type: 'sealed', data: 'AHt9' })"
"""Whoever is told something sealed goes to the unit; here it is an empty object."""


async def called(stage: Stage, room: str) -> Call:
    """Physician and patient in a call through the unit, though nothing keeps them from the direct way."""
    pages = {who: await stage.enter(room, who) for who in ("doctor", "patient")}
    for page in pages.values():
        await until(page, "globalThis.call?.state === 'live'")
    await pages["doctor"].evaluate(INVITE)
    for page in pages.values():
        await until(page, LOCKED)
    return Call(room, pages)


class Process:
    """One `telemed media`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def end(self, number: signal.Signals) -> int:
        """Its exit status after a signal."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()


async def started(redis_url: str, folder: Path) -> Process:
    """Another worker on this Redis."""
    own = {"TELEMED_REDIS_URL": redis_url, "TELEMED_ICE_LOOPBACK": "true", "TELEMED_DATA_DIR": str(folder)}
    environment = {"PATH": os.environ["PATH"], "TELEMED_ENVIRONMENT": "demo", **own}
    command = [sys.executable, "-m", "telemed", "media"]
    return Process(await asyncio.create_subprocess_exec(*command, env=environment))


@asynccontextmanager
async def processes(redis_url: str, folder: Path, count: int) -> AsyncIterator[Sequence[Process]]:
    """So many workers for the length of the block."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(await started(redis_url, folder))
            stack.push_async_callback(found[-1].end, signal.SIGKILL)
        yield found


async def alive(placed: Placed, *, workers: int) -> None:
    """Wait until so many workers take calls."""
    async with asyncio.timeout(60):
        while len(placed.alive) != workers:  # noqa: ASYNC110  processes start in their own time
            await asyncio.sleep(0.02)


async def holder(redis_url: str, room: str) -> str:
    """Who has a room, as `worker:fence`."""
    async with Redis.from_url(redis_url) as redis:
        held: bytes = await redis.get(wire.lease(room))
    return held.decode()


async def serving(redis_url: str, room: str, *, among: Sequence[Process]) -> Process:
    """The process that has a room."""
    pid = int((await holder(redis_url, room)).partition("-")[0])
    return next(one for one in among if one.process.pid == pid)
