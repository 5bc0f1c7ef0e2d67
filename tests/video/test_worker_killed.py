"""A media worker is killed under a call of real browsers: the pages are told, and offer again before they miss anything."""

import signal
from pathlib import Path

from redis.asyncio import Redis

from tests.fixtures.browsers import Browsers
from tests.video.killing import LISTEN, alive, called, processes, serving
from tests.video.site import open_site, until
from tests.video.stage import Stage
from video.placement import Placed
from video.rooms import Rooms


async def test_pages_are_told_that_their_worker_was_killed_and_go_on_with_another_under_the_same_keys(
    redis_url: str, tmp_path: Path, browsers: Browsers
) -> None:
    made: list[Placed] = []

    def placed(rooms: Rooms) -> Placed:
        made.append(Placed(rooms, Redis.from_url(redis_url)))
        return made[0]

    async with processes(redis_url, tmp_path, 2) as running, open_site(placed=placed) as site:
        await alive(made[0], workers=2)
        stage = Stage(site, browsers, await browsers.chromium())
        call = await called(stage, "killed")
        await call.see_each_other()
        words = await call.pages["doctor"].evaluate("seen.words.digits")
        for page in call.pages.values():
            await page.evaluate(LISTEN)

        await (await serving(redis_url, "killed", among=running)).end(signal.SIGKILL)

        for page in call.pages.values():
            # By the message: nothing had told the page's own connection yet that nobody is there any more.
            assert await until(page, "seen.again") == ["connected"]
            await until(page, "seen.heard && seen.lock && call.state === 'live'")
        await call.see_each_other()
        assert await call.pages["doctor"].evaluate("seen.words.digits") == words
        await stage.clear()
