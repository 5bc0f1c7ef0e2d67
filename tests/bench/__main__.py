"""`python -m tests.bench`: one table of figures, each beside the same work without the product."""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from infra import log
from tests.bench import (
    anonymise,
    attack,
    audit,
    calls,
    counting,
    extraction,
    figures,
    flow,
    growth,
    keys,
    ledger,
    pages,
    parts,
    policy,
    profiling,
    requests,
    starts,
    tokens,
    usability,
)
from tests.bench.figures import Figure
from tests.bench.furnish import Size
from tests.bench.sides import Scenario

# Seconds after which the large release would take the run beyond its quarter of an hour.
TIME_FOR_MORE = 600
WIDTH = 190


def main() -> None:
    """Nothing; the table, or the profile, has been printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--profile", type=Scenario, choices=list(Scenario), help="only this scenario, under cProfile")
    chosen = parser.parse_args()
    log.configure("WARNING")
    terminal = Console()
    # In a file or a narrow window a wide line is easier to read than a narrow column.
    console = Console(width=max(terminal.width, WIDTH))
    load = os.getloadavg()
    figures.warn_if_busy(console, load)
    if chosen.profile:
        profiling.show(console, chosen.profile, profiling.profile(chosen.profile, Size()))
        return
    report = figures.report(measure(console), load)
    figures.show(console, report)
    if chosen.json:
        figures.write(report, chosen.json)


def measure(console: Console) -> list[Figure]:
    """All figures; the large release is left out where it would not fit, unless FULL=1 is in the environment."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="telemed-bench-") as home:
        folder = Path(home)
        with _stage(console, "requests"):
            found = asyncio.run(requests.run(folder, Size()))
        with _stage(console, "single steps of a write"):
            found += asyncio.run(parts.run(folder, found))
        with _stage(console, "pages of a write"):
            found += asyncio.run(pages.run(folder, Size()))
        with _stage(console, "limits"):
            found += asyncio.run(counting.run(folder))
        with _stage(console, "who may see what"):
            found += asyncio.run(policy.run(folder, found))
        with _stage(console, "the line of a read"):
            found += asyncio.run(audit.run(folder, found))
        with _stage(console, "access tokens"):
            found += asyncio.run(tokens.run(folder))
        with _stage(console, "rotation of keys"):
            found += asyncio.run(keys.run(folder))
        with _stage(console, "extraction"):
            found += asyncio.run(extraction.run(folder))
        with _stage(console, "growth"):
            found += asyncio.run(growth.run(folder, growth.sizes(), growth.Load()))
        with _stage(console, "the log of accesses"):
            found += asyncio.run(ledger.run(folder))
        with _stage(console, "calls"):
            found += calls.run()
        with _stage(console, "the patient's flow"):
            found += asyncio.run(flow.run(folder))
        with _stage(console, "the demo's start"):
            found += asyncio.run(starts.run(folder))
        with _stage(console, "what statistics lose"):
            found += anonymise.quality(folder)
    with _stage(console, "attack and meet"):
        found += attack.run()
    with _stage(console, "partitions"):
        found += [*anonymise.release(anonymise.SIZES[0]), *anonymise.run(anonymise.SIZES[0])]
    if os.environ.get("FULL") or time.monotonic() - began < TIME_FOR_MORE:
        with _stage(console, "a large partition"):
            found += [*anonymise.release(anonymise.SIZES[1]), *anonymise.run(anonymise.SIZES[1])]
    if os.environ.get("FULL"):
        with _stage(console, "ten million persons"):
            found += anonymise.run(anonymise.SIZES[2])
        with _stage(console, "two years of the demo's region"):
            found += usability.run()
    return found


@contextmanager
def _stage(console: Console, name: str) -> Iterator[None]:
    """A part of the run, shown while it lasts; then how long it took, for whoever waits without a terminal."""
    began = time.monotonic()
    with console.status(name):
        yield
    console.print(f"{name}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
