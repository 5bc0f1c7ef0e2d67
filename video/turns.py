"""When a socket is looked at: as soon as something comes, and while much comes once in a short while, many datagrams at once.

To wake up for each datagram costs more than to forward it. So who is woken twice within a `BUSY` while looks by the clock
from then on, every `PAUSE`, until nothing came; network cards do the same with their interrupts.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from video.datagrams import BATCH, Datagrams

log = structlog.get_logger()

PAUSE: Final = 0.002
"""Seconds that a datagram may wait for others: what this adds to a delay of 20 ms and more nobody sees or hears."""

BUSY: Final = 0.004
MOST_AT_ONCE: Final = 16
"""Batches of one turn; then everything else of this process has its turn."""


class Turns:
    """One socket in the running loop: what comes goes to `take`, what that sends leaves with the rest of its batch."""

    def __init__(self, datagrams: Datagrams, take: Callable[[bytes, Any], None]) -> None:
        self.datagrams = datagrams
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._looking: asyncio.TimerHandle | None = None
        self._woken_at = 0.0
        self._leaving = self._blocked = False
        self._loop.add_reader(datagrams.socket, self._woken)

    def send(self, address: Any, data: bytes) -> None:
        """Send a datagram there, with all others of this batch, or of this turn of the loop."""
        self.datagrams.queue(data, address)
        if not self._leaving:
            self._leaving = True
            self._loop.call_soon(self._leave)

    def close(self) -> None:
        """Send what can be sent at once, and give the socket back."""
        if self._looking is not None:
            self._looking.cancel()
        self._loop.remove_reader(self.datagrams.socket)
        self._loop.remove_writer(self.datagrams.socket)
        self.datagrams.close()

    def _woken(self) -> None:
        now = self._loop.time()
        if now - self._woken_at < BUSY:
            self._loop.remove_reader(self.datagrams.socket)
            self._looking = self._loop.call_later(PAUSE, self._look)
        self._woken_at = now
        self._turn()

    def _look(self) -> None:
        self._looking = None
        if self._turn():
            self._looking = self._loop.call_later(PAUSE, self._look)
        else:
            self._loop.add_reader(self.datagrams.socket, self._woken)

    def _turn(self) -> int:
        take, total = self._take, 0
        for _ in range(MOST_AT_ONCE):
            self._leaving = True
            batch = self.datagrams.receive()
            for data, address in batch:
                try:
                    take(data, address)
                except Exception as error:  # the edge of the process: one datagram must not cost the others theirs
                    log.error("datagram_failed", error=type(error).__name__)
            self._leave()
            total += len(batch)
            if len(batch) < BATCH:
                break
        return total

    def _leave(self) -> None:
        self._leaving = self._blocked
        if self._blocked or self.datagrams.flush():
            return
        self._leaving = self._blocked = True
        self._loop.add_writer(self.datagrams.socket, self._writable)

    def _writable(self) -> None:
        if self.datagrams.flush():
            self._loop.remove_writer(self.datagrams.socket)
            self._leaving = self._blocked = False
