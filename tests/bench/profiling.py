"""Where the time of one kind of request goes: the product under cProfile, in all threads that do the work."""

import asyncio
import cProfile
import pstats
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvicorn
from rich.console import Console
from rich.table import Table

from infra.settings import Settings
from telemed.app import create_app
from tests.bench.figures import number
from tests.bench.furnish import Size, furnish
from tests.bench.requests import redis, settings_for
from tests.bench.rounds import LoadClient, load_client
from tests.bench.sides import STATUS, Scenario, calls_of_ours
from tests.bench.wire import Answers, Call, Load
from tests.fixtures.processes import free_port

TOP = 30


class Line(msgspec.Struct, frozen=True):
    """One function; times in microseconds a request, of its own and with all that it calls."""

    function: str
    calls: float
    own: float
    cumulative: float


def profile(scenario: Scenario, size: Size) -> list[Line]:
    """The functions that cost most by themselves, most first, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="telemed-bench-") as home, load_client() as client, redis() as redis_url:
        return asyncio.run(
            _profile(settings_for(Path(home) / "product", redis_url=redis_url), scenario, size, client=client)
        )


def show(console: Console, scenario: Scenario, lines: list[Line]) -> None:
    """Nothing; the table stands on the console."""
    table = Table(title=f"{scenario}: us a request under cProfile, which makes small functions look dearer")
    for name in ("own", "with callees", "calls", "function"):
        table.add_column(name, justify="left" if name == "function" else "right", no_wrap=True)
    for line in lines:
        table.add_row(number(line.own), number(line.cumulative), number(line.calls), line.function)
    console.print(table)


async def _profile(settings: Settings, scenario: Scenario, size: Size, *, client: LoadClient) -> list[Line]:
    furnished = await furnish(settings, size)
    port = free_port()
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    requests = size.bookings if scenario is Scenario.BOOK else size.requests
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        with ThreadPoolExecutor(1) as beside, _new_threads_profiled(beside) as profilers:
            group.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
            calls = calls_of_ours(port, settings, furnished)[scenario]
            warm = await loop.run_in_executor(beside, calls, max(size.clients, requests // 5))
            await loop.run_in_executor(beside, _send, client, port, warm, size)
            wanted = await loop.run_in_executor(beside, calls, requests)
            main = _profiler()
            for profiler in profilers:
                profiler.clear()
            main.enable()
            answers = await loop.run_in_executor(beside, _send, client, port, wanted, size)
            main.disable()
            stats = pstats.Stats(*(each for each in (main, *profilers) if each.getstats()))
        server.should_exit = True
    assert answers.statuses == {STATUS[scenario]: requests}, answers
    return _lines(stats, requests)


def _profiler() -> cProfile.Profile:
    # Each thread's own processor time: a wall clock would count its waiting for the other ones.
    return cProfile.Profile(time.thread_time)


@contextmanager
def _new_threads_profiled(beside: ThreadPoolExecutor) -> Iterator[list[cProfile.Profile]]:
    """The profilers of all threads that begin within the block: the writer, the readers; not the one that stands beside."""
    beside.submit(int).result()
    profilers: list[cProfile.Profile] = []

    def begin(*_event: object) -> None:
        profilers.append(_profiler())
        profilers[-1].enable()  # takes this function's place in the new thread

    threading.setprofile(begin)
    try:
        yield profilers
    finally:
        threading.setprofile(None)


def _send(client: LoadClient, port: int, calls: list[Call], size: Size) -> Answers:
    client.prepare(Load(port, calls, size.clients))
    return client.go()


def _lines(stats: pstats.Stats, requests: int) -> list[Line]:
    found = [
        Line(_name(place), entry[1] / requests, entry[2] / requests * 1e6, entry[3] / requests * 1e6)
        for place, entry in stats.stats.items()  # type: ignore[attr-defined]  # documented, but not in typeshed
        if "_queue.SimpleQueue" not in place[2]  # a thread that waits for work
    ]
    return sorted(found, key=lambda line: -line.own)[:TOP]


def _name(place: tuple[str, int, str]) -> str:
    file, line, function = place
    parts = Path(file).parts
    short = "/".join(parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else parts[-3:])
    return function if file == "~" else f"{short}:{line} {function}"
