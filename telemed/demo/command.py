"""`telemed demo`: the whole product with made-up people, on one machine, until it is stopped."""

import asyncio
import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from rich.console import Console

from infra import log
from infra.problems import Problem
from telemed.demo import describe, doors
from telemed.demo.describe import Offer
from telemed.demo.files import Folder
from telemed.demo.options import Options, environment_of
from telemed.demo.supervise import Child, NotReady, keep_running


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
    files, children = options.files, _children(options)
    files.offer.unlink(missing_ok=True)
    stop = asyncio.Event()
    for number in endings():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    showing = asyncio.create_task(_show(options, children, console=console))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([showing, stopping], return_when=asyncio.FIRST_COMPLETED)
        if showing.done():
            # Something could not be started. Say so, rather than end as if somebody had asked for it.
            await showing
    finally:
        files.offer.unlink(missing_ok=True)
        for task in (showing, stopping):
            task.cancel()
        await asyncio.gather(showing, stopping, return_exceptions=True)
        files.offer.unlink(missing_ok=True)
        await asyncio.gather(*(child.stop() for child in children))
    with suppress(OSError):  # the terminal may be gone
        console.print(f"Stopped. The made-up people stay in {files.root}.", soft_wrap=True, highlight=False)


def endings() -> list[signal.Signals]:
    """The signals that end the demo: Ctrl-C, `kill`, and a terminal that closes, unless `nohup` said to outlive it."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


async def _show(options: Options, children: list[Child], *, console: Console) -> None:
    """Nothing, ever: the demo runs."""
    started = time.monotonic()
    files = options.files

    def environment() -> dict[str, str]:
        later = timedelta(seconds=time.monotonic() - started)
        return environment_of(options.settings(later=later))

    if files.made() is not None:
        for child in children:
            await child.spawn(environment())
    # Imported here, because it takes as long as the processes take to come up, and there is a second core.
    from telemed.demo.prepare import prepare

    offer = await prepare(options, console=console)
    await asyncio.gather(*(_answering(child, environment()) for child in children))
    _publish(offer, children, files=files)
    doors.show(console, offer, file=files.offer)
    await keep_running(children, environment=environment, restarted=lambda: _publish(offer, children, files=files))


async def _answering(child: Child, environment: dict[str, str]) -> None:
    """Nothing; the process answers. One that refused the database of an older version is started again on the new."""
    if child.pid:
        with suppress(NotReady):
            await child.until_ready()
            return
    await child.start(environment)


def _children(options: Options) -> list[Child]:
    serve = ["telemed", "serve", "--port", str(options.port)]
    portal = ["telemed", "portal", "--port", str(options.portal_port)]
    return [
        _child(options, "serve", serve, port=options.port, ready="/readyz"),
        _child(options, "portal", portal, port=options.portal_port, ready="/livez"),
    ]


def _child(options: Options, name: str, arguments: list[str], *, port: int, ready: str) -> Child:
    own = f"http://127.0.0.1:{port}"
    log_file = options.files.logs / f"{name}.log"
    return Child(name, arguments, ready_url=f"{own}{ready}", live_url=f"{own}/livez", log_file=log_file)


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
