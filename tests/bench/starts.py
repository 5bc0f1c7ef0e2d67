"""The demo: how fast its people are written, and how long its first and its second start take."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.clock import SystemClock
from infra.settings import Settings
from telemed.demo.population import Population
from telemed.demo.seed import seed_institutions, seed_people
from telemed.wiring import open_services
from tests.bench.figures import Figure
from tests.bench.furnish import make_tables
from tests.bench.requests import settings_for
from tests.bench.sides import ROOT
from tests.fixtures.processes import free_port, scrubbed

PATIENTS = 2000
START_LIMIT = 300.0
POLL = 0.02


async def run(folder: Path, *, patients: int = PATIENTS) -> list[Figure]:
    """Resources a second through the bulk path, and two starts of the real command, until demo.json is there."""
    settings = settings_for(folder / "seeding")
    written, wall, cpu = await seeding(settings, patients)
    first = start(folder / "demo", patients)
    second = start(folder / "demo", patients)
    return [
        Figure("demo: seeding", written / wall, "resources/s", note=f"{written} in {wall:.1f} s, {cpu:.1f} s CPU"),
        Figure(f"demo: first start, {patients} patients", first, "s"),
        Figure("demo: second start", second, "s", "the first", first, first / second),
    ]


async def seeding(settings: Settings, patients: int) -> tuple[int, float, float]:
    """How many resources were written, in how many seconds, with how much processor time."""
    await make_tables(settings.database)
    population = Population.made_up(patients, now=SystemClock().now())
    async with open_services(settings) as services:
        await seed_institutions(services, population)
        wall, cpu = time.perf_counter(), time.process_time()
        written = await seed_people(services, population, progress=lambda _: None)
        return written, time.perf_counter() - wall, time.process_time() - cpu


def start(folder: Path, patients: int) -> float:
    """Seconds until a demo in this folder can be used; it is stopped again."""
    folder.mkdir(exist_ok=True)
    ports = {"PORT": str(free_port()), "PORTAL_PORT": str(free_port())}
    environment = scrubbed(DEMO_DIR=str(folder), DEMO_PATIENTS=str(patients), **ports)
    command = [sys.executable, "-m", "telemed", "demo"]
    began = time.monotonic()
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log) as demo,
    ):
        try:
            while not (folder / "demo.json").exists():
                if demo.poll() is not None or time.monotonic() - began > START_LIMIT:
                    raise ChildProcessError((folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(POLL)  # a foreign process has no event to wait for
            return time.monotonic() - began
        finally:
            demo.send_signal(signal.SIGTERM)
