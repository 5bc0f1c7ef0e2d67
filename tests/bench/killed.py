"""How long a call of two real pages is without new sound when its media worker is killed.

`python -m tests.bench.killed 5`: so many workers are killed with SIGKILL, one after the other. Measured is the time from
the kill to the first sound that a page decoded (not one made up in its place) on its new connection, on both pages.
"""

import asyncio
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.fixtures.processes import answers, free_port, running
from tests.video.killing import LISTEN, alive, called, processes, serving, started
from tests.video.site import open_site, until
from tests.video.stage import Stage
from video.placement import Placed
from video.rooms import Rooms

ROOM = "killed"


async def measured(kills: int) -> list[float]:
    """Seconds without new sound, of each page after each kill."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        async with _stage(Path(name)) as (stage, placed, redis_url), AsyncExitStack() as ends:
            workers = list(await ends.enter_async_context(processes(redis_url, Path(name), 2)))
            await alive(placed, workers=2)
            call = await called(stage, ROOM)
            await call.see_each_other()
            for _ in range(kills):
                for page in call.pages.values():
                    await page.evaluate(LISTEN)
                killed = await serving(redis_url, ROOM, among=workers)
                at = time.time()
                await killed.end(signal.SIGKILL)
                found += [await until(page, "seen.heard") / 1000 - at for page in call.pages.values()]
                workers.append(await started(redis_url, Path(name)))
                ends.push_async_callback(workers[-1].end, signal.SIGKILL)
                await alive(placed, workers=2)
                await call.see_each_other()
            await stage.clear()
    return found


@asynccontextmanager
async def _stage(folder: Path) -> AsyncIterator[tuple[Stage, Placed, str]]:
    program, port = shutil.which("redis-server") or "redis-server", free_port()
    made: list[Placed] = []

    def placed(rooms: Rooms) -> Placed:
        made.append(Placed(rooms, Redis.from_url(f"redis://127.0.0.1:{port}")))
        return made[0]

    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running([program, *options], folder / "log", ready=lambda: answers(port)):
        async with open_browsers(Participants(strict=True)) as browsers, open_site(placed=placed) as site:
            yield Stage(site, browsers, await browsers.chromium()), made[0], f"redis://127.0.0.1:{port}"


def told(found: Sequence[float]) -> str:
    """Median and worst, in words."""
    return f"{len(found)} pages: median {statistics.median(found):.2f} s, worst {max(found):.2f} s without new sound"


def run(kills: int) -> list[float]:
    """The same as `measured`, as a whole."""
    return asyncio.run(measured(kills))


if __name__ == "__main__":
    print(told(run(int(sys.argv[1]) if len(sys.argv) > 1 else 5)))
