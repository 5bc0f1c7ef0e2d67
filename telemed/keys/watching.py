"""What each running process hears of keys that another one renewed or destroyed: twice a minute, it looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from infra.problems import Problem
from infra.vault import KeyEvent
from infra.vault.destroying import changes_since
from telemed.keys.erasing import Eraser
from telemed.keys.replay import replay

log = structlog.get_logger()

# Nothing of a destroyed key may be left in any process after a minute.
EVERY_SECONDS: Final = 20.0


class Watch:
    """Looks for what happened to keys since it looked last."""

    def __init__(self, eraser: Eraser) -> None:
        self._eraser = eraser
        self._since: datetime = eraser.clock.now()
        self._seen: set[tuple[str, str, datetime]] = set()
        self._list_size = self._size()
        self._left = 0

    async def look(self) -> None:
        """Nothing; cached keys that are no longer good are dropped, and an erasure that was left half done is done."""
        now = self._eraser.clock.now()
        found = await self._eraser.database.read(partial(changes_since, moment=self._since))
        new, self._seen, self._since = found - self._seen, found, now
        self._eraser.vault.forget_newest(scope for scope, event, _ in new if event == KeyEvent.RENEWED)
        changed = any(event == KeyEvent.DESTROYED for _, event, _ in new) or self._size() != self._list_size
        if changed:
            self._eraser.vault.forget()
        if changed or self._left:
            self._list_size = self._size()
            self._left = (await replay(self._eraser)).left

    def _size(self) -> int:
        path = self._eraser.listed.path
        return path.stat().st_size if path.exists() else 0


@asynccontextmanager
async def watching(eraser: Eraser) -> AsyncIterator[None]:
    """A stretch in which this process hears of what others do to keys."""
    task = asyncio.create_task(_watch(Watch(eraser)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(watch: Watch) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await watch.look()
        except Problem as error:
            log.error("key_watch_failed", error=type(error).__name__)
