"""What one forwarded packet costs the unit in CPU, beside the floor of the same run: decrypt, encrypt and send it.

The unit runs in a process of its own, on uvloop, with everything on: sequence numbers rewritten, history for repairs,
acknowledgements both ways, frames looked at. Its calls come from cheap transports in this process. What is compared is
CPU time of the measured process, not seconds; floor and unit take turns in that same process.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import uvloop

from tests.bench.unit_bare import BareCaller
from tests.bench.unit_load import SOUND_BYTES, VIDEO_BYTES, Caller

KILOBITS: Final = 1000
SIZES: Final = [VIDEO_BYTES + 24] * 5 + [SOUND_BYTES + 24] * 2
"""Of seven packets at 1 Mbit/s and fifty sounds a second, about two are sounds."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run: calls of two, microseconds of processor a forwarded packet, the floor, and the delay of the slowest hundredth."""

    calls: int
    packets: int
    cost: float
    floor: float
    core: float
    late: float

    @property
    def ratio(self) -> float:
        """Cost over floor."""
        return self.cost / self.floor


class Server:
    """The measured process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, **asked: Any) -> Any:
        """Its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def server() -> Iterator[Server]:
    """A unit in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.unit_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


async def measured(calls: int, *, seconds: float) -> Load:
    """The figures of so many calls of two at 1 Mbit/s each way."""
    warm = seconds / 3
    with server() as serving:
        callers = [Caller(0x100 + 16 * number, kilobits=KILOBITS) for number in range(2 * calls)]
        try:
            for number, caller in enumerate(callers):
                sdp, room = await caller.offer(), f"room-{number // 2}"
                asked = {"do": "offer", "room": room, "who": str(number), "sdp": sdp, "kid": 0x100 + 16 * number}
                answer = await asyncio.to_thread(partial(serving.ask, **asked))
                assert await caller.accept(answer)
            now = time.monotonic()
            sending = [asyncio.create_task(one.send(now + warm + seconds, started=now)) for one in callers]
            await asyncio.sleep(warm)
            for one in callers:
                one.delays.clear()
            floor = [await asyncio.to_thread(serving.ask, do="floor", sizes=SIZES) for _ in range(3)]
            before, began = await asyncio.to_thread(serving.ask, do="cpu"), time.monotonic()
            await asyncio.gather(*sending)
            after, ended = await asyncio.to_thread(serving.ask, do="cpu"), time.monotonic()
            floor += [await asyncio.to_thread(serving.ask, do="floor", sizes=SIZES) for _ in range(3)]
        finally:
            for one in callers:
                await one.close()
    packets, used = after["packets"] - before["packets"], after["cpu"] - before["cpu"]
    delays = sorted(delay for one in callers for delay in one.delays)
    return Load(
        calls,
        packets,
        1e6 * used / packets,
        statistics.median(floor),
        used / (ended - began),
        delays[int(len(delays) * 0.99)],
    )


async def bare(calls: int, *, seconds: float) -> float:
    """Microseconds of processor for a packet that is only received, decrypted, encrypted and sent, under the same load."""
    loop, warm = asyncio.get_running_loop(), seconds / 3
    with server() as serving:
        ports = await asyncio.to_thread(serving.ask, do="bare", calls=calls)
        callers = []
        for number, port in enumerate(ports):
            made = partial(BareCaller, number, kilobits=KILOBITS)
            callers.append(await loop.create_datagram_endpoint(made, remote_addr=("127.0.0.1", port)))
        now = time.monotonic()
        sending = [asyncio.create_task(one.send(now + warm + seconds, started=now)) for _, one in callers]
        await asyncio.sleep(warm)
        before = await asyncio.to_thread(serving.ask, do="cpu")
        await asyncio.gather(*sending)
        after = await asyncio.to_thread(serving.ask, do="cpu")
        for transport, _ in callers:
            transport.close()
    return 1e6 * float(after["cpu"] - before["cpu"]) / int(after["packets"] - before["packets"])


def run(calls: int, *, seconds: float) -> tuple[Load, float]:
    """The unit's figures, and what the bare work costs under the same load; on uvloop, one after the other."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        first = runner.run(bare(calls, seconds=seconds / 2))
        load = runner.run(measured(calls, seconds=seconds))
        return load, (first + runner.run(bare(calls, seconds=seconds / 2))) / 2


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ["6"]):
        found, alone = run(count, seconds=6)
        print(found, f"bare {alone:.1f} us, ratio {found.cost / alone:.2f}", flush=True)
