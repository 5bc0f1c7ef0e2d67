"""What the limits cost a request of the record: counted by address and by client, in memory or in a Redis."""

import time
from pathlib import Path
from statistics import median
from typing import Final

from infra.caller import Caller, Role
from infra.rates import Counter
from infra.settings import Settings
from infra.vault import FileKeyProvider
from telemed.gate import Gate, gate_from
from tests.bench import bars
from tests.bench.figures import Figure, limited
from tests.bench.requests import redis
from tests.bench.sides import PLENTY

REQUESTS: Final = 10_000
ROUNDS: Final = 5
CALLER: Final = Caller("bench", "bench-client", Role.SYSTEM)


async def run(folder: Path) -> list[Figure]:
    """A line for a process that counts for itself, and one for processes that share a Redis, if one is installed."""
    settings = Settings(rate_fhir=PLENTY, rate_system=PLENTY)
    found = []
    with redis() as shared:
        for where, url in (("in memory", ""), ("in Redis", shared)):
            if url or where == "in memory":
                counter = Counter(url)
                gate = gate_from(settings, counter, FileKeyProvider(folder / "counting.json"))
                spent = median([await _spent(gate) for _ in range(ROUNDS)])
                await counter.close()
                found.append(limited(f"counting a request, {where}", spent, "us", most=bars.COUNTING))
    return found


async def _spent(gate: Gate) -> float:
    """Microseconds of processor time that one request needs for its limits."""
    began = time.process_time()
    for _ in range(REQUESTS):
        waiting = gate.admit({"client": ("192.0.2.1", 1), "method": "GET", "path": "/fhir/Patient/1", "headers": []})
        if waiting is not None:
            await waiting
        await gate.admit_caller(CALLER)
    return (time.process_time() - began) / REQUESTS * 1e6
