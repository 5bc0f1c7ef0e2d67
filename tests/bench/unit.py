"""What one forwarded packet costs the unit in CPU, beside the floor of the same run: decrypt, encrypt and send it.

The unit runs in a process of its own, on uvloop and on one core, with everything on: sequence numbers rewritten, history
for repairs, acknowledgements both ways, frames looked at. Its load comes from this process. What is compared is CPU time
of the measured process, not seconds; floor and unit take turns in that same process.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest.mock import patch

import uvloop

from tests.bench import cpu, unit_bare
from tests.bench.unit_caller import Caller
from tests.bench.unit_load import SOUND_BYTES, VIDEO_BYTES, Driven, drive

KILOBITS: Final = 1000
SIZES: Final = [VIDEO_BYTES + 24] * 5 + [SOUND_BYTES + 24] * 2
"""Of seven packets at 1 Mbit/s and fifty sounds a second, about two are sounds."""

ENDS_WITHIN: Final = 20.0
WARM: Final = 1.5
"""Seconds in which estimates settle and every picture has had a key frame."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run: calls of two, microseconds of processor a forwarded packet, and the floor of the same run."""

    calls: int
    cost: float
    floor: float
    driven: Driven

    @property
    def ratio(self) -> float:
        """Cost over floor."""
        return self.cost / self.floor

    @property
    def core(self) -> float:
        """The share of a core that was used."""
        return self.driven.spent / self.driven.seconds

    def __str__(self) -> str:
        driven = self.driven
        return (
            f"{self.calls} calls: {self.cost:.1f} us, floor {self.floor:.1f} us, ratio {self.ratio:.2f}, "
            f"{100 * self.core:.0f} % of a core, {driven.received} of {driven.sent} packets, delay "
            f"{1000 * driven.delays[len(driven.delays) // 2]:.2f} ms, slowest hundredth {1000 * driven.late:.2f} ms, "
            f"load behind by {1000 * driven.behind:.0f} ms at most"
        )


class Server:
    """The measured process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.spent = partial(cpu.seconds, process.pid)

    def ask(self, **asked: Any) -> Any:
        """Its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def server() -> Iterator[Server]:
    """A unit in a process of its own, on the last core."""
    command = [sys.executable, "-m", "tests.bench.unit_server"]
    with apart(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def apart(command: Sequence[str], **how: Any) -> "Iterator[subprocess.Popen[Any]]":
    """A process and all its threads on the last core, while this one keeps to the others; it has been asked to end inside."""
    *others, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {last})
    try:
        with subprocess.Popen(command, **how) as process:
            os.sched_setaffinity(0, others or {last})
            try:
                yield process
            finally:
                ended(process)
    finally:
        os.sched_setaffinity(0, {*others, last})


def ended(process: "subprocess.Popen[Any]") -> None:
    """Nothing, once the process that was asked to end has ended, or was made to."""
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()


async def measured(calls: int, *, seconds: float) -> Load:
    """The figures of so many calls of two at 1 Mbit/s each way."""
    # One socket each: with more, both sides may choose different ones, and nobody would look at the other.
    with server() as serving, patch("aioice.ice.get_host_addresses", lambda **families: []):
        callers = [Caller(0x100 + 16 * number) for number in range(2 * calls)]
        try:
            answers = [await _answered(serving, caller, number) for number, caller in enumerate(callers)]
            async with asyncio.timeout(60):
                reached = await asyncio.gather(*(one.accept(said) for one, said in zip(callers, answers, strict=True)))
            assert all(reached)
            sources = [one.source(kilobits=KILOBITS, seconds=WARM + seconds) for one in callers]
            sinks = [one.sink(sources[number ^ 1]) for number, one in enumerate(callers)]
            floor = [serving.ask(do="floor", sizes=SIZES) for _ in range(3)]
            driven = drive(sources, sinks, warm=WARM, seconds=seconds, spent=serving.spent)
            floor += [serving.ask(do="floor", sizes=SIZES) for _ in range(3)]
        finally:
            for one in callers:
                await one.close()
    return Load(calls, 1e6 * driven.spent / max(driven.received, 1), statistics.median(floor), driven)


async def _answered(serving: Server, caller: Caller, number: int) -> str:
    sdp, room = await caller.offer(), f"room-{number // 2}"
    asked = {"do": "offer", "room": room, "who": str(number), "sdp": sdp, "kid": 0x100 + 16 * number}
    return str(await asyncio.to_thread(partial(serving.ask, **asked)))


def bare(calls: int, *, seconds: float) -> float:
    """Microseconds of processor for a packet that is only received, decrypted, encrypted and sent, under the same load."""
    with server() as serving:
        sources, sinks = unit_bare.load(serving.ask(do="bare", calls=calls), KILOBITS, seconds=WARM + seconds)
        driven = drive(sources, sinks, warm=WARM, seconds=seconds, spent=serving.spent)
    return 1e6 * driven.spent / max(driven.received, 1)


def run(calls: int, *, seconds: float) -> tuple[Load, float]:
    """The unit's figures, and what the bare work costs under the same load; on uvloop, one after the other."""
    first = bare(calls, seconds=seconds / 2)
    load = alone(calls, seconds=seconds)
    return load, (first + bare(calls, seconds=seconds / 2)) / 2


def alone(calls: int, *, seconds: float) -> Load:
    """The unit's figures alone."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measured(calls, seconds=seconds))


def main(counts: Sequence[int]) -> None:
    """Nothing; the figures of so many calls each have been printed."""
    for count in counts:
        found, least = run(count, seconds=6)
        print(f"{found}; bare {least:.1f} us, ratio {found.cost / least:.2f}", flush=True)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [12, 60])
