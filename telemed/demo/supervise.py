"""The demo's processes: started with a bare environment, started again when one dies or falls silent, ended together."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import typer

from infra.problems import Unavailable

# What a child needs from us to find its interpreter, its files and its language; nothing else is handed on.
INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
STOP_SECONDS: Final = 15
READY_SECONDS: Final = 120
ASK_EVERY: Final = 0.1
PR_SET_PDEATHSIG: Final = 1  # prctl(2), Linux
RESTART_PAUSE: Final = 0.5
# A process that is stopped (SIGSTOP) or hangs does not end. On a machine that is merely busy it still answers in time.
ALIVE_EVERY: Final = 5.0
SILENT_AFTER: Final = 30.0


# Loaded before any fork: between fork and exec nothing may be looked up.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """Nothing; the process that calls this is asked to end when its parent has died, however that died."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class NotReady(Unavailable):
    """A process of the demo did not answer in time. Its log file says why."""


class Child:
    """One process of the demo, with its output in a log file."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        ready_url: str,
        live_url: str,
        log_file: Path,
        silent_after: float = SILENT_AFTER,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._arguments = [sys.executable, "-m", *arguments]
        self._ready_url = ready_url
        self._live_url = live_url
        self._silent_after = silent_after
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process's number; 0 while it is not running."""
        return self._process.pid if self._process is not None else 0

    async def start(self, environment: Mapping[str, str]) -> None:
        """Nothing; the process answers."""
        await self.spawn(environment)
        await self.until_ready()

    async def spawn(self, environment: Mapping[str, str]) -> None:
        """Nothing; the process is on its way."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                env={**inherited, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
            )

    async def until_ready(self) -> None:
        """Nothing; the process answers, or `NotReady`."""
        assert self._process is not None
        try:
            async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(trust_env=False) as client:
                while self._process.returncode is None:
                    with suppress(httpx.TransportError):
                        if (await client.get(self._ready_url)).is_success:
                            return
                    await asyncio.sleep(ASK_EVERY)
        except TimeoutError:
            pass
        await self.stop()
        raise NotReady(f"{self.name} did not answer; see {self.log_file}")

    async def gone(self) -> None:
        """Nothing, once the process has ended, by itself or, where it no longer answers, by force."""
        assert self._process is not None
        silent = asyncio.create_task(self._silent())
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait((ended, silent), return_when=asyncio.FIRST_COMPLETED)
            if self._process.returncode is None:
                # A stopped process does not hear that it should end.
                self._process.kill()
                await ended
        finally:
            for task in (ended, silent):
                task.cancel()

    async def _silent(self) -> None:
        """Nothing, once the process has not answered for a while."""
        clock, patience = asyncio.get_running_loop().time, self._silent_after
        heard = clock()
        async with httpx.AsyncClient(trust_env=False, timeout=patience / 3) as client:
            while clock() - heard < patience:
                with suppress(httpx.TransportError):
                    await client.get(self._live_url)
                    heard = clock()
                await asyncio.sleep(min(ALIVE_EVERY, patience / 3))

    async def stop(self) -> None:
        """Nothing; the process has ended, by force if it did not go when asked."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def keep_running(
    children: Sequence[Child], *, environment: Callable[[], Mapping[str, str]], restarted: Callable[[], None]
) -> None:
    """Nothing, ever: a child that ends or falls silent is started again, and `restarted` is told once it answers.

    `NotReady` if it does not. Until then demo.json stays as it is: who waits for another pid may use it at once. Where
    the disk is full it is told again and again: the processes go on without that file.
    """

    async def watch(child: Child) -> None:
        while True:
            await child.gone()
            await asyncio.sleep(RESTART_PAUSE)
            await child.start(environment())
            while not _done(restarted):  # noqa: ASYNC110 - a full disk has no event for us
                await asyncio.sleep(ALIVE_EVERY)

    try:
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(watch(child))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


def _done(work: Callable[[], None]) -> bool:
    try:
        work()
    except OSError as error:
        typer.echo(f"{error.strerror}: {error.filename}", err=True)
        return False
    return True
