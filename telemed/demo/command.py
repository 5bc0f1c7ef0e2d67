"""`telemed demo`: the whole product with made-up people, on one machine, until it is stopped."""

import asyncio
import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console

from infra import log
from infra.problems import Problem
from telemed.demo import describe, doors
from telemed.demo.describe import Offer
from telemed.demo.files import Folder
from telemed.demo.options import Options, environment_of
from telemed.demo.prepare import prepare
from telemed.demo.supervise import Child, keep_running


class DemoRunsAlready(Problem):
    """A demo already uses this folder. Stop it, or set DEMO_DIR to another folder."""


def demo() -> None:
    """Show the product with made-up people: brings everything up, prints four doors, runs until Ctrl-C."""
    log.configure("WARNING")
    options = Options()
    console = Console()
    with _held(options.files):
        options.require_free_ports()
        try:
            asyncio.run(_run(options, console=console))
        except KeyboardInterrupt:
            console.print("Stopped.")


async def _run(options: Options, *, console: Console) -> None:
    started = time.monotonic()
    files = options.files
    files.offer.unlink(missing_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    offer = await prepare(options, console=console)
    children = _children(options)

    def environment() -> dict[str, str]:
        later = timedelta(seconds=time.monotonic() - started)
        return environment_of(options.settings(later=later))

    try:
        await asyncio.gather(*(child.start(environment()) for child in children))
        _publish(offer, children, files=files)
        doors.show(console, offer, file=files.offer)
        keeping = asyncio.create_task(
            keep_running(children, environment=environment, restarted=lambda: _publish(offer, children, files=files))
        )
        await asyncio.wait([keeping, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            # A process could not be started again. Say so, rather than end as if somebody had asked for it.
            await keeping
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    finally:
        files.offer.unlink(missing_ok=True)
        await asyncio.gather(*(child.stop() for child in children))


def _children(options: Options) -> list[Child]:
    logs = options.files.logs
    serve = ["telemed", "serve", "--port", str(options.port)]
    portal = ["telemed", "portal", "--port", str(options.portal_port)]
    return [
        Child("serve", serve, ready_url=f"http://127.0.0.1:{options.port}/readyz", log_file=logs / "serve.log"),
        Child(
            "portal", portal, ready_url=f"http://127.0.0.1:{options.portal_port}/livez", log_file=logs / "portal.log"
        ),
    ]


def _publish(offer: Offer, children: list[Child], *, files: Folder) -> None:
    describe.publish(offer, files.offer, pids={child.name: child.pid for child in children})


@contextmanager
def _held(files: Folder) -> Iterator[None]:
    """Nobody else runs a demo in this folder meanwhile."""
    files.root.mkdir(parents=True, exist_ok=True)
    with files.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRunsAlready from error
        yield
